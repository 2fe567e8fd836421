"""What a run tells while its answers arrive: each row as soon as it is answered, and nothing that only it can read."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from dataclasses import replace
from typing import get_args

import pytest

from optimizer.engine import Config, Item, Task, run
from optimizer.engine.arriving import translated
from optimizer.engine.asking import Asker
from optimizer.engine.board import Entry
from optimizer.engine.budget import BudgetSpentError
from optimizer.engine.components import Components
from optimizer.engine.events import Answered, Asked, Event, Outcome, Scored, Stage, Unjudged, Writing
from optimizer.engine.judging import ByRubric
from optimizer.engine.pairs import Judged
from optimizer.engine.race import Race
from optimizer.engine.scoring import Evaluator, Graded
from optimizer.engine.task import Grade, Options
from optimizer.llm.base import Arrival, Done, Piece, Request
from optimizer.llm.ledger import Ledger, MemoryStore
from optimizer.llm.scripted import Scripted, reply_of
from tests.engine.world import ITEMS, PROMPT, events_of, last_input, task, world

TWO = (Entry(0, (), "original", Components(PROMPT)), Entry(1, (0,), "mutate", Components("GOOD, say.")))


class Backwards(Scripted):
    """Answers the last request first, and writes each answer in two pieces."""

    def replies(self, requests: Sequence[Request]) -> Iterator[Arrival]:
        for index, request in reversed(list(enumerate(requests))):
            said = str(self.script(request))
            yield Piece(index, said[:2])
            yield Done(index, reply_of(request, said))


def race_of(evaluator: Evaluator, items: Sequence[Item] = ITEMS[:4]) -> Race:
    return Race(evaluator, items, split="validation", block=8, original=Components(PROMPT))


def graded(the_task: Task, model: object = None) -> Graded:
    return Graded(the_task, Asker(model or Scripted(world), Config()))  # type: ignore[arg-type]


def scoring(evaluator: Evaluator, items: Sequence[Item] = ITEMS[:4]) -> list[Event]:
    return list(race_of(evaluator, items).score(TWO, range(len(items))))


def told(events: Sequence[Event], kind: type) -> list[Event]:
    return [event for event in events if isinstance(event, kind)]


def test_rows_are_told_when_they_are_asked_for_and_when_each_is_answered() -> None:
    events = scoring(graded(task()))
    assert events[:2] == [Asked(0, "validation", (0, 1, 2, 3)), Asked(1, "validation", (0, 1, 2, 3))]
    answered = [event for event in events if isinstance(event, Answered)]
    assert [(one.number, one.outcome.item) for one in answered[:3]] == [(0, 0), (0, 1), (0, 2)]
    assert [(one.mean, one.items) for one in answered if one.number == 1] == [(1.0, n) for n in (1, 2, 3, 4)]
    assert events.index(answered[0]) < events.index(Stage("Scoring", 1, 8))


def test_a_mean_so_far_goes_by_the_weights_of_the_rows_answered_so_far() -> None:
    rows = (
        Item("word1", "odd", weight=3.0),
        Item("word2", "no", weight=1.0),
        Item("word3", "odd", weight=4.0),
    )
    means = [one.mean for one in scoring(graded(task()), rows) if isinstance(one, Answered) and one.number]
    assert means == [1.0, 0.75, 0.875]


@pytest.mark.parametrize("the_task", [task(), task(grader="rubric"), task(items=())])
def test_what_is_told_on_the_way_is_what_counts_in_the_end(the_task: Task) -> None:
    events = events_of(the_task, iterations=1, rounds=1)
    on_the_way: dict[tuple[int, str, int], Outcome] = {}
    last: dict[tuple[int, str], Answered] = {}
    for event in events:
        match event:
            case Answered(number, split, outcome):
                on_the_way[number, split, outcome.item] = outcome
                last[number, split] = event
            case Scored(number, split, outcomes, mean, items):
                assert outcomes == tuple(on_the_way[number, split, one.item] for one in outcomes)
                assert last[number, split].mean == pytest.approx(mean)
                assert last[number, split].items == items
    assert last


def test_answers_in_any_order_belong_to_their_rows() -> None:
    events = scoring(graded(task(), Backwards(world)))
    answered = [event for event in events if isinstance(event, Answered)]
    assert [(one.number, one.outcome.item) for one in answered[:2]] == [(1, 3), (1, 2)]
    assert all(one.outcome.input == ITEMS[one.outcome.item].input for one in answered)
    assert told(events, Writing)[0] == Writing("od", 1, ITEMS[3].input)


def test_an_answer_is_graded_once() -> None:
    grades = []

    def grader(output: str, expected: str, options: Options) -> Grade:
        grades.append(output)
        return Grade(1.0)

    scoring(graded(task(grader=grader)))
    assert len(grades) == 8


def test_the_same_fault_of_a_grader_is_told_whatever_comes_first() -> None:
    def grader(output: str, expected: str, options: Options) -> Grade:
        raise ValueError(f"{output} is odd")

    caveats = []
    for model in (Scripted(last_input), Backwards(last_input)):
        evaluator = graded(task(grader=grader), model)
        scoring(evaluator)
        caveats.append(evaluator.caveats())
    assert caveats[0] == caveats[1] != []


def test_outputs_that_a_judge_has_yet_to_score_are_told_as_such() -> None:
    rubric = ByRubric(task(grader="rubric"), Asker(Scripted(world), Config()))
    events = scoring(rubric)
    assert [(one.number, one.item) for one in events if isinstance(one, Unjudged)][:2] == [(0, 0), (0, 1)]
    assert events.index(Unjudged(1, "validation", 3)) < events.index(Stage("Judging", 0, 8))
    first = next(event for event in events if isinstance(event, Answered))
    assert (first.outcome.score, first.items) == (0.8, 1)
    assert events.index(first) < events.index(Stage("Judging", 1, 8))


def test_of_pairs_only_the_candidates_own_answers_are_told() -> None:
    judged = Judged(task(), Asker(Scripted(world), Config()), "be short")
    events = scoring(judged)
    assert len(told(events, Unjudged)) == 8
    assert [(one.number, one.outcome.score) for one in events if isinstance(one, Answered)][:5] == [
        *((0, 0.5) for _ in range(4)), (1, 0.5)
    ]  # fmt: skip


def test_an_answer_that_was_cut_in_thought_is_told_when_it_was_asked_for_again() -> None:
    def thinking(request: Request) -> str:
        return "<think>" if request.max_tokens < 1000 else str(world(request))

    class Cut(Scripted):
        def replies(self, requests: Sequence[Request]) -> Iterator[Arrival]:
            for index, request in enumerate(requests):
                reply = reply_of(request, thinking(request))
                yield Done(
                    index, replace(reply, finish_reason="length" if "<think>" in reply.text else "stop")
                )

    events = scoring(graded(task(), Cut(thinking)))
    assert len(told(events, Answered)) == 8
    assert {one.outcome.score for one in events if isinstance(one, Answered) and one.number} == {1.0}


def test_rows_that_no_budget_is_left_for_are_waited_for_no_more() -> None:
    asker = Asker(Scripted(world), Config(max_calls=3))
    steps = race_of(Graded(task(), asker)).score(TWO, range(4))
    events: list[Event] = []
    with pytest.raises(BudgetSpentError):
        events.extend(steps)
    assert events[-2:] == [Asked(0, "validation", ()), Asked(1, "validation", ())]


def test_nobody_is_told_of_arrivals_but_who_asked() -> None:
    for the_task in (task(), task(grader="rubric"), task(items=())):
        events = events_of(the_task, iterations=1, rounds=1)
        assert {type(event) for event in events} <= set(get_args(Event))


def test_a_replay_tells_the_same_and_asks_nothing() -> None:
    model = Scripted(world)
    store = MemoryStore()
    first, again = (
        list(run(task(), Config(iterations=1, rounds=1), Ledger(model, store), 0)) for _ in range(2)
    )
    assert [event for event in again if not isinstance(event, Writing)] == first
    assert len(model.requests) == len(store.kept)


def test_closing_translated_steps_closes_the_steps() -> None:
    ended = []

    def steps() -> Generator[int, None, None]:
        try:
            yield 1
        finally:
            ended.append(True)

    following = translated(steps(), lambda told: (told, told))
    assert next(following) == 1
    following.close()
    assert ended


def test_nobody_is_told_what_a_judge_writes() -> None:
    """Every pair is judged twice, so the judge's replies are more than the rows."""
    asker = Asker(Backwards(world), Config())
    board = race_of(Judged(task(items=(), inputs=tuple(item.input for item in ITEMS)), asker, "be short"))
    events = list(board.score(TWO[1:], range(4)))
    assert told(events, Scored)
    assert not any("better" in event.text for event in told(events, Writing))  # type: ignore[union-attr]
    rated = race_of(ByRubric(task(grader="rubric", grader_options=(("rubric", "short"),)), asker))
    assert not any("score" in event.text for event in told(list(rated.score(TWO, range(4))), Writing))  # type: ignore[union-attr]
