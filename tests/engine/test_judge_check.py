"""The judge is measured before the search, and what a bad one says proves nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from optimizer.engine import Config, run
from optimizer.engine.events import Event, Finished, Invented, JudgeMeasured, Noted, Proposed, Scored, Spent
from optimizer.engine.inputs import FEWEST, invent
from optimizer.engine.judge_check import NO_PAIRS, NO_ROOM
from optimizer.engine.verdicts import Verdict
from optimizer.llm.base import CallFailedError, Request
from optimizer.llm.ledger import Ledger, MemoryStore
from optimizer.llm.scripted import Scripted
from tests.engine.judges import (
    INPUTS,
    Script,
    always_a,
    at_random,
    good,
    judged_by,
    one_in_three_unreadable,
    says,
)
from tests.engine.test_reasoning import asks, thinker
from tests.engine.world import events_of, proposals, task


def told(events: list[Event]) -> JudgeMeasured:
    (measured,) = [event for event in events if isinstance(event, JudgeMeasured)]
    return measured


def ended(judge: Script, **config: Any) -> tuple[JudgeMeasured, Finished]:
    events = events_of(task(items=(), inputs=INPUTS), judged_by(judge), **config)
    assert isinstance(events[-1], Finished)
    return told(events), events[-1]


def test_a_good_judge_is_trusted_and_its_verdict_counts() -> None:
    measured, result = ended(good)
    measure = measured.measure
    assert (measure.pairs, measure.readable, measure.position_bias, measure.consistent) == (4, 1.0, 0.5, 1.0)
    assert measure.trusted
    assert result.verdict == Verdict.BETTER
    assert not any("Choose another judge" in caveat for caveat in result.caveats)


@pytest.mark.parametrize(
    ("judge", "bias"), [(always_a, 1.0), (lambda request: says("B"), 0.0), (at_random, None)]
)
def test_a_judge_that_does_not_stay_with_its_verdict_proves_nothing(
    judge: Script, bias: float | None
) -> None:
    measured, result = ended(judge)
    assert measured.measure.pairs == 6
    assert measured.measure.consistent is not None
    assert measured.measure.consistent < 0.65
    assert bias is None or measured.measure.position_bias == bias
    assert result.verdict == Verdict.NOT_PROVEN
    assert result.proof.doubtful_judge
    assert str(measured.measure) in result.caveats
    assert "Choose another judge model, or add rows with answers." in str(measured.measure)


def test_whatever_the_win_rate_a_judge_that_failed_first_proves_nothing() -> None:
    """It is at random on the original's own answers, and prefers every candidate to them."""

    def later_good(request: Request) -> str:
        return good(request) if "at length" in request.messages[-1].content else always_a(request)

    _, result = ended(later_good)
    assert result.comparison
    assert result.comparison.low > 0
    assert result.position_bias == 0.5
    assert result.verdict == Verdict.NOT_PROVEN


def test_a_judge_that_often_cannot_be_read_proves_nothing() -> None:
    measured, result = ended(one_in_three_unreadable)
    assert 0 < measured.measure.readable < 0.8
    assert result.verdict == Verdict.NOT_PROVEN


def test_a_judge_that_can_never_be_read_ends_the_run_after_it_was_told() -> None:
    events: list[Event] = []
    model = Ledger(Scripted(judged_by(lambda request: "Well.")), MemoryStore())
    with pytest.raises(CallFailedError, match="Choose another judge model"):
        events.extend(run(task(items=(), inputs=INPUTS), Config(), model))
    assert told(events).measure.readable == 0
    assert told(events).measure.consistent is None


def test_a_judge_that_cannot_be_asked_ends_the_run_with_its_words() -> None:
    refusing = judged_by(lambda request: CallFailedError("no_model", "There is no such model."))
    with pytest.raises(CallFailedError, match="There is no such model"):
        events_of(task(items=(), inputs=INPUTS), refusing)


@pytest.mark.parametrize("judge", [good, always_a])
def test_it_is_told_before_the_search_and_costs_little(judge: Script) -> None:
    events = events_of(task(items=(), inputs=INPUTS), judged_by(judge))
    at = events.index(told(events))
    assert not any(isinstance(event, Scored) for event in events[:at])
    assert [event.number for event in events[:at] if isinstance(event, Proposed)] == [0]
    before = [event for event in events[:at] if isinstance(event, Spent)][-1]
    whole = [event for event in events if isinstance(event, Spent)][-1]
    assert (
        before.calls <= 1 + 6 + 2 + 18
    )  # to understand the task; answers, most of which the search needs; verdicts
    assert before.calls < whole.calls / 5


def test_pairs_hold_a_sampled_answer_or_one_to_another_input() -> None:
    model = Scripted(judged_by(good))
    asked = []
    for event in run(task(items=(), inputs=INPUTS), Config(), Ledger(model, MemoryStore())):
        if isinstance(event, JudgeMeasured):
            asked = list(model.requests)
            break
    compared = [request for request in asked if request.purpose == "compare"]
    assert [request.temperature for request in compared] == [0, 0, 0.7] * 4
    assert len({request.key for request in compared}) == 12
    sampled = [request for request in asked if request.purpose == "answer" and request.temperature]
    assert len(sampled) == 2
    assert sum("try 1." in request.messages[-1].content for request in compared) == 6


def test_a_replay_asks_the_same_and_tells_the_same() -> None:
    store = MemoryStore()
    first, second = Scripted(judged_by(at_random)), Scripted(judged_by(at_random))
    runs = [
        list(run(task(items=(), inputs=INPUTS), Config(iterations=1), Ledger(model, store), seed=3))
        for model in (first, second)
    ]
    assert not second.requests
    assert told(runs[0]) == told(runs[1])
    assert runs[0][-1] == runs[1][-1]


@pytest.mark.parametrize(
    ("changes", "config", "why"),
    [
        ({"inputs": ("word1",)}, {}, NO_PAIRS),
        ({"inputs": INPUTS[:3]}, {}, NO_PAIRS),
        ({"inputs": INPUTS}, {"max_calls": 40}, NO_ROOM),
        ({"inputs": INPUTS}, {"max_tokens": 6_000}, NO_ROOM),
    ],
)
def test_where_it_cannot_be_measured_the_result_says_so(
    changes: dict[str, object], config: dict[str, Any], why: str
) -> None:
    events = events_of(task(items=(), **changes), judged_by(good), **config)
    assert not any(isinstance(event, JudgeMeasured) for event in events)
    assert Noted(why) in events
    assert isinstance(events[-1], Finished)
    assert why in events[-1].caveats


def test_answers_that_are_all_the_same_are_no_pairs() -> None:
    def same(request: Request) -> str | CallFailedError:
        return "Yes." if request.purpose == "answer" else proposals(request)

    assert Noted(NO_PAIRS) in events_of(task(items=(), inputs=INPUTS), same, iterations=1)


@pytest.mark.parametrize("changes", [{"items": (), "inputs": INPUTS}, {"grader": "rubric"}])
def test_the_judge_model_judges_and_does_nothing_else(changes: dict[str, object]) -> None:
    model = Scripted(judged_by(good))
    list(run(task(judge_model="j", **changes), Config(iterations=1), Ledger(model, MemoryStore())))
    purposes = {request.purpose for request in model.requests if request.model == "j"}
    assert purposes == ({"rubric"} if "grader" in changes else {"compare"})
    assert not purposes & {request.purpose for request in model.requests if request.model != "j"}


def test_with_rows_and_a_grader_no_judge_is_measured() -> None:
    assert not any(isinstance(event, JudgeMeasured) for event in events_of(task(), iterations=1))


# What it sees


def judgements(model: Scripted, purpose: str, **changes: Any) -> list[str]:
    list(run(task(**changes), Config(iterations=1), Ledger(model, MemoryStore())))
    return [request.messages[0].content for request in model.requests if request.purpose == purpose]


def test_a_judge_of_a_rubric_sees_what_stands_behind_the_marker_only() -> None:
    model = Scripted(thinker)
    shown = judgements(model, "rubric", grader="rubric")
    assert any(request.purpose == "answer" and asks(request) for request in model.requests)
    assert any("<answer>\neven\n</answer>" in text for text in shown)
    assert not any("last digit" in text or "Answer:" in text for text in shown)


def test_a_judge_of_pairs_sees_no_thoughts_of_the_model() -> None:
    def thinks(request: Request) -> str | CallFailedError:
        said = judged_by(good)(request)
        return f"<think>A secret.</think>{said}" if request.purpose == "answer" else said

    shown = judgements(Scripted(thinks), "compare", items=(), inputs=INPUTS)
    assert shown
    assert not any("secret" in text for text in shown)


# Test inputs


def writing(*lists: list[str]) -> Script:
    """An optimizer model that writes these lists of inputs, one for each request."""
    left = iter(lists)
    return lambda request: json.dumps({"inputs": next(left, [])})


def inputs_of(script: Script) -> tuple[str, ...]:
    *_, last = invent(task(items=()), Config(), Scripted(script))
    assert isinstance(last, Invented)
    return last.inputs


def test_too_few_inputs_are_asked_for_once_more() -> None:
    few = [[f"{kind} one", f"{kind} two"] for kind in "abcdefghij"]
    assert len(inputs_of(writing(*few))) == FEWEST
    assert len(inputs_of(writing(*few[:5]))) == 10


def test_edge_cases_are_among_the_first_inputs() -> None:
    model = Scripted(writing(*([f"{kind}{n}" for n in range(20)] for kind in "abcd")))
    *_, last = invent(task(items=()), Config(), model)
    assert isinstance(last, Invented)
    assert [text[0] for text in last.inputs] == list("abcd" * 6)
    assert "edge cases" in model.requests[1].messages[0].content
