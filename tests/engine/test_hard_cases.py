"""Rows, models and servers that are not as one would wish: what was found is kept, and what is missing is said."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from optimizer.engine import Config, Grade, Item, run
from optimizer.engine.answering import AnswerCalls, Case
from optimizer.engine.asking import Asker
from optimizer.engine.budget import BudgetSpentError
from optimizer.engine.calls import THINKING_TOKENS, cut_in_thought
from optimizer.engine.caveats import STILL_THINKING
from optimizer.engine.components import Components
from optimizer.engine.estimate import Speed, estimate
from optimizer.engine.events import Dropped, Finished, Proposed, Spent
from optimizer.engine.graders import GRADERS
from optimizer.engine.operators.parts import AnswerFormat, shared_format
from optimizer.engine.splits import split
from optimizer.llm.base import Arrival, CallFailedError, Done, Reply, Request
from optimizer.llm.ledger import Ledger, MemoryStore
from optimizer.llm.scripted import Scripted
from tests.engine.test_operators import view
from tests.engine.world import ITEMS, events_of, last_input, proposals, result_of, task, world

LONG = "very " * 400


def windowed(request: Request) -> str | CallFailedError:
    """A model with a small window."""
    size = sum(len(message.content) for message in request.messages)
    return CallFailedError("context_window", "does not fit") if size > 1500 else world(request)


def value_of(steps):  # type: ignore[no-untyped-def]
    """What a generator ends with."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value


def fallible(request: Request) -> str:
    """Some words are beyond it, so that the target score is not reached by structure alone."""
    hard = request.purpose == "answer" and int(last_input(request)[4:]) % 7 == 0
    return "neither" if hard else str(world(request))


# Rows that fit into no window


@pytest.mark.parametrize("seed", range(4))
def test_a_row_that_fits_with_no_prompt_counts_as_wrong_and_costs_nothing_else(seed: int) -> None:
    items = (*ITEMS, Item(f"{LONG} word40", "even"), Item(f"{LONG} word41", "odd"))
    result = result_of(task(items=items), windowed, seed)
    assert result.best != 0
    assert result.comparison is not None
    assert result.comparison.better > 0
    splits = split(items, seed=seed)
    needed = any(LONG in item.input for item in (*splits.validation, *splits.held_out))
    told = any("not fit into the context window, even with the original" in c for c in result.caveats)
    assert told or not needed


def test_a_candidate_that_is_too_long_where_the_original_fits_still_drops_out() -> None:
    items = tuple(Item(f"{'x' * 200} {item.input}", item.expected) for item in ITEMS)
    events = events_of(task(items=items), windowed)
    shown = {e.number for e in events if isinstance(e, Proposed) and len(e.components.shots) >= 8}
    dropped = {e.number for e in events if isinstance(e, Dropped)}
    assert shown
    assert shown <= dropped
    assert not any("not fit into the context window" in c for c in events[-1].caveats)  # type: ignore[union-attr]


def test_a_prompt_that_fits_with_no_row_is_refused() -> None:
    with pytest.raises(CallFailedError, match="does not fit"):
        result_of(task(prompt=LONG), windowed)


def test_held_out_rows_that_all_do_not_fit_leave_the_original() -> None:
    result = result_of(task(held_out=(Item(f"{LONG} word1", "odd"), Item(f"{LONG} word2", "even"))), windowed)
    assert result.best == 0
    assert "No held-out row fits into the context window, so the original is kept." in result.caveats


def test_a_training_row_that_fits_with_no_prompt_is_neither_practised_nor_shown() -> None:
    items = (*ITEMS[:12], *(Item(f"{LONG} word{n}", "even") for n in range(12, 20, 2)))
    held_out = ITEMS[20:]

    def hard(request: Request) -> str | CallFailedError:
        wrong = request.purpose == "answer" and int(last_input(request)[4:]) % 3 == 0
        told = windowed(request)
        return told if isinstance(told, CallFailedError) else "neither" if wrong else told

    for seed in range(4):
        model = Scripted(hard)
        events = list(
            run(task(items=items, held_out=held_out, evidence=("1 of 5 stars.",)), Config(), model, seed)
        )
        assert isinstance(events[-1], Finished)
        assert not any(LONG in r.messages[0].content for r in model.requests if r.purpose == "critique")


# Optimizer models that fail or think


@pytest.mark.parametrize("purpose", ["understand", "mutate", "critique"])
def test_an_optimizer_that_fails_ends_the_search_with_what_was_found(purpose: str) -> None:
    def failing(request: Request) -> str | CallFailedError:
        broken = request.purpose == purpose
        return CallFailedError("server_fault", "Out of memory.") if broken else fallible(request)

    result = result_of(task(), failing, patience=99)
    assert result.best != 0
    assert result.comparison is not None
    assert result.comparison.difference > 0
    assert result.reason == "The optimizer model failed. The result is the best found before that."
    assert "The optimizer model failed, which ended the search: Out of memory." in result.caveats


def test_an_optimizer_that_fails_before_anything_was_found_fails_the_run() -> None:
    def failing(request: Request) -> str | CallFailedError:
        return "neither" if request.purpose == "answer" else CallFailedError("server_fault", "Out of memory.")

    with pytest.raises(CallFailedError, match="Out of memory"):
        result_of(task(), failing)


def test_an_optimizer_that_was_not_asked_is_not_blamed() -> None:
    result = result_of(task())
    assert result.reason == "The best so far is right on every search row."
    assert "wrote no usable rewrite" not in " ".join(result.caveats)


class Thinker(Scripted):
    """Thinks for 300 tokens before it speaks."""

    def replies(self, requests):  # type: ignore[no-untyped-def]
        self.requests.extend(requests)
        for index, request in enumerate(requests):
            if request.max_tokens <= 330:
                yield Done(index, Reply("<think>Well", "length", 10, request.max_tokens, 1))
            else:
                yield Done(index, Reply(f"<think>Well</think>{self.script(request)}", "stop", 10, 310, 1))


def test_a_model_that_thinks_gets_room_for_its_thoughts() -> None:
    model = Thinker(fallible)
    *_, result = run(task(grader="contains"), Config(iterations=1), Ledger(model, MemoryStore()))
    assert isinstance(result, Finished)
    assert result.comparison is not None
    assert result.comparison.best > 0.5
    for purpose in ("answer", "understand", "mutate"):
        limits = [request.max_tokens for request in model.requests if request.purpose == purpose]
        assert limits[-1] > THINKING_TOKENS
    assert limits[0] > THINKING_TOKENS  # what is learnt of it once holds for later calls


def test_one_long_thought_does_not_ask_all_again() -> None:
    class Once(Scripted):
        def replies(self, requests):  # type: ignore[no-untyped-def]
            self.requests.extend(requests)
            for index, request in enumerate(requests):
                cut = (
                    request.purpose == "answer"
                    and last_input(request) == "word8"
                    and request.max_tokens < 1000
                )
                told = (
                    Reply("<think>", "length", 10, 9, 1)
                    if cut
                    else Reply(str(world(request)), "stop", 10, 5, 1)
                )
                yield Done(index, told)

    model = Once(world)
    list(run(task(grader="contains"), Config(iterations=1), model))
    longer = [r for r in model.requests if r.purpose == "answer" and r.max_tokens > 256]
    assert longer
    assert {last_input(request) for request in longer} == {"word8"}


def test_thoughts_that_no_budget_allows_leave_the_other_answers() -> None:
    asker = Asker(Thinker(world, slots=1), Config(max_calls=4))
    cases = [Case(Components("Is it even?"), item) for item in ITEMS[:4]]
    steps = AnswerCalls(task(grader="contains"), asker, 256).ask("", cases)
    assert [answer.text for answer in value_of(steps)] == ["<think>Well"] * 4  # type: ignore[no-untyped-call]
    assert asker.spent.calls == 4


def test_a_long_instruction_has_room_to_be_rewritten() -> None:
    model = Scripted(fallible)
    list(run(task(prompt="Say whether the number is even or odd, please. " * 60), Config(), model))
    rewrites = {"mutate", "synthesize"}
    limits = {request.max_tokens for request in model.requests if request.purpose in rewrites}
    assert max(limits) == 60 * 47 // 2 - 1


def test_white_space_is_no_thought() -> None:
    assert cut_in_thought(Reply("", "length"))
    assert cut_in_thought(Reply("<think>Well", "length"))
    assert not cut_in_thought(Reply("\n\n\n", "length"))
    assert not cut_in_thought(Reply("<think>Well</think>", "stop"))


# Answers that are cut


class Cut(Scripted):
    """The bare prompt makes it talk until it is cut."""

    def replies(self, requests):  # type: ignore[no-untyped-def]
        for index, request in enumerate(requests):
            taught = request.purpose != "answer" or len(request.messages) > 1
            yield Done(index, Reply(str(self.script(request)), "stop" if taught else "length", 10, 20, 1))


def test_answers_that_were_cut_are_told() -> None:
    cut = "Answers to held-out rows were cut at the limit for one answer, 256 tokens"
    for grader, counts in (("contains", True), ("exact", False)):
        *_, result = run(task(grader=grader), Config(), Ledger(Cut(fallible), MemoryStore()))
        assert isinstance(result, Finished)
        assert (
            any(caveat.startswith(f"{cut}: 16 of 16 with the original") for caveat in result.caveats)
            is counts
        )


def test_a_judge_sees_that_an_answer_was_cut() -> None:
    class Always(Cut):
        def replies(self, requests):  # type: ignore[no-untyped-def]
            self.requests.extend(requests)
            return super().replies(requests)  # type: ignore[no-untyped-call]

    model = Always(fallible)
    list(run(task(grader="rubric"), Config(iterations=1, rounds=1), Ledger(model, MemoryStore())))
    judged = [request for request in model.requests if request.purpose == "rubric"]
    assert any("…\n</answer>" in request.messages[0].content for request in judged)


# Limits


def test_slow_calls_of_another_kind_do_not_take_the_room_of_the_comparison() -> None:
    class Slow(Scripted):
        def replies(self, requests):  # type: ignore[no-untyped-def]
            for index, request in enumerate(requests):
                ms = 300 if request.purpose == "answer" else 10_000
                yield Done(index, Reply(str(self.script(request)), "stop", 10, 5, ms))

    model = Ledger(Slow(fallible, slots=1), MemoryStore())
    *_, result = run(task(), Config(max_minutes=2, iterations=50, patience=50), model, 1)
    assert isinstance(result, Finished)
    assert result.comparison is not None
    assert result.comparison.rows == 16
    assert "2 minutes" in result.reason or "What is left of the budget" in result.reason


def test_one_kind_of_calls_tells_nothing_of_another() -> None:
    class Slow(Scripted):
        def replies(self, requests):  # type: ignore[no-untyped-def]
            self.requests.extend(requests)
            for index, request in enumerate(requests):
                yield Done(index, Reply("x", "stop", 10, 5, 100 if request.purpose == "answer" else 20_000))

    model = Slow(world, slots=1)
    asker = Asker(model, Config(max_minutes=1))
    list(asker.ask("", [Request("answer", "m", (), 1, seed=n) for n in range(20)]))
    with pytest.raises(BudgetSpentError):
        list(asker.ask("", [Request("mutate", "m", (), 2, seed=n) for n in range(9)]))
    assert (
        len(model.requests) == 22
    )  # of 20 s each, two fit into the minute with the quarter that is kept free


def test_a_model_without_a_ledger_is_paid_once_too() -> None:
    model = Scripted(world)
    events = list(
        run(task(items=(), inputs=("word1", "word2", "word3", "word4")), Config(iterations=1), model)
    )
    spent = [event for event in events if isinstance(event, Spent)][-1]
    assert len(model.requests) == len({request.key for request in model.requests}) == spent.calls


# Critiques


def critiques(the_task: object, script: object, **config: int) -> list[str]:
    model = Scripted(script)  # type: ignore[arg-type]
    list(run(the_task, Config(**config), model))  # type: ignore[arg-type]
    return [r.messages[0].content for r in model.requests if r.purpose == "critique"]


def test_the_critique_sees_what_the_grader_said() -> None:
    schema = json.dumps({"$schema": "x", "type": "object", "required": ["age"]})
    items = tuple(Item(f"word{n}", schema) for n in range(40))

    def nameless(request: Request) -> str:
        return "{}" if request.purpose == "answer" else proposals(request)

    seen = critiques(task(items=items, grader="json"), nameless, styles=6)
    assert seen
    assert all("Why: 'age' is a required property" in text for text in seen)


def test_the_critique_sees_the_words_of_a_grader_of_ones_own() -> None:
    def short(output: str, expected: str, options: object) -> Grade:
        return Grade(0.0, f"expected at most 5 characters, got {len(output)}")

    seen = critiques(task(grader=short), world, styles=6)
    assert seen
    assert all("Why: expected at most 5 characters" in text for text in seen)
    assert not any(
        "Why:" in text
        for text in critiques(task(), lambda r: "no" if r.purpose == "answer" else world(r), styles=6)
    )


def test_the_critique_of_a_rubric_sees_the_points_and_the_worst_first() -> None:
    def middling(request: Request) -> str:
        return json.dumps({"score": 3 + request.seed % 2}) if request.purpose == "rubric" else world(request)  # type: ignore[return-value]

    seen = critiques(task(grader="rubric"), middling, patience=9, iterations=6)
    assert any("Why: the judge gave 3 of 10" in text for text in seen)


def test_where_nobody_knows_what_is_right_no_answer_is_called_wrong() -> None:
    inputs = tuple(f"word{n}" for n in range(8))

    def tied(request: Request) -> str | CallFailedError:
        return '{"better": "tie"}' if request.purpose == "compare" else world(request)

    seen = critiques(task(items=(), inputs=inputs), tied, patience=9, iterations=6)
    assert seen
    assert all("These are some of its answers" in text and "These were wrong" not in text for text in seen)


# Languages and labels


@pytest.mark.parametrize(
    ("grader", "output", "expected", "score"),
    [
        ("contains", "情感是正面的。", "正面", 1.0),
        ("contains", "この文は肯定的です", "肯定的", 1.0),
        ("contains", "긍정입니다", "긍정", 1.0),
        ("contains", "unsafe", "safe", 0.0),
        ("exact", "正面。", "正面", 1.0),
        ("exact", "「正面」", "正面", 1.0),
        ("exact", "¿Qué?", "qué", 1.0),
        ("exact", "cafe\u0301", "café", 1.0),
        ("words", "cafe\u0301 noir", "noir café", 1.0),
        ("exact", "ＯＫ！", "ok", 1.0),
        ("exact", "25", "2⁵", 0.0),
    ],
)
def test_graders_read_any_script(grader: str, output: str, expected: str, score: float) -> None:
    assert GRADERS[grader](output, expected, {}).score == score


def test_a_choice_is_found_in_a_script_without_spaces() -> None:
    options = {"choices": "正面\n负面"}
    assert GRADERS["choice"]("这是正面的", "正面", options).score == 1
    assert GRADERS["choice"]("正面或负面", "正面", options).score == 0


def test_many_labels_are_named_once_all_are_likely_there() -> None:
    labels = [f"intent {number}" for number in range(20)]
    assert shared_format(5 * labels).startswith("Answer with exactly one of: intent 0, intent 1")
    letters = [*"aabbccddeeffgghhijklmnop"]  # a third of them came only once: there will be others
    assert shared_format(letters) == "Answer with one character only. Write nothing else."


def test_declared_choices_are_the_labels() -> None:
    options = (("choices", "Yes\nNo\nMaybe"),)
    the_view = view(Components("Answer."), task=task(grader="choice", grader_options=options))
    (child,) = AnswerFormat().propose(the_view)
    assert child.answer_format == "Answer with exactly one of: Yes, No, Maybe. Write nothing else."


# Several variables


def test_inputs_for_several_variables_have_a_value_for_each() -> None:
    asked: list[str] = []

    def translator(request: Request) -> str | CallFailedError:
        if request.purpose == "answer":
            asked.append(request.messages[-1].content)
            return answers_of(request)
        if request.purpose == "inputs":
            assert request.schema is not None
            one = request.schema["properties"]["inputs"]["items"]
            assert one["required"] == ["text", "language"]
            rows = [{"text": f"Good day {n}", "language": f"Speech {request.seed}"} for n in range(4)]
            return json.dumps({"inputs": [*rows, "no object"]})
        return proposals(request)

    def answers_of(request: Request) -> str:
        return f"Said: {request.messages[-1].content}"

    prompt = "Translate {{text}} into {{language}}."
    without_rows = task(prompt=prompt, items=())
    result_of(without_rows, translator, iterations=1)
    assert estimate(without_rows, Config(), Speed(100, 100)).calls.high > 100
    original = [text for text in asked if text.startswith("Translate ")]
    assert original
    assert all(text.startswith("Translate Good day") and "into Speech" in text for text in original)


class Ruminant(Scripted):
    """A model that never comes to an answer."""

    def replies(self, requests: Sequence[Request]) -> Iterator[Arrival]:
        for arrival in super().replies(requests):
            if isinstance(arrival, Done) and requests[arrival.index].purpose == "answer":
                yield Done(arrival.index, Reply("", "length", 10, requests[arrival.index].max_tokens))
            else:
                yield arrival


@pytest.mark.parametrize("grader", ["exact", "contains", "words", "numeric", "rubric"])
def test_answers_that_are_cut_in_thought_are_told_under_every_grader(grader: str) -> None:
    options = (("rubric", "Is it right?"),) if grader == "rubric" else ()
    rows = tuple(replace(item, expected=str(number)) for number, item in enumerate(ITEMS))
    asked = replace(task(), items=rows, grader=grader, grader_options=options)
    *_, last = run(asked, Config(iterations=1, rounds=1), Ruminant(world))
    assert isinstance(last, Finished)
    assert [caveat for caveat in last.caveats if STILL_THINKING in caveat and "count as wrong" in caveat]
