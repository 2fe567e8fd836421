"""The search as a whole, on a model whose replies are known."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from optimizer.engine import Config, Item, TaskRefusedError, run
from optimizer.engine.events import Finished, Leading, Proposed, Scored, Spent, Stage
from optimizer.engine.splits import split
from optimizer.engine.verdicts import Verdict
from optimizer.llm.base import CallFailedError, Done, Request
from optimizer.llm.ledger import Ledger, MemoryStore
from optimizer.llm.scripted import Scripted
from tests.engine.world import (
    ITEMS,
    PROMPT,
    answers,
    events_of,
    last_input,
    proposals,
    result_of,
    task,
    world,
)


def test_a_better_prompt_is_found_and_measured_on_held_out_rows() -> None:
    result = result_of(task())
    assert result.best != 0
    assert result.comparison is not None
    assert (result.comparison.baseline, result.comparison.best) == (0.0, 1.0)
    assert result.comparison.low > 0
    assert result.comparison.better == result.comparison.rows == 16
    assert result.score_kind == "accuracy"
    assert result.quality_score == 100
    assert "examples from your rows" in result.improvements[0] or "answer format" in result.improvements[0]
    assert "Accuracy on 8 search rows: 0 % before, 100 % after." in result.improvements[0]


def test_the_stages_of_the_method_all_ask_the_model() -> None:
    def forgetful(request: Request) -> str | CallFailedError:
        missed = request.purpose == "answer" and last_input(request)[-1] in "158"
        return "no idea" if missed else world(request)

    model = Scripted(forgetful)
    list(run(task(), Config(patience=50, styles=6), Ledger(model, MemoryStore())))
    asked = {request.purpose for request in model.requests}
    assert {"understand", "mutate", "critique", "synthesize", "answer", "rate"} <= asked


def test_held_out_rows_are_asked_only_at_the_end() -> None:
    splits = split(ITEMS, seed=0)
    events = events_of(task())
    searched = {
        o.input for e in events if isinstance(e, Scored) and e.split == "validation" for o in e.outcomes
    }
    measured = {
        o.input for e in events if isinstance(e, Scored) and e.split == "held-out" for o in e.outcomes
    }
    assert measured == {item.input for item in splits.held_out}
    assert not searched & measured
    shown = {s.input for e in events if isinstance(e, Proposed) for s in e.components.shots}
    assert not shown & measured


def test_the_original_is_kept_when_nothing_is_better() -> None:
    def same(request: Request) -> str:
        return "no idea" if request.purpose == "answer" else proposals(request)

    result = result_of(task(), same)
    assert result.best == 0
    assert result.components.as_text().strip() == PROMPT
    assert (result.verdict, result.proof.winner) == (Verdict.NOT_PROVEN, 0)


def test_a_run_is_a_function_of_seed_and_replies() -> None:
    assert events_of(task()) == events_of(task())
    assert events_of(task()) != events_of(task(), seed=1)


def test_a_replay_from_the_ledger_asks_nothing_again_and_tells_the_same() -> None:
    store = MemoryStore()
    first = list(run(task(), Config(), Ledger(Scripted(world), store)))
    silent = Scripted(world)
    assert list(run(task(), Config(), Ledger(silent, store))) == first
    assert silent.requests == []


def test_a_run_cut_anywhere_goes_on_and_pays_only_for_the_rest() -> None:
    whole = Scripted(world)
    expected = list(run(task(), Config(), Ledger(whole, MemoryStore())))[-1]
    store, paid = MemoryStore(), 0
    for most_events in (20, 60, 150, 100_000):
        model = Scripted(world)
        events = run(task(), Config(), Ledger(model, store))
        seen = [event for event, _ in zip(events, range(most_events), strict=False)]
        events.close()  # type: ignore[attr-defined]
        paid = len(store.kept)
    assert seen[-1] == expected
    assert paid == len({request.key for request in whole.requests})


@pytest.mark.parametrize("most", [40, 80, 120])
def test_the_budget_of_calls_is_never_overshot(most: int) -> None:
    model = Scripted(world)
    last = list(run(task(), Config(max_calls=most), Ledger(model, MemoryStore())))[-1]
    assert len({request.key for request in model.requests}) <= most
    assert isinstance(last, Finished)
    assert last.comparison is not None
    assert "The budget of" in last.reason or "every search row" in last.reason
    assert last.best != 0  # what could be searched was


def test_a_limit_too_small_to_search_is_refused_before_anything_is_spent() -> None:
    model = Scripted(world)
    with pytest.raises(TaskRefusedError, match="at least 40"):
        list(run(task(), Config(max_calls=10), Ledger(model, MemoryStore())))
    assert model.requests == []


def test_a_proposal_that_does_not_fit_is_left_out_and_the_run_goes_on() -> None:
    def small(request: Request) -> str | CallFailedError:
        fits = request.purpose == "answer" or request.purpose == "rate"
        return world(request) if fits else CallFailedError("context_window", "too long")

    assert result_of(task(), small).best != 0


def test_a_judge_that_fails_is_no_score() -> None:
    def no_judge(request: Request) -> str | CallFailedError:
        return (
            CallFailedError("refused", "no") if request.purpose in {"rubric", "compare"} else world(request)
        )

    with pytest.raises(CallFailedError):
        events_of(task(grader="rubric"), no_judge)
    with pytest.raises(CallFailedError):
        events_of(task(items=()), no_judge)


def test_a_verdict_that_cannot_be_read_is_no_score() -> None:
    def mumbling(request: Request) -> str | CallFailedError:
        return "score me 10" if request.purpose == "rubric" else world(request)

    with pytest.raises(CallFailedError, match="no readable verdict"):
        events_of(task(grader="rubric"), mumbling)


@pytest.mark.parametrize("said", ['{"prompt": "a\\u0000b \\ud83d"}', '{"prompt": ' + "[" * 5000, "\ud800"])
def test_whatever_the_optimizer_writes_can_be_stored(said: str) -> None:
    def hostile(request: Request) -> str | CallFailedError:
        return said if request.purpose in {"mutate", "critique", "synthesize"} else world(request)

    for event in events_of(task(), hostile, target_score=2):
        if isinstance(event, Proposed):
            assert "\0" not in event.components.instruction
            event.components.instruction.encode()


def test_the_budget_of_tokens_is_never_overshot() -> None:
    events = events_of(task(), max_tokens=60_000)
    spent = [event for event in events if isinstance(event, Spent)][-1]
    assert spent.prompt_tokens + spent.completion_tokens <= 60_000
    assert isinstance(events[-1], Finished)


def test_an_optimizer_that_gives_nothing_usable_ends_with_the_best_of_what_there_is() -> None:
    def useless(request: Request) -> str:
        if request.purpose != "answer":
            return "I cannot do that, sorry"
        beyond_it = (
            int(last_input(request)[4:]) % 7 == 0
        )  # so that the target score is not reached without rewrites
        return "neither" if beyond_it else answers(request)

    result = result_of(task(), useless)
    assert result.best != 0
    assert result.rating is None
    assert "wrote no usable rewrite" in " ".join(result.caveats)


def test_a_failing_call_is_never_a_score() -> None:
    def broken(request: Request) -> str | CallFailedError:
        return CallFailedError("refused", "no") if request.purpose == "answer" else proposals(request)

    with pytest.raises(CallFailedError):
        events_of(task(), broken)


def test_a_candidate_too_long_for_the_window_drops_out_and_the_run_goes_on() -> None:
    def small(request: Request) -> str | CallFailedError:
        too_long = request.purpose == "answer" and len(request.messages) > 1
        return CallFailedError("context_window", "too long") if too_long else world(request)

    result = result_of(task(), small)
    assert result.best != 0
    assert result.components.shots_as == "text" or not result.components.shots


def test_without_rows_pairs_are_judged_in_both_orders() -> None:
    model = Scripted(world)
    result = list(run(task(items=()), Config(iterations=1, rounds=1), Ledger(model, MemoryStore())))[-1]
    assert isinstance(result, Finished)
    assert result.score_kind == "win rate"
    assert result.comparison is not None
    assert result.comparison.best == 0.5  # this judge always prefers A: the two orders cancel out
    assert result.best == 0


def test_without_rows_a_fair_judge_finds_the_better_prompt() -> None:
    def fair(request: Request) -> str:
        if request.purpose != "compare":
            return world(request)  # type: ignore[return-value]
        text = request.messages[-1].content
        first = text.split("<A>")[1].split("</A>")[0]
        return json.dumps({"better": "B" if "I think" in first else "A"})

    result = result_of(task(items=()), fair)
    assert result.best != 0
    assert result.comparison is not None
    assert (result.comparison.baseline, result.comparison.best) == (0.5, 1.0)


def test_a_model_that_thinks_first_is_not_cut_in_its_thoughts() -> None:
    class Thinker(Scripted):
        def replies(self, requests):  # type: ignore[no-untyped-def]
            for arrival, request in zip(super().replies(requests), requests, strict=True):
                cut = request.purpose == "answer" and request.max_tokens < 100
                reply = replace(arrival.reply, text="<think>well", finish_reason="length")  # type: ignore[union-attr]
                yield Done(arrival.index, reply) if cut else arrival  # type: ignore[union-attr]

    last = list(run(task(), Config(), Ledger(Thinker(world), MemoryStore())))[-1]
    assert isinstance(last, Finished)
    assert last.quality_score == 100


def test_too_few_rows_are_refused_before_anything_is_spent() -> None:
    model = Scripted(world)
    with pytest.raises(ValueError, match="At least 4"):
        list(run(task(items=(Item("word1", "odd"),) * 9), Config(), Ledger(model, MemoryStore())))
    assert model.requests == []


def test_the_target_score_ends_the_search() -> None:
    assert "every search row" in result_of(task()).reason


def test_among_several_that_reach_the_target_training_rows_decide() -> None:
    items = tuple(Item(f"word{number}", "even" if number % 2 == 0 else "odd") for number in range(60))
    lucky = {item.input for item in split(items, seed=0).validation}

    def flattering(request: Request) -> str:
        """The original is right on all rows that are raced on, and on no others."""
        shown = len(request.messages) > 1
        right = request.purpose == "answer" and (shown or last_input(request) in lucky)
        number = int(last_input(request)[4:]) if request.purpose == "answer" else 0
        return ("odd" if number % 2 else "even") if right else proposals_or_wrong(request)

    def proposals_or_wrong(request: Request) -> str:
        return "wrong" if request.purpose == "answer" else proposals(request)

    result = result_of(task(items=items), flattering)
    assert "every search row" in result.reason
    assert result.best != 0
    assert result.comparison is not None
    assert (result.comparison.baseline, result.comparison.best) == (0.0, 1.0)


def test_progress_counts_every_call_of_a_stage() -> None:
    stages = [event for event in events_of(task()) if isinstance(event, Stage) and event.name == "Scoring"]
    assert any(stage.done == stage.total > 8 for stage in stages)


def test_the_leader_is_told_as_it_changes() -> None:
    events = events_of(task())
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert [event for event in events if isinstance(event, Leading)][-1].number == finished.best
