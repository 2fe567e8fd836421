"""What a run will take, and how that is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from optimizer import speeds
from optimizer.amounts import counted_range, duration_range
from optimizer.engine.estimate import Range


@dataclass(frozen=True)
class Forecast:
    """What a run will take. `minutes` is None while nobody knows how fast the model is here."""

    calls: Range
    tokens: Range
    minutes: Range | None
    model: str
    basis: str = ""
    lacking: tuple[str, ...] = ()
    note: str = ""

    @property
    def awaited(self) -> bool:
        """Whether a model is being measured, or has been since this was told."""
        return any(speeds.awaited(model) or speeds.is_fresh(model) for model in self.lacking)

    def kept(self) -> dict[str, Any]:
        """As a session keeps it, and programs get it."""
        amounts = {"calls": self.calls, "tokens": self.tokens, "minutes": self.minutes}
        told: dict[str, Any] = {name: amount and list(amount) for name, amount in amounts.items()}
        return told | {"model": self.model, "basis": self.basis}

    def __str__(self) -> str:
        cost = f"{counted_range(self.calls, 'call')}, {counted_range(self.tokens, 'token')}"
        if self.minutes is not None:
            told = f"{cost}, {duration_range(self.minutes)} with {self.model} here, {self.basis}."
            return f"{told} {self.note}".strip()
        if not self.model:
            return f"{cost}. The time is not known yet: no model server has answered so far."
        if self.awaited:
            return f"{cost}. The speed of {self.model} on this server is being measured…"
        if speeds.given_up(self.model):
            busy = f"the workers are too busy to measure {self.model}"
            return f"{cost}. The time cannot be estimated now: {busy}. You can start anyway."
        return f"{cost}. The time is not known yet: {self.model} has not been measured on this server."
