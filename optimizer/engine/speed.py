"""How fast a model is, from what its calls took."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import median
from typing import NamedTuple, Self

import numpy as np

from optimizer.llm.base import Reply

FEWEST = 12  # calls that a speed is fitted to
SPREAD = 16  # tokens between the shortest and the longest answer: less does not tell what a token takes
ODD = 10  # times the usual deviation: a call in which the model was loaded
FASTEST = 1e6  # tokens a second, where a token costs nothing that can be measured


@dataclass(frozen=True)
class Speed:
    """How fast a model is: tokens a second of one busy slot, in and out, the slots, and fixed seconds a call.

    `load_seconds` is what loading it takes first.
    """

    prompt_per_second: float
    completion_per_second: float
    slots: int = 1
    call_seconds: float = 0.0
    load_seconds: float = 0.0

    def ms(self, prompt_tokens: int, completion_tokens: int) -> int:
        """Milliseconds of one call."""
        seconds = prompt_tokens / self.prompt_per_second + completion_tokens / self.completion_per_second
        return round(1000 * (self.call_seconds + seconds))


class Timing(NamedTuple):
    """What one call took."""

    prompt_tokens: int
    completion_tokens: int
    seconds: float

    @classmethod
    def of(cls, reply: Reply) -> Self:
        """The timing of a reply."""
        return cls(reply.prompt_tokens, reply.completion_tokens, (reply.busy_ms or reply.duration_ms) / 1000)


class Costs(NamedTuple):
    """Seconds of a call, of a token read and of a token written."""

    call: float
    prompt: float
    completion: float

    def of(self, timing: Timing) -> float:
        """What the call should have taken."""
        return self.call + self.prompt * timing.prompt_tokens + self.completion * timing.completion_tokens


def fit(timings: Sequence[Timing], slots: int) -> Speed | None:
    """The speed that explains the timings best, by least squares; None where they are too few or too alike to tell."""
    lengths = [timing.completion_tokens for timing in timings]
    if len(timings) < FEWEST or max(lengths) - min(lengths) < SPREAD:
        return None
    costs = _costs(_without_odd(timings))
    if costs is None or costs.completion <= 0:
        return None
    return Speed(
        prompt_per_second=min(FASTEST, 1 / costs.prompt) if costs.prompt else FASTEST,
        completion_per_second=min(FASTEST, 1 / costs.completion),
        slots=slots,
        call_seconds=costs.call,
    )


def _without_odd(timings: Sequence[Timing]) -> Sequence[Timing]:
    costs = _costs(timings)
    if costs is None:
        return timings
    usual = median(abs(timing.seconds - costs.of(timing)) for timing in timings)
    kept = [timing for timing in timings if timing.seconds - costs.of(timing) <= ODD * usual]
    return kept if usual and len(kept) >= FEWEST else timings


def _costs(timings: Sequence[Timing]) -> Costs | None:
    """Least squares with no cost below 0: of all sets of terms that may count, the best that has none below."""
    rows = np.array([(1.0, t.prompt_tokens, t.completion_tokens) for t in timings])
    seconds = np.array([timing.seconds for timing in timings])
    found: list[tuple[float, Costs]] = []
    for terms in (list(terms) for size in (1, 2, 3) for terms in combinations(range(3), size)):
        solved, _, rank, _ = np.linalg.lstsq(rows[:, terms], seconds, rcond=1e-6)
        if rank == len(terms) and solved.min() >= 0:
            costs = Costs(*(float(solved[terms.index(n)]) if n in terms else 0.0 for n in range(3)))
            found.append((float(((rows @ costs - seconds) ** 2).sum()), costs))
    return min(found)[1] if found else None
