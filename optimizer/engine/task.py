"""What is asked of the engine, in plain values."""

from __future__ import annotations

from dataclasses import dataclass

FEWEST_CALLS = 40  # a lower limit leaves no room for a search and the final comparison


class TaskRefused(ValueError):
    """The task cannot be run as it is. The text says why and what to do."""


@dataclass(frozen=True)
class Item:
    """One row: the input for the prompt, and the expected answer ("" where none is known)."""

    input: str
    expected: str = ""


@dataclass(frozen=True)
class Task:
    """A prompt to improve, for a target model, by an optimizer model.

    With `items` the prompt is measured by `grader`; without, by judging outputs on generated inputs.
    `evidence` is what people said of earlier results, in plain words.
    """

    prompt: str
    target_model: str
    optimizer_model: str
    context: str = ""
    items: tuple[Item, ...] = ()
    grader: str = "exact"
    grader_options: tuple[tuple[str, str], ...] = ()
    evidence: tuple[str, ...] = ()


@dataclass(frozen=True)
class Config:
    """How hard to search. Counts are whole numbers; `temperature` is that of proposals (scoring uses 0).

    `max_calls` and `max_tokens` are hard limits on the whole run, None for no limit; `answer_tokens` limits
    one answer of the target model, `proposal_tokens` one rewrite; `patience` is how many rounds without a
    better candidate end the search; `target_score` (0 to 1, on validation rows) ends it too.
    """

    iterations: int = 3
    rounds: int = 3
    styles: int = 3
    shots: int = 8
    temperature: float = 0.8
    answer_tokens: int = 256
    proposal_tokens: int = 320
    block: int = 8
    max_calls: int | None = None
    max_tokens: int | None = None
    patience: int = 4
    target_score: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class Preset:
    """A named amount of search."""

    iterations: int
    rounds: int
    styles: int
    patience: int
    max_calls: int


PRESETS = {
    "quick": Preset(iterations=1, rounds=2, styles=2, patience=2, max_calls=600),
    "balanced": Preset(iterations=3, rounds=3, styles=3, patience=4, max_calls=2_000),
    "thorough": Preset(iterations=5, rounds=4, styles=5, patience=8, max_calls=8_000),
}
