"""The finalists of a run: the best prompt of each kind, as they are stored with its result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from optimizer.engine.reasoning import Kind
from optimizer.engine.verdicts import Verdict

DOES = {Kind.ANSWER_ONLY: "answers at once", Kind.REASONS_FIRST: "reasons before it answers"}
TITLES = {Kind.ANSWER_ONLY: "Answers at once", Kind.REASONS_FIRST: "Reasons first"}


@dataclass(frozen=True)
class Finalist:
    """One finalist. `columns` and `results` are what the session stores once this one is its result. Tokens (in and
    out) and seconds are means over its answers."""

    number: int
    kind: Kind
    is_result: bool
    answer_tokens: float | None = None
    answer_seconds: float | None = None
    columns: dict[str, Any] = field(default_factory=dict)
    results: dict[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return TITLES[self.kind]

    @property
    def does(self) -> str:
        """What it does, as a clause after "the prompt that"."""
        return DOES[self.kind]

    @property
    def verdict(self) -> str:
        """One of the four verdicts; "" if nothing was compared."""
        return str(self.columns.get("verdict", ""))

    @property
    def word(self) -> str:
        return Verdict(self.verdict).words if self.verdict else ""

    @property
    def usable_outputs(self) -> float | None:
        """The share of outputs that a program can use as they are (0 to 1); None unless answers are JSON."""
        return (self.comparison or {}).get("usable_best")

    @property
    def comparison(self) -> dict[str, Any] | None:
        return self.results.get("comparison")


def finalists_of(results: Mapping[str, Any]) -> list[Finalist]:
    """The finalists of a session, from its results."""
    winner = results.get("winner")
    return [
        Finalist(**{**stored, "kind": Kind(stored["kind"])}, is_result=stored["number"] == winner)
        for stored in results.get("finalists", [])
    ]
