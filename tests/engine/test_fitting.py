"""Calls that fit into the context window, and candidates that do not. And models that tell no chat turns apart."""

from __future__ import annotations

from dataclasses import replace

from optimizer.engine import Config, Item, Task, run
from optimizer.engine.events import Event, Finished, Rejected
from optimizer.engine.fitting import longest_call
from optimizer.llm.base import CallFailedError, Request
from optimizer.llm.ledger import Ledger, MemoryStore
from optimizer.llm.scripted import Scripted
from tests.engine.world import ITEMS, last_input, task, world

WINDOW = 600  # tokens, which are words here
LONG = " filled" * 100
REASON = "longer than the context window"


def long_rows() -> Task:
    return task(items=tuple(replace(item, input=item.input + LONG) for item in ITEMS))


def words(request: Request) -> int:
    return sum(len(message.content.split()) for message in request.messages)


def small(request: Request) -> str | CallFailedError:
    """A model with that window, for which some words are too hard, so that the search goes on."""
    if words(request) >= WINDOW:
        return CallFailedError("context_window", "does not fit")
    if request.purpose != "answer":
        return world(request)
    asked = last_input(request).removesuffix(LONG)
    return "neither" if int(asked.removeprefix("word")) % 5 == 0 else str(world(short(request)))


def short(request: Request) -> Request:
    messages = tuple(replace(m, content=m.content.replace(LONG, "")) for m in request.messages)
    return replace(request, messages=messages)


def searched(window: int) -> tuple[list[Event], int]:
    """The events of a run, and how many calls did not fit."""
    model = Scripted(small)
    events = list(run(long_rows(), Config(window=window), Ledger(model, MemoryStore())))
    assert isinstance(events[-1], Finished)
    return events, sum(words(request) >= WINDOW for request in model.requests)


def test_a_candidate_that_surely_does_not_fit_is_refused_before_a_call() -> None:
    events, failed = searched(WINDOW)
    assert REASON in {event.reason for event in events if isinstance(event, Rejected)}
    unbounded, failed_before = searched(0)
    assert REASON not in {event.reason for event in unbounded if isinstance(event, Rejected)}
    assert failed < failed_before


def test_the_longest_call_is_the_prompt_on_its_longest_row_with_the_longest_answer() -> None:
    plain = task(prompt="x" * 100, items=(Item("a" * 100, "b"), Item("c" * 298, "d")))
    assert longest_call(plain, Config(answer_tokens=50)) == 140 + 16 + 50  # 400 bytes with the blank line
    variables = task(prompt="Is {{word}} even?", items=(), inputs=("one", "three" * 100))
    assert longest_call(variables, Config(answer_tokens=50)) > 175 + 50
    assert longest_call(task(items=()), Config(answer_tokens=50)) < 100


def test_without_turns_every_call_is_one_message() -> None:
    model = Scripted(world)
    events = list(run(task(turns=False), Config(), Ledger(model, MemoryStore())))
    result = events[-1]
    assert isinstance(result, Finished)
    assert {len(request.messages) for request in model.requests} == {1}
    assert result.best != 0
