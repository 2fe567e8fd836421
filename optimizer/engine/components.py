"""A candidate is components, and renders to one prompt: as plain text and as chat messages."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from typing import Any, Literal

from optimizer.engine.constraint import Constraint
from optimizer.engine.nearest import Nearest
from optimizer.engine.reasoning import Kind, Read, Reasoning
from optimizer.engine.task import Item, Task, TaskRefusedError
from optimizer.engine.variables import filled, in_braces, variables, whole, with_values
from optimizer.llm.base import Message

INPUT = in_braces("input")
Subject = Literal["instruction", "beside"]  # a part that can be worded anew
NEAREST_INPUT, NEAREST_ANSWER = in_braces("a similar input"), in_braces("its answer")


@dataclass(frozen=True)
class Shot:
    """A few-shot example: an input, the answer, and optionally the reasoning that leads to it.

    `values` are the input's values by variable, where the prompt has variables.
    """

    input: str
    output: str
    reasoning: str = ""
    values: tuple[tuple[str, str], ...] = ()

    @property
    def answer(self) -> str:
        """What the assistant is shown to have said."""
        return f"{self.reasoning}\n{self.output}" if self.reasoning else self.output


@dataclass(frozen=True)
class Components:
    """The parts that the search changes one at a time. Empty parts render to nothing.

    With `reasoning` the model is asked to reason before it answers. With a `constraint` the server lets it write no
    other answers; if it also reasons, that is a second call. With `nearest`, each input gets only that many
    of the examples: those most like it. `head_as` is the role of the message that holds the prompt: the user's, in each
    turn, or the system's, once. A prompt of two parts has its other part `beside` that: its system text, or the text of
    the user's messages. `variables` are the names that an item fills, in the order of the prompt; no part of the search
    changes these.
    """

    instruction: str
    persona: str = ""
    answer_format: str = ""
    keywords: tuple[str, ...] = ()
    shots: tuple[Shot, ...] = ()
    shots_as: Literal["text", "turns"] = "text"
    variables: tuple[str, ...] = ()
    head_as: Literal["user", "system"] = "user"
    reasoning: Reasoning | None = None
    nearest: int = 0
    constraint: Constraint | None = None
    beside: str = field(default="", repr=False)

    def __hash__(self) -> int:
        return self._hash

    @property
    def kind(self) -> Kind:
        """Whether the model is asked to reason first."""
        return Kind.REASONS_FIRST if self.reasoning else Kind.ANSWER_ONLY

    @property
    def format(self) -> dict[str, Any] | None:
        """The JSON schema that is sent with the call that answers, if there is one."""
        return self.constraint.format if self.constraint else None

    @property
    def in_two_calls(self) -> bool:
        """Whether the model reasons in one call, and answers in a second."""
        return self.reasoning is not None and self.constraint is not None

    @cached_property
    def unconstrained(self) -> Components:
        """The same without its constraint."""
        return self.but(constraint=None) if self.constraint else self

    @property
    def head(self) -> str:
        """Everything but the examples, as one text."""
        keywords = f"Keywords: {', '.join(self.keywords)}" if self.keywords else ""
        request = self.reasoning.request if self.reasoning else ""
        parts = [self.persona, self.instruction, keywords, self.answer_format, request]
        return "\n\n".join(part.strip() for part in parts if part.strip())

    @property
    def whole(self) -> str:
        """Everything but the examples, as one text, the system text first."""
        return whole(self.head, self.beside) if self.head_as == "system" else whole(self.beside, self.head)

    def part(self, name: Subject) -> str:
        """The part of this name."""
        return self.instruction if name == "instruction" else self.beside

    @property
    def sends_apart(self) -> bool:
        """Whether an input is all that the user's message says."""
        return self.head_as == "system" and not self.beside

    @cached_property
    def _hash(self) -> int:
        return hash(self.digest)

    @cached_property
    def digest(self) -> str:
        """What its calls are known by: their prompts begin alike. A prompt of one part keeps the digest that it had
        before there were two."""
        known = f"{self!r}{self.beside!r}" if self.beside else repr(self)
        return hashlib.sha256(known.encode(errors="replace")).hexdigest()[:12]

    @cached_property
    def length(self) -> int:
        """Characters of the whole prompt, without an input."""
        shown = sum(len(shot.input) + len(self.said(shot)) for shot in self.shots)
        written = len(self.as_text()) + len(self.system_text)
        return written + (self.nearest * shown // len(self.shots) if self.nearest else 0)

    @cached_property
    def size(self) -> int:
        """Characters of all messages that are sent, without an input."""
        written = sum(len(message.content) for message in self.messages())
        rows = sum(len(shot.input) + len(self.said(shot)) for shot in self.shots)
        once = written + (self.nearest * rows // len(self.shots) if self.nearest else 0)
        return 2 * once if self.in_two_calls else once

    def read(self, output: str, *, cut: bool = False) -> Read:
        """The output in its two parts; `cut` is whether a limit ended it."""
        thought, answer = self.reasoning.read(output, cut=cut) if self.reasoning else Read("", output)
        return Read(thought, self.constraint.unwrapped(answer) if self.constraint and answer else answer)

    def said(self, shot: Shot) -> str:
        """What the assistant says in an example."""
        return self.reasoning.written(shot.reasoning, shot.output) if self.reasoning else shot.answer

    @property
    def shown(self) -> set[str]:
        """Inputs of rows whose answers it gives away: its examples. Examples that are chosen for each input give none
        away, because a row never gets itself."""
        return set() if self.nearest else {shot.input for shot in self.shots}

    def shown_to(self, item: Item) -> tuple[Shot, ...]:
        """The examples for this item; if they are chosen for it, the most similar comes last."""
        if not self.nearest:
            return self.shots
        if item == self.place:
            return (Shot(NEAREST_INPUT, NEAREST_ANSWER),) * self.nearest
        index = index_of(tuple(shot.input for shot in self.shots))
        return tuple(self.shots[place] for place in index.to(item.input, self.nearest))

    @property
    def place(self) -> Item:
        """Where an input will stand: each variable as it is, or `{{input}}`."""
        return Item(INPUT, values=tuple((name, in_braces(name)) for name in self.variables))

    def as_text(self) -> str:
        """One text to copy: the prompt as it was run, with a place for the input where examples lead up to it.

        Examples that are chat turns have no such text; they are written out as if they stood in the text. A prompt that
        is a system message is that message. Of two parts it is the one that is no system message.
        """
        if self.head_as == "system":
            return self.beside or self.but(shots_as="text")._system(self.place)
        return self.but(shots_as="text")._question(self.place) if self.shots else self.head

    @property
    def system_text(self) -> str:
        """The other text to copy if the prompt has two parts: the system message, as `as_text` writes it; else ""."""
        return self.but(shots_as="text")._system(self.place) if self.beside else ""

    def messages(self, item: Item | None = None) -> tuple[Message, ...]:
        """The chat that asks for one item; without one, with a place for it."""
        item = item or self.place
        has_system = self.head_as == "system" or self.beside
        first = [Message("system", self._system(item))] if has_system else []
        turns = self.shown_to(item) if self.shots_as == "turns" else ()
        earlier = [
            message
            for shot in turns
            for message in (
                Message("user", self._asked(item_of(shot))),
                Message("assistant", self.said(shot)),
            )
        ]
        return (*first, *earlier, Message("user", self._question(item)))

    def answering(self, item: Item, thought: str) -> tuple[Message, ...]:
        """The chat of the second call, which asks for the answer that the reasoning leads to."""
        marker = self.reasoning.marker if self.reasoning else ""
        return (*self.messages(item), Message("assistant", thought), Message("user", marker))

    def _system(self, item: Item) -> str:
        """What the system message says: the prompt, with the examples that stand in its text; or what stands beside
        it."""
        if self.head_as == "user":
            return with_values(self.beside, item)
        shown = self._shot_texts(item) if self.shots_as == "text" else []
        return "\n\n".join([with_values(self.head, item), *shown])

    def _asked(self, item: Item) -> str:
        """What the user says in one turn."""
        if self.sends_apart:
            return item.input
        return filled(self.beside if self.head_as == "system" else self.head, item)

    def _question(self, item: Item) -> str:
        if self.head_as == "system" or self.shots_as == "turns" or not self.shots:
            return self._asked(item)
        if self.variables:
            return "\n\n".join([*self._shot_texts(item), filled(self.head, item)])
        return "\n\n".join([self.head, *self._shot_texts(item), f"Input: {item.input}\nOutput:"])

    def _shot_texts(self, item: Item) -> list[str]:
        return [f"Input: {shot.input}\nOutput: {self.said(shot)}" for shot in self.shown_to(item)]

    def but(self, **changes: object) -> Components:
        """The same with some parts changed."""
        return replace(self, **changes)  # type: ignore[arg-type]


@lru_cache(4)  # many candidates choose among the same rows
def index_of(texts: tuple[str, ...]) -> Nearest:
    """What finds the nearest of these texts."""
    return Nearest(texts)


def original_of(prompt: str, literals: tuple[str, ...] = (), system_text: str = "") -> Components:
    """The prompt as a person wrote it. `literals` are names in braces that are text, not variables."""
    text, beside = prompt.strip(), system_text.strip()
    names = tuple(name for name in variables(whole(beside, text)) if name not in literals)
    return Components(text, variables=names, beside=beside)


def first_of(task: Task) -> Components:
    """The task's prompt as its run begins. TaskRefusedError where it cannot be sent as the task wants it."""
    original = original_of(task.prompt, task.literals, task.system_text)
    if fault := _unsendable(task, original):
        raise TaskRefusedError(fault)
    if task.part == "system":
        return original.but(instruction=original.beside, beside=original.instruction, head_as="system")
    return original.but(head_as="system") if task.as_system else original


def _unsendable(task: Task, original: Components) -> str:
    """Why the prompt cannot be sent as the task wants it, or ""."""
    if task.part != "text" and not original.beside:
        return "The prompt has no system text to change. Write one, or let the search change the text."
    if task.as_system and original.beside:
        return "The prompt has a system text, so its text cannot be the system message too. Send it as a user message."
    if task.as_system and original.variables:
        name = in_braces(original.variables[0])
        return f"A prompt with variables ({name}) cannot be the system message. Send it as a user message."
    return ""


def shot_of(item: Item) -> Shot:
    """A row as an example."""
    return Shot(item.input, item.expected, values=item.values)


def item_of(shot: Shot) -> Item:
    """The row that an example shows."""
    return Item(shot.input, shot.output, values=shot.values)
