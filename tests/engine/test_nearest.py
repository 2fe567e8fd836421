"""Examples that are chosen for each input."""

from __future__ import annotations

import re

import pytest

from optimizer.engine import Item
from optimizer.engine.components import Components, Shot
from optimizer.engine.events import Finished, Proposed, Scored
from optimizer.engine.nearest import Nearest
from optimizer.llm.base import CallFailedError, Request
from tests.engine.world import events_of, proposals, task

TEXTS = ("where is my card", "my card is late", "refund my order", "I want a refund", "hello")


def test_the_most_similar_text_comes_last() -> None:
    nearest = Nearest(TEXTS)
    assert nearest.to("is my card late?", 2) == [0, 1]
    assert [TEXTS[place] for place in nearest.to("a refund, please", 2)] == [
        "refund my order",
        "I want a refund",
    ]


def test_the_same_text_is_left_out_however_it_is_written() -> None:
    assert 1 not in Nearest(TEXTS).to("My  card is LATE", 4)


@pytest.mark.parametrize("text", ["", " ", "日本語", "x", "\0", "z" * 100_000])
def test_any_text_has_neighbours(text: str) -> None:
    assert len(Nearest(TEXTS).to(text, 3)) == 3
    assert Nearest([]).to(text, 3) == []
    assert len(Nearest(TEXTS).to(text, 99)) == 5


def test_an_input_is_shown_its_own_examples() -> None:
    shots = tuple(Shot(text, f"label {number}") for number, text in enumerate(TEXTS))
    prompt = Components("Choose.", shots=shots, shots_as="turns", head_as="system", nearest=2)
    messages = [message.content for message in prompt.messages(Item("is my card late?"))]
    assert messages == ["Choose.", TEXTS[0], "label 0", TEXTS[1], "label 1", "is my card late?"]
    assert "{{a similar input}}" in str(prompt.messages())
    assert "my card" not in prompt.as_text()


FAMILIES = ("card", "refund", "login", "address", "invoice", "parcel")
ROWS = tuple(
    Item(f"{family} question number {number} about the {family}", f"team {family}")
    for number in range(10)
    for family in FAMILIES
)


def copying(request: Request) -> str | CallFailedError:
    """Right where an example of the same family is shown."""
    if request.purpose != "answer":
        return proposals(request)
    family = request.messages[-1].content.split()[-1]
    shown = [m.content for m in request.messages if m.role == "assistant"]
    return f"team {family}" if shown and shown[-1] == f"team {family}" else "team unknown"


def test_a_model_that_copies_ends_with_examples_from_all_rows_of_the_search() -> None:
    events = events_of(task(prompt="Which team?", items=ROWS), copying)
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert finished.components.nearest
    assert finished.comparison is not None
    assert finished.comparison.best == 1.0
    scored = [event for event in events if isinstance(event, Scored) and event.split == "held-out"]
    held_out = {outcome.input for event in scored for outcome in event.outcomes}
    inputs = {shot.input for shot in finished.components.shots}
    assert inputs == {row.input for row in ROWS} - held_out
    assert {e.operator for e in events if isinstance(e, Proposed)} >= {"examples for each input", "all rows"}


def test_five_rows_are_enough_to_run() -> None:
    finished = events_of(task(items=ROWS[:5]), copying)[-1]
    assert isinstance(finished, Finished)


def test_labels_that_contain_each_other_are_kept_apart() -> None:
    labels = ("card", "card lost", "card lost abroad")
    rows = tuple(Item(f"question {n}", labels[n % 3]) for n in range(30))

    def exactly(request: Request) -> str | CallFailedError:
        if request.purpose != "answer":
            return proposals(request)
        number = re.findall(r"question (\d+)", request.messages[-1].content)[-1]
        said = labels[int(number) % 3]
        return f"It is clear.\nAnswer: {said}" if "reasoning" in str(request.messages) else "card"

    finished = events_of(task(prompt="Which one?", items=rows), exactly)[-1]
    assert isinstance(finished, Finished)
    assert finished.components.reasoning
    assert all(shot.output in labels for shot in finished.components.shots)
