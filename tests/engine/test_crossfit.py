"""Few rows are compared by four more searches, each of which never sees a quarter of them."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import pytest

from optimizer import verdicts
from optimizer.engine import Config, Contender, Item, Task, compare, run
from optimizer.engine.asking import Asker
from optimizer.engine.budget import BudgetSpentError
from optimizer.engine.components import Shot, first_of
from optimizer.engine.costs import Cost
from optimizer.engine.crossfit import FOLDS, part_of, quarters_of, suits
from optimizer.engine.events import Compared, Event, Finished, Noted, Outcome, Proposed, Scored, Spent, Stage
from optimizer.engine.reasoning import Kind, Reasoning
from optimizer.engine.verdicts import Verdict
from optimizer.llm.base import Arrival, CallFailedError, Done, Reply, Request
from optimizer.llm.ledger import Ledger, MemoryStore
from optimizer.llm.scripted import Scripted
from optimizer.models import OptimizationSession
from optimizer.worker.storing import results_of, scores_of
from tests.engine.world import ITEMS, events_of, last_input, proposals, result_of, task, world

FEW = ITEMS[:24]
Script = Callable[[Request], "str | CallFailedError"]


class Watched:
    """A scripted model that notes in which quarter it was asked what; 0 is the search on all rows."""

    slots = 4

    def __init__(self, script: Script = world) -> None:
        self._model = Scripted(script)
        self.quarter = 0
        self.asked: dict[int, list[Request]] = defaultdict(list)

    def replies(self, requests: Sequence[Request]) -> Iterator[Arrival]:
        self.asked[self.quarter] += requests
        return self._model.replies(requests)

    def run(self, the_task: Task, **config: object) -> list[Event]:
        told = []
        for event in run(the_task, Config(**config), self):  # type: ignore[arg-type]
            if isinstance(event, Stage):
                self.quarter = int(event.name.split()[1]) if event.name.startswith("Quarter") else 0
            told.append(event)
        return told


def finished(events: Sequence[Event]) -> Finished:
    last = events[-1]
    assert isinstance(last, Finished)
    return last


def shown(request: Request) -> set[str]:
    """The words of the rows that a request shows, besides the one that it asks about."""
    *before, last = request.messages
    text = " ".join([*(message.content for message in before), last.content])
    return {part for part in text.replace('"', " ").split() if part.startswith("word")}


def test_all_rows_are_compared_and_the_prompt_is_made_from_all() -> None:
    events = events_of(task(items=FEW))
    result = finished(events)
    assert result.proof.folds == FOLDS
    assert result.comparison
    assert (result.comparison.rows, result.verdict) == (24, Verdict.BETTER)
    assert result.best
    searched = {
        outcome.input for event in events if isinstance(event, Scored) and event.split != "held-out"
        for outcome in event.outcomes
    }  # fmt: skip
    assert searched <= {item.input for item in FEW}
    held_out = [event for event in events if isinstance(event, Scored) and event.split == "held-out"]
    assert next(event.number for event in held_out) == 0
    assert all({outcome.input for outcome in event.outcomes} == {i.input for i in FEW} for event in held_out)


def test_a_search_never_sees_the_quarter_that_its_best_answers() -> None:
    """What it found answers the quarter at the end; nothing before has shown or asked one of its rows."""
    model = Watched()
    model.run(task(items=FEW))
    quarters = [{item.input for item in rows} for rows in quarters_of(task(items=FEW), 0)]
    assert set().union(*quarters) == {item.input for item in FEW}
    assert sum(map(len, quarters)) == len(FEW)
    for number, rows in enumerate(quarters, 1):
        asked = model.asked[number]
        about = [n for n, request in enumerate(asked) if shown(request) & rows]
        assert about == list(range(len(asked) - len(about), len(asked)))
        assert all(shown(asked[n]) & rows == {last_input(asked[n])} for n in about)
        assert {asked[n].purpose for n in about} <= {"answer"}


def test_sampled_replies_of_one_fold_are_not_those_of_another() -> None:
    model = Watched()
    model.run(task(items=FEW), target_score=2)
    sampled = [
        {request.key for request in requests if request.temperature} for requests in model.asked.values()
    ]
    assert len(sampled) == FOLDS + 1
    assert all(sampled)
    assert len(set().union(*sampled)) == sum(map(len, sampled))


def test_an_answer_at_temperature_0_is_paid_for_once() -> None:
    model = Watched()
    model.run(task(items=FEW))
    first = {request.key for request in model.asked[0] if request.purpose == "answer"}
    later = [request.key for quarter in range(1, FOLDS + 1) for request in model.asked[quarter]]
    assert not first & set(later)
    assert len(later) == len(set(later))


@pytest.mark.parametrize("share", [0.1, 0.3, 0.5, 0.7, 0.95])
def test_a_run_that_was_killed_continues_with_the_same_calls(share: float) -> None:
    store, whole = MemoryStore(), MemoryStore()
    asked = task(items=FEW, prompt="Is it odd?")
    events = list(run(asked, Config(), Ledger(Scripted(world), whole), 3))
    for number, _ in enumerate(run(asked, Config(), Ledger(Scripted(world), store), 3)):
        if number > share * len(events):
            break
    assert len(store.kept) < len(whole.kept)
    again = list(run(asked, Config(), Ledger(Scripted(world), store), 3))
    assert store.kept.keys() == whole.kept.keys()
    assert again[-1] == events[-1]
    assert [e for e in again if isinstance(e, Noted)] == [e for e in events if isinstance(e, Noted)]


@pytest.mark.parametrize(
    ("rows", "changes", "config"),
    [
        (11, {}, {}),
        (40, {}, {}),
        (24, {"held_out": ITEMS[24:40]}, {}),
        (24, {}, {"compare": False}),
        (24, {}, {"max_calls": 499}),
        (24, {}, {"max_tokens": 5_000}),
    ],
)
def test_otherwise_rows_are_held_out_from_the_one_search(
    rows: int, changes: dict[str, object], config: dict[str, object]
) -> None:
    asked = task(items=ITEMS[:rows], **changes)
    assert not suits(asked, Config(**config))  # type: ignore[arg-type]
    assert result_of(asked, **config).proof.folds == 0  # type: ignore[arg-type]


@pytest.mark.parametrize("rows", [12, 39])
def test_few_rows_are_those_from_12_to_39(rows: int) -> None:
    assert suits(task(items=ITEMS[:rows]), Config(max_calls=500, max_tokens=200_000))


def test_equal_inputs_count_once() -> None:
    assert not suits(task(items=ITEMS[:11] * 3), Config())
    assert suits(task(items=ITEMS[:30] * 3), Config())


@pytest.mark.parametrize("limit", [{"max_calls": 520}, {"max_tokens": 75_000}])
def test_all_searches_together_stay_within_the_limits(limit: dict[str, int]) -> None:
    asked = task(items=ITEMS[:32])
    events = events_of(asked, target_score=2, patience=100, **limit)
    spent = [event for event in events if isinstance(event, Spent)][-1]
    assert spent.calls <= limit.get("max_calls", 10**9)
    assert spent.prompt_tokens + spent.completion_tokens <= limit.get("max_tokens", 10**9)
    assert finished(events).comparison


def test_what_ended_a_search_is_its_part_of_the_budget() -> None:
    asker = Asker(Scripted(world), Config(max_calls=200))
    asker.limit_part(part_of(asker.config))
    asker.check(Cost(40))
    with pytest.raises(BudgetSpentError, match="The part of the budget of 40 calls leaves no room"):
        asker.check(Cost(41))


def test_each_search_gets_the_same_part_of_each_limit() -> None:
    part = part_of(Config(max_calls=604, max_tokens=1_000, max_minutes=10))
    assert (part.max_calls, part.max_tokens, part.max_minutes) == (120, 200, 2)
    assert part_of(Config()) == Config()


def test_the_candidates_of_the_folds_are_not_told() -> None:
    events = events_of(task(items=FEW), target_score=2)
    numbers = [event.number for event in events if isinstance(event, Proposed)]
    assert numbers == list(range(len(numbers)))
    first = next(n for n, e in enumerate(events) if isinstance(e, Stage) and e.name.startswith("Quarter 1"))
    assert not any(isinstance(event, Proposed) for event in events[first:])
    notes = [event.text for event in events if isinstance(event, Noted)]
    assert notes[-5].startswith("The prompt is made from all 24 rows.")
    assert [note.split(":")[0] for note in notes[-4:]] == [f"Quarter {n} of 4" for n in range(1, 5)]
    assert "with the best that answers at once" in notes[-1]
    assert "on 6 rows" in notes[-1]


def test_where_nothing_is_found_no_quarter_is_tried() -> None:
    def stubborn(request: Request) -> str:
        return "I do not know." if request.purpose == "answer" else proposals(request)

    events = events_of(task(items=FEW), stubborn)
    result = finished(events)
    assert not any(isinstance(e, Stage) and e.name.startswith("Quarter") for e in events)
    assert (result.best, result.proof.winner) == (0, 0)
    assert result.comparison
    assert result.comparison.rows == 24


def test_where_a_fold_finds_nothing_of_a_kind_its_original_stays() -> None:
    """Reasoning helps on few rows only, so that some searches find it and others do not."""

    def sometimes(request: Request) -> str | CallFailedError:
        if request.purpose == "answer" and request.reasons:
            right = int(last_input(request)[4:]) in {0, 2, 4, 6}
            return f"It is so.\nAnswer: {'even' if right else 'unclear'}"
        return world(request)

    result = result_of(task(items=FEW), sometimes)
    assert result.comparison
    assert result.comparison.rows == 24
    assert all(f.proof.comparison and f.proof.comparison.rows == 24 for f in result.finalists)


def test_an_optimizer_model_that_fails_in_a_fold_is_told() -> None:
    def failing(request: Request) -> str | CallFailedError:
        gone = request.purpose not in {"answer", "rate"} and model.quarter
        return CallFailedError("gone", "The model is gone.") if gone else world(request)

    model = Watched(failing)
    result = finished(model.run(task(items=FEW), target_score=2, patience=100))
    assert result.comparison
    assert any("The model is gone" in caveat for caveat in result.caveats)


def test_two_kinds_of_finalists_are_each_compared_on_all_rows() -> None:
    def either(request: Request) -> str | CallFailedError:
        if request.purpose != "answer":
            return proposals(request)
        number = int(last_input(request)[4:])
        right, wrong = ("even", "odd") if number % 2 == 0 else ("odd", "even")
        if request.reasons:
            return f"Its last digit tells.\nAnswer: {right if number % 9 else wrong}"
        return right if len(request.messages) > 1 and number % 3 else f"I think {right}"

    result = result_of(task(items=ITEMS[:36]), either)
    assert {finalist.kind for finalist in result.finalists} == set(Kind)
    assert [f.proof.comparison and f.proof.comparison.rows for f in result.finalists] == [36, 36]
    first, second = (f.proof.comparison for f in result.finalists)
    assert first
    assert second
    assert first.baseline == second.baseline
    assert first.best != second.best


class Timed(MemoryStore):
    """Notes when each reply came, a second after the one before."""

    def save(self, request: Request, reply: Reply) -> Reply:
        return super().save(request, replace(reply, at_ms=1_000 * (len(self.kept) + 1)))


@pytest.mark.parametrize("quarter", [1, 2, 3])
@pytest.mark.parametrize("minutes", [None, 10])
def test_one_that_was_stopped_is_compared_in_the_same_way(quarter: int, minutes: float | None) -> None:
    """The minutes that the search took do not shorten the quarters."""
    asked, config, store = task(items=FEW), Config(max_minutes=minutes), Timed()
    found: dict[int, Proposed] = {}
    for event in run(asked, config, Ledger(Scripted(world), store)):
        if isinstance(event, Proposed):
            found[event.number] = event
        if isinstance(event, Stage) and event.name.startswith(f"Quarter {quarter}"):
            break
    outcome = [e for e in events_of(asked) if isinstance(e, Scored) and e.split == "validation"]
    by_number = {event.number: event.outcomes for event in outcome}
    last = found[max(found.keys() & by_number.keys())]
    contender = Contender(last.number, last.components, by_number[last.number], by_number[0], True)
    *_, end = compare(asked, config, Ledger(Scripted(world), store), contender=contender)
    assert isinstance(end, Compared)
    assert end.proof.folds == FOLDS
    assert end.proof.comparison
    assert end.proof.comparison.rows == 24
    assert end.caveats[0].startswith("You stopped the search.")


def test_people_are_told_what_the_interval_is_for() -> None:
    result = result_of(task(items=FEW))
    session = OptimizationSession(
        status="completed", dataset_id=1, results=json.loads(json.dumps(results_of(result))),
        **scores_of(result),
    )  # fmt: skip
    assert verdicts.about_interval(session).startswith("The interval is for this way of searching")
    assert verdicts.gain(session).startswith(
        "+100 points on 24 rows, none of which the search that was tested saw"
    )
    session.results["folds"] = 0
    assert verdicts.about_interval(session) == ""


def test_rows_keep_their_weights() -> None:
    def half(request: Request) -> str | CallFailedError:
        said = world(request)
        heavy = request.purpose == "answer" and int(last_input(request)[4:]) < 6
        return "wrong" if heavy else said

    rows = tuple(Item(item.input, item.expected, 3.0 if n < 6 else 1.0) for n, item in enumerate(FEW))
    result = result_of(task(items=rows), half)
    assert result.comparison
    assert result.comparison.best == pytest.approx(18 / 36)


class SlowInQuarters(Watched):
    """As soon as the search on all rows is over, each call takes ten minutes."""

    def replies(self, requests: Sequence[Request]) -> Iterator[Arrival]:
        for arrival in super().replies(requests):
            if self.quarter and isinstance(arrival, Done):
                arrival = replace(arrival, reply=replace(arrival.reply, duration_ms=600_000))
            yield arrival


def test_where_no_quarter_could_be_compared_nothing_is_proven() -> None:
    result = finished(SlowInQuarters().run(task(items=FEW), max_minutes=10))
    assert result.finalists
    assert (result.comparison, result.verdict, result.best) == (None, None, 0)
    assert result.proof.left_out
    assert any("too small for the final comparison" in caveat for caveat in result.caveats)


def test_a_contender_is_never_compared_on_rows_that_it_was_made_from() -> None:
    """It reasons first and was no better than the original, so that a search would not have it as a finalist."""
    shown = tuple(Shot(item.input, item.expected) for item in FEW)
    known = first_of(task()).but(
        shots=shown, shots_as="turns", reasoning=Reasoning("Think first.", "Answer:")
    )
    right = {item.input: item.expected for item in FEW}

    def by_heart(request: Request) -> str:
        if request.purpose != "answer":
            return proposals(request)
        return right[last_input(request)] if "Think first." in str(request.messages) else "neither"

    even = tuple(Outcome(n, item.input, item.expected, "", 0.0) for n, item in enumerate(FEW[:12]))
    contender = Contender(7, known, even, even, cross_fitted=True)
    *_, end = compare(task(items=FEW), Config(), Scripted(by_heart), contender=contender)
    assert isinstance(end, Compared)
    assert end.proof.verdict != Verdict.BETTER


def test_a_quarter_that_fits_no_window_is_left_out() -> None:
    rows = quarters_of(task(items=ITEMS[:16]), 0)[1]
    long = {item.input for item in rows}

    def windowed(request: Request) -> str | CallFailedError:
        too_long = request.purpose == "answer" and last_input(request) in long
        return CallFailedError("context_window", "too long") if too_long else world(request)

    events = events_of(task(items=ITEMS[:16]), windowed)
    result = finished(events)
    assert result.comparison
    assert (result.comparison.rows, result.proof.left_out) == (12, 0)
    notes = [event.text for event in events if isinstance(event, Noted)]
    assert (
        "Quarter 2 of 4: too many rows do not fit into the context window, so its rows are left out." in notes
    )
