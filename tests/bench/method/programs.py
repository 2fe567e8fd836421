"""What a method hands back: something that answers an input, and can be shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from optimizer.engine import Item
from optimizer.engine.components import INPUT, Components
from optimizer.llm.base import Message
from tests.bench.method.meter import Meter
from tests.bench.method.tasks import LONGEST_ANSWER, BenchTask

Shown = list[dict[str, str]]
STALLED = 100  # rounds


class Program(Protocol):
    """Answers inputs with the given meter."""

    def answers(self, inputs: Sequence[str], meter: Meter) -> list[str]: ...

    def shown(self) -> Shown:
        """The chat, with a placeholder for the input."""
        ...


@dataclass(frozen=True)
class Chat:
    """A prompt that is a chat."""

    turns: Callable[[str], Sequence[Message]]
    answer_tokens: int

    def answers(self, inputs: Sequence[str], meter: Meter) -> list[str]:
        return meter.answers([self.turns(text) for text in inputs], max_tokens=self.answer_tokens)

    def shown(self) -> Shown:
        return [{"role": turn.role, "content": turn.content} for turn in self.turns(INPUT)]


@dataclass(frozen=True)
class Found:
    """What a search ended with, and what it held to be best after a third of the tokens."""

    program: Program
    version: str = ""
    best_at: int = 0  # tokens spent when the program first led
    at_third: Program | None = None
    spent: tuple[int, int] | None = None  # calls and tokens, where the meter has not seen them
    seconds: float | None = None
    told: dict[str, float | str] = field(default_factory=dict)  # what else is worth keeping of the run
    finalists: tuple[tuple[str, Program], ...] | None = None  # with their kinds, the leader first


@dataclass(frozen=True)
class Prompted:
    """The program that components make: where they ask for reasoning, the answer is what stands behind the marker."""

    components: Components
    answer_tokens: int

    def answers(self, inputs: Sequence[str], meter: Meter) -> list[str]:
        return [self.answer(output) for output in self.outputs(inputs, meter)]

    def outputs(self, inputs: Sequence[str], meter: Meter) -> list[str]:
        """What the model writes, with its reasoning. A constrained answer after reasoning takes a second call."""
        components = self.components
        chats = [self.chat(text) for text in inputs]
        if not components.in_two_calls:
            return meter.answers(chats, max_tokens=self.limit, schema=components.format)
        return self._constrained(inputs, meter.answers(chats, max_tokens=self.limit), meter)

    def answer(self, output: str) -> str:
        """The part of an output that is graded."""
        return self.components.read(output).answer or ""

    @property
    def limit(self) -> int:
        """Tokens of one output."""
        return LONGEST_ANSWER if self.components.reasoning else self.answer_tokens

    def _constrained(self, inputs: Sequence[str], outputs: Sequence[str], meter: Meter) -> list[str]:
        """The reasonings of first calls, each with the answer of a second call."""
        components, reasoning = self.components, self.components.reasoning
        if reasoning is None:
            return list(outputs)
        thoughts = [reasoning.thought(output) for output in outputs]
        chats = [
            components.answering(Item(text), thought) for text, thought in zip(inputs, thoughts, strict=True)
        ]
        said = meter.answers(chats, max_tokens=self.answer_tokens, schema=components.format)
        return [reasoning.written(thought, answer) for thought, answer in zip(thoughts, said, strict=True)]

    def chat(self, text: str) -> Sequence[Message]:
        """What asks for one input."""
        return self.components.messages(Item(text))

    def shown(self) -> Shown:
        return [{"role": turn.role, "content": turn.content} for turn in self.components.messages()]


def prompted(components: Components, task: BenchTask) -> Prompted:
    """The program that components make."""
    return Prompted(components, task.answer_tokens)


def held_out_scores(program: Program, task: BenchTask, meter: Meter) -> list[float]:
    """The one measure of all methods: the grade of each held-out row."""
    outputs = program.answers([row.input for row in task.held_out], meter)
    return task.scores(outputs, task.held_out)


class Track:
    """Which program led when, and whether the search still asks for anything."""

    def __init__(self, meter: Meter) -> None:
        self._meter = meter
        self._led: list[tuple[int, Program]] = []
        self._calls = self._idle = 0

    def note(self, leader: Program) -> None:
        """Tell who leads now, once a round."""
        self._idle = self._idle + 1 if self._meter.calls == self._calls else 0
        self._calls = self._meter.calls
        if not self._led or self._led[-1][1].shown() != leader.shown():
            self._led.append((self._meter.tokens, leader))

    @property
    def stalled(self) -> bool:
        """So many rounds in a row asked for nothing new that none will: its rows are all right, for instance."""
        return self._idle >= STALLED

    def found(self, version: str) -> Found:
        """The last leader, and who led when a third of the budget was spent."""
        third = (self._meter.budget or 0) // 3
        early = [leader for tokens, leader in self._led if tokens <= third]
        best_at, best = self._led[-1]
        return Found(best, version, best_at, at_third=early[-1] if early else self._led[0][1])
