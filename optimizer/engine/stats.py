"""How sure a difference is. Scores are 0 to 1, paired by item."""

from __future__ import annotations

import random
from collections.abc import Sequence
from math import comb, sqrt
from statistics import fmean, stdev


def mean(scores: Sequence[float]) -> float:
    """The mean, 0 for none."""
    return fmean(scores) if scores else 0.0


def bootstrap_interval(differences: Sequence[float], *, seed: int, draws: int = 2_000) -> tuple[float, float]:
    """95 % interval of the mean of paired differences, by resampling items (percentile bootstrap)."""
    if not differences:
        return 0.0, 0.0
    rng = random.Random(f"{seed}:bootstrap")
    means = sorted(fmean(rng.choices(differences, k=len(differences))) for _ in range(draws))
    return means[int(draws * 0.025)], means[int(draws * 0.975) - 1]


def sign_test(better: int, worse: int) -> float:
    """Exact two-sided p-value of a paired sign test; for 0/1 scores this is McNemar's exact test."""
    n = better + worse
    if n == 0:
        return 1.0
    tail = sum(comb(n, k) for k in range(min(better, worse) + 1)) / float(2**n)
    return min(1.0, 2 * tail)


def ahead(scores: Sequence[float], rival: Sequence[float]) -> bool:
    """Whether the rival's mean is higher by more than one standard error of the paired difference.

    This is the one-standard-error rule of Breiman et al. (Classification and Regression Trees, 1984).
    """
    differences = [b - a for a, b in zip(scores, rival, strict=True)]
    if len(differences) < 2:
        return False
    return mean(differences) > stdev(differences) / sqrt(len(differences)) > 0 or min(differences) > 0


def clearly_worse(
    scores: Sequence[float], leader: Sequence[float], *, z: float = 1.28, chance: float = 0.15
) -> bool:
    """Whether two paired tests over the same items both say so, one-sided: of the mean at 10 %, and of signs.

    The mean alone would decide by two rows of eight, which is a coin thrown twice. (CAPO races with a test of the
    mean.)
    """
    differences = [a - b for a, b in zip(scores, leader, strict=True)]
    if len(differences) < 2:
        return False
    spread = stdev(differences) / sqrt(len(differences))
    lost, won = sum(d < 0 for d in differences), sum(d > 0 for d in differences)
    return mean(differences) + z * spread < 0 and lost > won and sign_test(won, lost) / 2 <= chance
