"""Other models run the finalists at the end: one table, the best prompt for each model and for all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from optimizer.engine import Config, Grade, Item, run
from optimizer.engine.across import ENDED, NONE_FITS, across, best_of
from optimizer.engine.events import Across, Answered, Event, Finished, Scored, Spent, Stage
from optimizer.engine.results import AcrossModels, Reached, WithModel
from optimizer.llm.base import Arrival, CallFailedError, Done, Request
from optimizer.llm.ledger import Ledger, MemoryStore
from optimizer.llm.scripted import Scripted
from tests.engine.world import ITEMS, WORDS, events_of, last_input, proposals, task, world

MISSING = CallFailedError("unknown_model", "Ollama has no model gone. Get it with `ollama pull gone`.")


def several(request: Request) -> str | CallFailedError:
    """The target model as in the world; `deaf` is right only with the original, `gone` is not there, and `small` has
    room for no examples."""
    if request.purpose != "answer":
        return proposals(request)
    right = "even" if int(last_input(request)[4:]) % 2 == 0 else "odd"
    match request.model:
        case "deaf":
            return right if request.messages[-1].content.startswith("Is it even?\n\nword") else "nothing"
        case "gone":
            return MISSING
        case "small" if len(request.messages) > 1 or len(request.messages[0].content) > 30:
            return CallFailedError("context_window", "too long")
        case _:
            return world(request)


def table_of(events: list[Event]) -> AcrossModels:
    last = events[-1]
    assert isinstance(last, Across)
    return last.table


def finished(events: list[Event]) -> Finished:
    return next(event for event in events if isinstance(event, Finished))


def test_each_model_has_its_scores_and_its_best() -> None:
    events = events_of(task(other_models=("twin", "deaf")), several)
    result, table = finished(events), table_of(events)
    target, twin, deaf = table.models
    assert [one.model for one in table.models] == ["t", "twin", "deaf"]
    numbers = [0, *(finalist.number for finalist in result.finalists)]
    for one in table.models:
        assert [prompt.number for prompt in one.prompts] == numbers
    assert result.comparison
    original, best = target.prompts[:2]
    assert (original.score, best.score) == (result.comparison.baseline, result.comparison.best)
    assert (best.difference, best.low, best.high) == (
        result.comparison.difference, result.comparison.low, result.comparison.high,
    )  # fmt: skip
    assert original.difference == 0
    assert twin.prompts == target.prompts
    assert best.answer_tokens
    assert (target.best, deaf.best) == (result.best, 0)


def test_the_best_for_all_has_the_highest_mean() -> None:
    for others, best in ((("twin",), True), (("deaf", "deaf too"), False)):
        events = events_of(
            task(other_models=others),
            lambda r: several(Request(r.purpose, r.model.split()[0], r.messages, r.max_tokens, seed=r.seed)),
        )
        assert (table_of(events).best == finished(events).best) is best


def test_of_equal_prompts_the_cheaper_is_best() -> None:
    dear, cheap = Reached(1, 0.5, answer_tokens=90), Reached(2, 0.5, answer_tokens=40)
    assert best_of([Reached(0, 0.4, answer_tokens=10), dear, cheap]) == 2
    assert best_of([dear, Reached(3, 0.5 - 1e-12, answer_tokens=41)]) == 3
    one, other = WithModel("a", (dear, cheap)), WithModel("b", (cheap, dear))
    assert across([one, other]).best is not None


def test_one_model_alone_has_no_best_for_all() -> None:
    events = events_of(task(other_models=("gone",)), several)
    assert table_of(events).best is None


def test_a_model_that_is_missing_is_said_to_be_and_the_others_run() -> None:
    table = table_of(events_of(task(other_models=("gone", "twin")), several))
    _, gone, twin = table.models
    assert (gone.missing, gone.prompts, gone.best) == (str(MISSING), (), None)
    assert twin.prompts
    assert table.best is not None


def test_rows_that_do_not_fit_are_counted_and_wrong() -> None:
    _, small = table_of(events_of(task(other_models=("small",)), several)).models
    original, *finalists = small.prompts
    assert original.too_long == 0
    assert {one.too_long for one in finalists} == {16}
    assert {(one.score, one.answer_tokens) for one in finalists} == {(0.0, None)}


def test_a_model_that_no_row_fits_has_no_scores() -> None:
    def full(request: Request) -> str | CallFailedError:
        return CallFailedError("context_window", "too long") if request.model == "full" else several(request)

    _, none = table_of(events_of(task(other_models=("full",)), full)).models
    assert none.missing == NONE_FITS


def test_the_target_models_outcomes_and_result_stay_as_they_are() -> None:
    alone, events = events_of(task(), several), events_of(task(other_models=("deaf",)), several)
    assert finished(events) == finished(alone)
    assert [e for e in events if isinstance(e, Answered | Scored)] == [
        e for e in alone if isinstance(e, Answered | Scored)
    ]
    after = events[events.index(finished(events)) :]
    assert {type(event) for event in after} <= {Finished, Across, Stage, Spent}
    assert isinstance(events[events.index(finished(events)) - 1], Across), (
        "so that a result always has its table"
    )


def test_the_table_is_told_before_and_after_each_model() -> None:
    events = events_of(task(other_models=("twin", "deaf")), several)
    tables = [event.table for event in events if isinstance(event, Across)]
    assert [[one.missing for one in table.models[1:]] for table in tables] == [
        [ENDED, ENDED],
        ["", ENDED],
        ["", ""],
    ]


def test_only_held_out_rows_are_asked_and_every_model_gets_the_same() -> None:
    model = Scripted(several)
    list(run(task(other_models=("twin", "deaf")), Config(), Ledger(model, MemoryStore())))
    asked = {
        name: [r.messages for r in model.requests if r.model == name and r.purpose == "answer"]
        for name in ("twin", "deaf")
    }
    assert asked["twin"] == asked["deaf"]
    assert len(asked["twin"]) in {32, 48}


@pytest.mark.parametrize("calls", [60, 120, 400])
def test_the_limit_on_calls_holds_and_what_it_left_out_is_said(calls: int) -> None:
    events = events_of(task(other_models=("twin", "deaf", "b")), several, max_calls=calls)
    spent = [event for event in events if isinstance(event, Spent)][-1]
    assert spent.calls <= calls
    result, table = finished(events), table_of(events)
    assert result.comparison
    left_out = [one.missing for one in table.models if not one.prompts]
    assert all(f"The budget of {calls} calls" in why for why in left_out)
    assert bool(left_out) is (calls < 400)


def test_room_for_them_is_kept_from_the_search() -> None:
    """A search that would use up its calls leaves those that other models need, up to half of all."""
    hard = lambda r: "neither" if r.purpose == "answer" and int(last_input(r)[4:]) % 3 else several(r)  # noqa: E731
    limits = {"max_calls": 300, "patience": 50, "iterations": 20}
    events = events_of(task(other_models=("twin",)), hard, **limits)
    assert all(one.prompts for one in table_of(events).models)


class Slow(Scripted):
    """Takes two seconds an answer, one at a time."""

    def replies(self, requests: Sequence[Request]) -> Iterator[Arrival]:
        for arrival in super().replies(requests):
            if isinstance(arrival, Done):
                yield Done(arrival.index, replace(arrival.reply, duration_ms=2000))
            else:
                yield arrival


def test_they_leave_half_of_the_minutes_to_the_search() -> None:
    rows = tuple(Item(f"word{n}", "odd" if n % 2 else "even") for n in range(75))

    def proven(*others: str) -> float:
        model = Ledger(Slow(several, slots=1), MemoryStore())
        result = finished(list(run(task(items=rows, other_models=others), Config(max_minutes=6), model)))
        return result.comparison.best if result.comparison and result.best else 0.0

    assert proven("twin", "deaf") == proven() > 0


def test_a_replay_in_the_middle_asks_for_the_rest_only() -> None:
    store, whole = MemoryStore(), Scripted(several)
    asked = task(other_models=("twin", "deaf"))
    first = list(run(asked, Config(), Ledger(whole, store)))
    mine = [request.key for request in whole.requests if request.model in {"twin", "deaf"}]
    assert len(mine) == len(set(mine))
    for kept in (0, 5, len(mine) // 2 + 3):
        forgotten = set(mine[kept:])
        half = MemoryStore()
        half.kept = {key: reply for key, reply in store.kept.items() if key not in forgotten}
        again = Scripted(several)
        assert table_of(list(run(asked, Config(), Ledger(again, half)))) == table_of(first)
        assert [request.key for request in again.requests] == mine[kept:]


def test_without_rows_each_model_is_judged_against_its_own_original() -> None:
    inputs = tuple(WORDS[:12])
    events = events_of(task(items=(), inputs=inputs, other_models=("twin",)), several)
    for one in table_of(events).models:
        assert one.prompts[0].score == 0.5


def test_a_rubric_judges_their_answers_too() -> None:
    events = events_of(
        task(grader="rubric", grader_options=(("rubric", "Short."),), other_models=("twin",)), several
    )
    assert {prompt.score for prompt in table_of(events).models[1].prompts} == {0.8}


def test_weights_count_as_with_the_target_model() -> None:
    heavy = tuple(Item(item.input, item.expected, weight=1 + n % 3) for n, item in enumerate(ITEMS))
    target, twin = table_of(events_of(task(items=heavy, other_models=("twin",)), several)).models
    assert target.prompts == twin.prompts


def test_a_grader_of_ones_own_that_fails_is_told() -> None:
    def own(output: str, expected: str, options: object) -> Grade:
        if output == "nothing":
            raise ValueError("what is that?")
        return Grade(float(output == expected))

    _, deaf = table_of(events_of(task(grader=own, other_models=("deaf",)), several)).models
    assert any("what is that?" in note for note in deaf.notes)


def test_nothing_is_told_where_none_is_asked_for_or_nothing_compared() -> None:
    assert isinstance(events_of(task(), several)[-1], Finished)
    assert isinstance(events_of(task(other_models=("twin",)), several, compare=False)[-1], Finished)
