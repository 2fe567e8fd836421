"""What a comparison proves, in one of four words: the same on pages, in the terminal and in what programs read."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from optimizer.counts import counted
from optimizer.engine.figures import NOTHING, percent

if TYPE_CHECKING:
    from optimizer.engine.results import Comparison

FEWEST_ROWS = 12  # compared outcomes; fewer prove nothing
MOST_UNREADABLE = 0.2  # of a judge's verdicts
MOST_BIAS = 0.8  # of its decided verdicts, for one place or the other
LEAST_CONSISTENT = 0.65  # of pairs; GPT-4 reached that on similar answers (Zheng et al., arXiv 2306.05685)

DOUBT = (
    f"At least {percent(1 - MOST_UNREADABLE)} must be readable, and {percent(LEAST_CONSISTENT)} must stay the same. "
    "With this judge the verdict can only be “Not proven”, whatever the scores. "
    "Choose another judge model, or add rows with answers."
)


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
class JudgeMeasure:
    """What a judge of pairs did before the search.

    `readable` is the share of its verdicts that could be read. `position_bias` is the share of decided ones that prefer
    the answer shown first (0.5 is fair). `consistent` is the share of pairs on which all its verdicts agree, in both
    orders and asked again. None where it decided nothing, or where no pair has two verdicts.
    """

    pairs: int
    readable: float
    position_bias: float | None
    consistent: float | None

    @property
    def trusted(self) -> bool:
        """Whether its verdicts can prove anything."""
        steady = self.consistent is None or self.consistent >= LEAST_CONSISTENT - NOTHING
        return 1 - self.readable <= MOST_UNREADABLE + NOTHING and steady

    def __str__(self) -> str:
        told = [
            f"The judge was tried on {counted(self.pairs, 'pair')} of answers, each in both orders and once more.",
            f"{percent(self.readable)} of its verdicts could be read.",
        ]
        if self.position_bias is not None:
            told.append(f"{percent(self.position_bias)} of its decisions preferred the answer shown first.")
        if self.consistent is not None:
            told.append(f"It stayed with its verdict on {percent(self.consistent)} of the pairs.")
        return " ".join(told if self.trusted else [*told, DOUBT])


@dataclass(frozen=True)
class Judgement:
    """How far a judge of pairs can be trusted.

    `unreadable` is the share of its verdicts that nobody could read. `position_bias` is the share of the decided ones
    that prefer the answer shown first (0.5 is fair; None where it decided nothing). `measured` is what it did before
    the search, if that was measured.
    """

    unreadable: float = 0.0
    position_bias: float | None = None
    measured: JudgeMeasure | None = None

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
        doubted = self.measured is not None and not self.measured.trusted
        return doubted or self.too_unreadable or self.too_biased


def verdict(
    comparison: Comparison, *, misfits: int = 0, judged: Judgement | None = None, seen: int = 0
) -> Verdict:
    """What the paired outcomes prove. `misfits` of the rows could not be run on. The search started from the result of
    one that saw `seen` of them: with any, a gain is not proven. `judged` is given where a judge
    compared pairs; if it cannot be trusted, no number of rows proves anything. An interval that only touches 0 does not
    leave it."""
    if judged and judged.proves_nothing:
        return Verdict.NOT_PROVEN
    if comparison.rows - misfits < FEWEST_ROWS:
        return Verdict.TOO_FEW_ROWS
    if comparison.low > NOTHING:
        return Verdict.NOT_PROVEN if seen else Verdict.BETTER
    return Verdict.WORSE if comparison.high < -NOTHING else Verdict.NOT_PROVEN
