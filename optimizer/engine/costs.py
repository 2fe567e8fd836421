"""What calls take, in figures that can be added."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from optimizer.engine.calls import Kind
from optimizer.llm.base import Reply


@dataclass(frozen=True)
class Cost:
    """What something takes: calls (by kind as far as that is known), tokens in and out at most, and `likely` tokens, by
    what earlier calls took."""

    calls: int = 0
    tokens: int = 0
    likely: int = 0
    kinds: Counter[Kind] = field(default_factory=Counter)

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.calls + other.calls,
            self.tokens + other.tokens,
            self.likely + other.likely,
            self.kinds + other.kinds,
        )

    def __mul__(self, times: int) -> Cost:
        kinds = Counter({one: count * times for one, count in self.kinds.items()})
        return Cost(self.calls * times, self.tokens * times, self.likely * times, kinds)


@dataclass(frozen=True)
class Taken:
    """What calls of one kind took in all."""

    calls: int = 0
    completion_tokens: int = 0
    prompt_tokens: int = 0
    ms: int = 0

    def after(self, reply: Reply) -> Taken:
        """With one reply more."""
        return Taken(
            self.calls + 1,
            self.completion_tokens + reply.completion_tokens,
            self.prompt_tokens + reply.prompt_tokens,
            self.ms + reply.duration_ms,
        )


@dataclass(frozen=True)
class Used:
    """What a run has used: calls, tokens in and out, and milliseconds of work."""

    calls: int = 0
    tokens: int = 0
    ms: float = 0.0
