"""What a person asks for when an optimization is started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from uuid import UUID

from optimizer.files import Table
from optimizer.models import Dataset, Preset, PromptTemplate


@dataclass(frozen=True)
class Choices:
    """What a person asked for, complete and checked. A `table` makes a new dataset; `dataset` is one that exists.
    `literals` are names in double braces that are text."""

    prompt: str
    context: str = ""
    preset: str = Preset.BALANCED
    iterations: int = 3
    rounds: int = 3
    temperature: float = 0.8
    max_tokens: int = 256
    target_model: str = ""
    optimizer_model: str = ""
    literals: tuple[str, ...] = ()
    table: Table | None = None
    dataset: Dataset | None = None
    template: PromptTemplate | None = None
    grader: str = "exact"
    grader_options: Mapping[str, str] = field(default_factory=dict)
    max_calls: int | None = None
    token_budget: int | None = None
    max_minutes: float | None = None
    target_score: float | None = None
    patience: int | None = None
    only_proven: bool = False
    seed: int = 0
    show_inputs: bool = False
    inputs: tuple[str, ...] = ()  # to be shown, instead of new ones
    submit_key: UUID | None = None

    def examples(self) -> Table | None:
        """The rows, wherever they are."""
        return self.dataset.table() if self.dataset else self.table


COLUMNS = (
    "preset", "iterations", "rounds", "temperature", "max_tokens", "target_model", "optimizer_model",
    "grader", "max_calls", "token_budget", "max_minutes", "target_score", "patience", "only_proven", "seed",
    "submit_key",
)  # fmt: skip
