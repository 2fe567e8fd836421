"""A candidate is components, and renders to one prompt: as plain text and as chat messages."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from typing import Literal

from optimizer.engine.task import Item
from optimizer.llm.base import Message

VARIABLE = re.compile(r"\{\{\s*([\w.\-]+)\s*\}\}")
INPUT = "{{input}}"


@dataclass(frozen=True)
class Shot:
    """A few-shot example: an input, the answer, and optionally the reasoning that leads to it."""

    input: str
    output: str
    reasoning: str = ""

    @property
    def answer(self) -> str:
        """What the assistant is shown to have said."""
        return f"{self.reasoning}\n{self.output}" if self.reasoning else self.output


@dataclass(frozen=True)
class Components:
    """The parts that the search changes one at a time. Empty parts render to nothing."""

    instruction: str
    persona: str = ""
    answer_format: str = ""
    keywords: tuple[str, ...] = ()
    shots: tuple[Shot, ...] = ()
    shots_as: Literal["text", "turns"] = "text"

    @property
    def head(self) -> str:
        """Everything but the examples, as one text."""
        keywords = f"Keywords: {', '.join(self.keywords)}" if self.keywords else ""
        parts = [self.persona, self.instruction, keywords, self.answer_format]
        return "\n\n".join(part.strip() for part in parts if part.strip())

    @property
    def length(self) -> int:
        """Characters of the whole prompt, without an input."""
        return len(self.as_text())

    def as_text(self) -> str:
        """One text to copy: the prompt as it was run, with `{{input}}` where examples lead up to the input.

        Examples that are chat turns have no such text; they are written out below the instruction.
        """
        if self.shots and self.shots_as == "text":
            return self._question(INPUT)
        return "\n\n".join([self.head, *self._shot_texts()])

    def messages(self, item_input: str = INPUT) -> tuple[Message, ...]:
        """The chat that asks for one input."""
        turns = self.shots if self.shots_as == "turns" else ()
        earlier = [
            message
            for shot in turns
            for message in (Message("user", filled(self.head, shot.input)), Message("assistant", shot.answer))
        ]
        return (*earlier, Message("user", self._question(item_input)))

    def _question(self, item_input: str) -> str:
        if self.shots_as == "turns" or not self.shots:
            return filled(self.head, item_input)
        asked = f"Input: {item_input}\nOutput:"
        if variables(self.head):
            return "\n\n".join([*self._shot_texts(), filled(self.head, item_input)])
        return "\n\n".join([self.head, *self._shot_texts(), asked])

    def _shot_texts(self) -> list[str]:
        return [f"Input: {shot.input}\nOutput: {shot.answer}" for shot in self.shots]

    def but(self, **changes: object) -> Components:
        """The same with some parts changed."""
        return replace(self, **changes)  # type: ignore[arg-type]


def variables(text: str) -> frozenset[str]:
    """Names of the `{{variables}}` in a text."""
    return frozenset(VARIABLE.findall(text))


def filled(text: str, item_input: str) -> str:
    """The text with the input in its place: in the variables where there are some, else below the text.

    An input that is a JSON object fills variables by name; any other fills each variable.
    """
    if not variables(text):
        return f"{text}\n\n{item_input}" if item_input else text
    if item_input == INPUT:
        return text
    values = _values(item_input)
    return VARIABLE.sub(lambda found: values.get(found[1], item_input if not values else found[0]), text)


def _values(item_input: str) -> dict[str, str]:
    if not item_input.lstrip().startswith("{"):
        return {}
    try:
        parsed = json.loads(item_input)
    except (ValueError, RecursionError):
        return {}
    return {name: value if isinstance(value, str) else json.dumps(value) for name, value in parsed.items()}


def shot_of(item: Item) -> Shot:
    """A row as an example."""
    return Shot(item.input, item.expected)
