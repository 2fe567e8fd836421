"""What a comparison proves, in one of four words: the same on pages, in the terminal and in what programs read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from optimizer.engine.figures import NOTHING

if TYPE_CHECKING:
    from optimizer.engine.results import Comparison

FEWEST_ROWS = 12  # compared outcomes; fewer prove nothing
MOST_UNREADABLE = 0.2  # of a judge's verdicts
MOST_BIAS = 0.8  # of its decided verdicts, for one place or the other


class Verdict(StrEnum):
    """Whether the best of a search is better than the original on held-out rows."""

    BETTER = "better"
    NOT_PROVEN = "not_proven"
    WORSE = "worse"
    TOO_FEW_ROWS = "too_few_rows"

    @property
    def words(self) -> str:
        """For people."""
        return self.replace("_", " ").capitalize()


UNPROVEN = (Verdict.NOT_PROVEN, Verdict.TOO_FEW_ROWS)


@dataclass(frozen=True)
class Judgement:
    """How far a judge of pairs can be trusted: the share of its verdicts that nobody could read, and the share of the
    decided ones that prefer the answer shown first (0.5 is fair; None where it decided nothing)."""

    unreadable: float = 0.0
    position_bias: float | None = None

    @property
    def too_unreadable(self) -> bool:
        return self.unreadable > MOST_UNREADABLE + NOTHING

    @property
    def too_biased(self) -> bool:
        """Either way: a judge may as well prefer what it saw last."""
        bias = 0.5 if self.position_bias is None else self.position_bias
        return max(bias, 1 - bias) > MOST_BIAS + NOTHING

    @property
    def proves_nothing(self) -> bool:
        return self.too_unreadable or self.too_biased


def verdict(comparison: Comparison, *, misfits: int = 0, judged: Judgement | None = None) -> Verdict:
    """What the paired outcomes prove. `misfits` of the rows could not be run on; `judged` where a judge compared
    pairs, which proves nothing where it cannot be trusted. An interval that only touches 0 does not leave it."""
    if comparison.rows - misfits < FEWEST_ROWS:
        return Verdict.TOO_FEW_ROWS
    if judged and judged.proves_nothing:
        return Verdict.NOT_PROVEN
    if comparison.low > NOTHING:
        return Verdict.BETTER
    return Verdict.WORSE if comparison.high < -NOTHING else Verdict.NOT_PROVEN
