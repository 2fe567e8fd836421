"""Answers that take two calls: reasoning, and after it a constrained answer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from optimizer.engine import Config
from optimizer.engine.answering import AnswerCalls, Case
from optimizer.engine.asking import Asker
from optimizer.engine.budget import BudgetSpentError
from optimizer.engine.calls import Answer
from optimizer.engine.components import Components
from optimizer.engine.constraint import Constraint
from optimizer.engine.reasoning import Reasoning
from optimizer.llm.base import Arrival, Done, Reply, Request
from optimizer.llm.ledger import Ledger, MemoryStore
from optimizer.llm.scripted import Scripted
from tests.engine.world import ITEMS, task

FREE = Components("Is it even?", reasoning=Reasoning("Think.", "Answer:"))
IN_TWO = FREE.but(constraint=Constraint(labels=("even", "odd")))
LIMIT = 20  # tokens of an answer at first


class Thinking(Scripted):
    """Writes its thoughts before everything, and is cut if it may not write as much."""

    def replies(self, requests: Sequence[Request]) -> Iterator[Arrival]:
        for arrival in super().replies(requests):
            if isinstance(arrival, Done) and requests[arrival.index].max_tokens < 200:
                cut = replace(arrival.reply, text="<think>Let me see", finish_reason="length")
                yield Done(arrival.index, cut)
            else:
                yield arrival


def model_of(kind: type[Scripted] = Scripted) -> Scripted:
    return kind(lambda request: '"odd"' if request.schema else "Its digits tell.\nAnswer: odd")


def calls_to(model: Scripted, max_calls: int | None = None) -> AnswerCalls:
    return AnswerCalls(task(), Asker(Ledger(model, MemoryStore()), Config(max_calls=max_calls)), LIMIT)


def asked(calls: AnswerCalls, components: Components, rows: int) -> list[Answer]:
    steps = calls.ask("Scoring", [Case(components, item) for item in ITEMS[:rows]])
    while True:
        try:
            next(steps)
        except StopIteration as end:
            answers: list[Answer] = end.value
            return answers


def test_no_first_call_is_sent_without_room_for_the_second() -> None:
    model = model_of()
    with pytest.raises(BudgetSpentError):
        asked(calls_to(model, max_calls=60), IN_TWO, 40)
    assert model.requests == []


def test_a_second_call_that_is_cut_in_thought_gets_a_larger_limit() -> None:
    (answer,) = asked(calls_to(model_of(Thinking)), IN_TWO, 1)
    assert isinstance(answer, Reply)
    assert answer.text == 'Its digits tell.\nAnswer: "odd"'


def test_the_first_call_is_that_of_the_prompt_without_the_constraint() -> None:
    """Also if the limit for reasoning has become smaller in between."""
    model = model_of()
    calls = calls_to(model)
    asked(calls, FREE, 8)
    asked(calls, IN_TWO, 8)
    assert [bool(request.schema) for request in model.requests] == [False] * 8 + [True] * 8
