"""A prompt that is sent as the system message, each row as the user message."""

from __future__ import annotations

import pytest

from optimizer.engine import Config, Item, TaskRefusedError, run
from optimizer.engine.components import Shot, first_of
from optimizer.engine.events import Finished
from optimizer.llm.base import CallFailedError, Message, Request
from optimizer.llm.ledger import Ledger, MemoryStore
from optimizer.llm.scripted import Scripted
from tests.engine.world import PROMPT, task, world

ROW = Item("word7", "odd")
SHOT = Shot("word2", "even")


def test_the_prompt_is_the_system_message_and_the_row_the_users() -> None:
    sent = first_of(task(as_system=True)).messages(ROW)
    assert sent == (Message("system", PROMPT), Message("user", "word7"))


def test_without_it_the_row_stands_below_the_prompt() -> None:
    assert first_of(task()).messages(ROW) == (Message("user", f"{PROMPT}\n\nword7"),)


def test_examples_follow_as_turns_of_rows_alone() -> None:
    shown = first_of(task(as_system=True)).but(shots=(SHOT,), shots_as="turns")
    assert [(message.role, message.content) for message in shown.messages(ROW)] == [
        ("system", PROMPT),
        ("user", "word2"),
        ("assistant", "even"),
        ("user", "word7"),
    ]


def test_examples_in_the_text_belong_to_the_system_message() -> None:
    shown = first_of(task(as_system=True)).but(shots=(SHOT,))
    system, user = shown.messages(ROW)
    assert system.content == f"{PROMPT}\n\nInput: word2\nOutput: even"
    assert user == Message("user", "word7")
    assert shown.as_text() == system.content


def test_a_prompt_with_variables_is_refused() -> None:
    asked = task(prompt="Is {{word}} even?", items=(), inputs=("word1",), as_system=True)
    with pytest.raises(TaskRefusedError, match="variables"):
        list(run(asked, Config(), Scripted(world)))


def test_a_whole_search_sends_every_candidate_so() -> None:
    answered: list[Request] = []

    def listening(request: Request) -> str | CallFailedError:
        if request.purpose == "answer":
            answered.append(request)
        return world(request)

    *_, last = run(task(as_system=True), Config(), Ledger(Scripted(listening), MemoryStore()))
    assert isinstance(last, Finished)
    assert last.best is not None
    assert len(answered) >= 40
    for request in answered:
        roles = [message.role for message in request.messages]
        assert roles[0] == "system"
        assert roles.count("system") == 1
        assert request.messages[-1].content.startswith("word")
