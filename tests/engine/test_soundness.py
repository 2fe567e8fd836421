"""What must hold when something goes wrong in the middle of a run, and where a limit is tight."""

from __future__ import annotations

import json

import pytest

from optimizer.engine import Config, Item, Method, Rated, Task, TaskRefusedError, run
from optimizer.engine.answering import Case
from optimizer.engine.asking import Asker
from optimizer.engine.board import Entry
from optimizer.engine.budget import BudgetSpentError
from optimizer.engine.components import Components
from optimizer.engine.costs import Cost
from optimizer.engine.estimate import Speed, estimate
from optimizer.engine.events import Finished, Proposed, Scored, Spent
from optimizer.engine.judging import ByRubric
from optimizer.engine.operators.examples import ShuffleExamples
from optimizer.engine.race import Race
from optimizer.engine.splits import split
from optimizer.llm.base import CallFailedError, Done, Message, Reply, Request
from optimizer.llm.ledger import Ledger, MemoryStore
from optimizer.llm.scripted import Scripted
from tests.engine.world import ITEMS, events_of, last_input, proposals, result_of, task, world

TOO_LONG = CallFailedError("context_window", "too long")
OWN = tuple(Item(f"word{number}", "odd" if number % 2 else "even") for number in range(100, 160))


def finished(events: list[object]) -> Finished:
    last = events[-1]
    assert isinstance(last, Finished)
    return last


# A candidate that cannot go on


def test_a_best_that_is_too_long_for_a_held_out_row_is_not_handed_over() -> None:
    measured = {item.input for item in split(ITEMS, seed=0).held_out}

    def tight(request: Request) -> str | CallFailedError:
        shown = request.purpose == "answer" and request.messages[0].content != request.messages[-1].content
        taught = shown or "exactly one of" in request.messages[-1].content
        return TOO_LONG if taught and last_input(request) in measured else world(request)

    result = result_of(task(), tight)
    assert (result.best, result.comparison) == (0, None)
    assert any("too long for the context window on some held-out rows" in text for text in result.caveats)


def test_a_race_that_all_drop_out_of_ends_with_who_led() -> None:
    rows = split(ITEMS, seed=0).validation

    def tight(request: Request) -> str | CallFailedError:
        late = request.purpose == "answer" and last_input(request) in {item.input for item in rows[8:]}
        taught = len(request.messages) > 1 or "exactly one of" in request.messages[0].content
        return TOO_LONG if late and taught else world(request)

    assert finished(list(events_of(task(), tight))).best is not None


def test_operators_of_which_none_suits_end_a_run_in_peace() -> None:
    method = Method(structural=(), following=(), operators=(ShuffleExamples(),), last=())
    events = list(run(task(), Config(), Ledger(Scripted(world), MemoryStore()), method=method))
    assert finished(events).best == 0  # type: ignore[arg-type]


# Limits


def test_limits_that_do_not_last_for_what_comes_before_the_search_are_refused() -> None:
    rated = tuple(Rated(f"word{number}", "odd", "odd", right=True) for number in range(60))
    with pytest.raises(TaskRefusedError, match="no room left for a search"):
        result_of(task(items=()), max_tokens=500)
    with pytest.raises(TaskRefusedError, match="no room left for a search"):
        result_of(task(grader="rubric", rated=rated), max_calls=40)


@pytest.mark.parametrize("limits", [{"max_calls": 100}, {"max_tokens": 6_000}])
def test_half_of_each_limit_is_left_for_the_search(limits: dict[str, int]) -> None:
    events = events_of(task(held_out=OWN), **limits)
    result = finished(list(events))
    assert len([event for event in events if isinstance(event, Proposed)]) > 1
    assert result.best != 0
    assert result.comparison is not None
    assert result.comparison.rows < len(OWN)
    assert any(f"of your {len(OWN)} held-out rows are compared" in text for text in result.caveats)


def test_what_a_candidate_has_run_on_costs_a_race_nothing_more() -> None:
    the_task = task(grader="rubric")
    asker = Asker(Scripted(world), Config())
    race = Race(ByRubric(the_task, asker), ITEMS[:8], split="validation", block=8, original=Components(""))
    entry = Entry(0, (), "original", Components(the_task.prompt))
    assert race.cost([entry], range(8)).calls == 16
    for _ in race.score([entry], range(8)):
        pass
    assert race.cost([entry], range(8)) == Cost()


def costly(tokens: int, ms: int = 1000, slots: int = 2) -> type[Scripted]:
    class Costly(Scripted):
        def replies(self, requests):  # type: ignore[no-untyped-def]
            for number, request in enumerate(requests):
                self.requests.append(request)
                yield Done(number, Reply("x", "stop", tokens, 1, ms))

    return Costly


def send(asker: Asker, texts: list[str]) -> None:
    for _ in asker.ask("Scoring", [Request("answer", "m", (Message("user", text),), 1) for text in texts]):
        pass


def test_how_long_a_call_takes_is_known_before_many_are_sent() -> None:
    asker = Asker(costly(10, ms=30_000)(world, slots=2), Config(max_minutes=1))
    with pytest.raises(BudgetSpentError, match="1 minute "):
        send(asker, [f"word {number}" for number in range(20)])
    assert asker.spent.calls == 2


def test_the_reserve_takes_time_too() -> None:
    asker = Asker(costly(10, ms=10_000)(world, slots=1), Config(max_minutes=1))
    asker.reserve = Cost(calls=4)
    with pytest.raises(BudgetSpentError):
        send(asker, [f"word {number}" for number in range(6)])
    assert asker.spent.calls == 1  # 10 s each, and 1.25 times that for each of the 4 kept back, leave 0 s


def test_dense_short_prompts_do_not_pass_the_limit_of_tokens() -> None:
    asker = Asker(costly(60)(world, slots=1), Config(max_tokens=600))  # 60 tokens for 10 bytes
    for number in range(9):
        send(asker, [f"{number:010}"])
    with pytest.raises(BudgetSpentError):
        send(asker, ["another one"])
    assert asker.spent.prompt_tokens + asker.spent.completion_tokens <= 600


def test_a_budget_that_has_no_room_for_another_candidate_buys_no_proposal() -> None:
    def reason(limit: int) -> str:
        events = events_of(task(), max_calls=limit, target_score=2, patience=99, iterations=20)
        assert [event for event in events if isinstance(event, Spent)][-1].calls <= limit
        return finished(list(events)).reason

    assert any("cannot change the winner" in reason(limit) for limit in range(60, 100, 5))


# Who wins


def test_a_better_leader_is_not_given_up_for_a_shorter_prompt_on_target() -> None:
    def half(request: Request) -> str | CallFailedError:
        if request.purpose == "answer" and len(request.messages) == 1:
            number = int(last_input(request)[4:])
            return ("odd" if number % 2 else "even") if number % 5 < 3 else "neither"
        return world(request)

    result = result_of(task(items=ITEMS[:16]), half, target_score=0.5)
    assert result.comparison is not None
    assert result.comparison.best == 1.0


def test_weights_do_not_keep_a_perfect_score_from_the_target() -> None:
    for seed in range(30):
        items = tuple(
            Item(item.input, item.expected, weight=0.1 * (n * seed % 7 + 1)) for n, item in enumerate(ITEMS)
        )
        assert "every search row" in result_of(task(items=items), seed=seed).reason


def test_a_parent_that_gets_its_practice_right_is_given_more() -> None:
    easy = 8

    def mostly(request: Request) -> str | CallFailedError:
        return proposals(request) if request.purpose != "answer" else world(request)

    items = tuple(Item(f"word{n}", "even" if n % 2 == 0 else "odd") for n in range(80))
    events = events_of(task(items=items), mostly, target_score=2, patience=99, rounds=6)
    practised: dict[int, set[int]] = {}
    for event in events:
        if isinstance(event, Scored) and event.split == "train":
            practised.setdefault(event.number, set()).update(o.item for o in event.outcomes)
    assert max(map(len, practised.values())) > easy


# Judges


def test_a_verdict_that_cannot_be_read_counts_as_wrong_and_is_told() -> None:
    def mumbling(request: Request) -> str | CallFailedError:
        if request.purpose == "rubric":
            return "hm" if last_word(request).endswith("7") else json.dumps({"score": 8})
        return world(request)

    def last_word(request: Request) -> str:
        return next(part for part in request.messages[-1].content.split() if part.startswith("word"))

    result = result_of(task(grader="rubric"), mumbling)
    assert any("could not be read, and count" in text and "as wrong" in text for text in result.caveats)


def test_a_judge_that_never_says_anything_readable_ends_the_run() -> None:
    for the_task in (task(grader="rubric"), task(items=())):
        with pytest.raises(CallFailedError, match="no readable verdict"):
            result_of(the_task, lambda r: "hm" if r.purpose in {"rubric", "compare"} else world(r))


def test_what_a_repeated_verdict_takes_is_counted_once_there_are_some() -> None:
    def brief(request: Request) -> str | CallFailedError:
        return "hm" if request.purpose == "rubric" and request.max_tokens < 100 else world(request)

    asker = Asker(Scripted(brief), Config())
    evaluator = ByRubric(task(grader="rubric"), asker)
    cases = [Case(Components("Say."), item) for item in ITEMS[:4]]
    before = evaluator.cost([Case(Components("Say so."), item) for item in ITEMS[:4]])
    for _ in evaluator.evaluate("Scoring", cases):
        pass
    after = evaluator.cost([Case(Components("Say so."), item) for item in ITEMS[:4]])
    assert (before.calls, after.calls) == (8, 12)


def test_a_single_input_that_chooses_and_measures_is_told() -> None:
    result = result_of(task(items=(), inputs=("word1",)))
    assert any("only one input" in text for text in result.caveats)


def test_evidence_is_told_only_where_a_critique_saw_it() -> None:
    said = ("Too long.",)
    assert result_of(task(evidence=said)).used_evidence == ()  # the target is reached before any critique
    assert result_of(task(evidence=said), target_score=2).used_evidence == said


# Estimates


SPEED = Speed(prompt_per_second=1000, completion_per_second=50, slots=4)


def calls(**changes: object) -> float:
    return estimate(task(**changes), Config(), SPEED).calls.high


def test_a_rehearsal_is_right_as_often_with_every_grader() -> None:
    exact = calls(grader="exact")
    assert all(0.5 * exact < calls(grader=grader) < 2 * exact for grader in ("contains", "choice", "words"))


def test_a_prompt_with_variables_is_rehearsed_as_one_without() -> None:
    assert calls(prompt="Is {{word}} even?") < 2 * calls()


def test_a_rehearsal_that_takes_too_long_is_given_up() -> None:
    with pytest.raises(TimeoutError):
        estimate(Task("Is it even?", "t", "o", items=ITEMS), Config(), SPEED, within=0.0)
