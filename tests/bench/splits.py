"""How to use rows: the share that chooses, the share that is held out, and when to try the search on each quarter.

No model is asked. In each trial a search makes CANDIDATES prompts, whose true accuracies are drawn around the
original's. On a row, a prompt is right as its accuracy and the row's hardness say: two prompts of equal accuracy agree
on four rows of five. Challengers race as in the product, in groups: after a first block of rows the best three
continue, and the best on all search rows leads. Too few training rows make worse candidates (`taught`).

    python -m tests.bench.splits
"""

from __future__ import annotations

from dataclasses import dataclass
from math import asin, pi, sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from optimizer.engine.splits import MOST_HELD_OUT
from optimizer.engine.verdicts import FEWEST_ROWS

ORIGINAL = 0.6
SPREAD = 0.08  # of the candidates' accuracies
CANDIDATES, GROUP = 20, 5
BLOCK, WIDEST = 8, 3
SHARED = 0.8  # correlation of two prompts on a row; they agree on 1/2 + asin(0.8)/pi, four of five
TAUGHT, WELL_TAUGHT = (
    0.05,
    16,
)  # points that are lost without training rows, and how many rows it takes to lose none
TRIALS, DRAWS = 2_000, 400
FOLDS = 4
NORMAL = NormalDist()
AGREE = 0.5 + asin(SHARED) / pi

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Way:
    """Shares of rows to choose by and to hold out; the rest teaches. What is beyond `taught` training rows chooses too,
    but `most` rows choose at most. With `quarters` the whole search is tried on each quarter, and `validation` is a
    share of what a search sees."""

    validation: float
    held_out: float = 0.0
    most: int = 1_000
    taught: int = 1_000
    quarters: bool = False

    def __str__(self) -> str:
        if self.quarters:
            return f"quarters, {1 - self.validation:.1f} / {self.validation:.1f}"
        shares = f"{1 - self.validation - self.held_out:.1f} / {self.validation:.1f} / {self.held_out:.1f}"
        shares += "" if self.taught >= 1_000 else f", {self.taught} teach"
        return shares if self.most >= 1_000 else f"{shares}, at most {self.most} choose"


@dataclass(frozen=True)
class Came:
    """Means over trials, in points: the true gain of the prompt that is handed over, half the interval's width, and how
    often the verdict is Better: as drawn, where the true gain is 10 points, and where no candidate differs."""

    gain: float
    half_width: float
    better: float
    better_of_ten: float
    better_of_none: float

    def __str__(self) -> str:
        power = " | ".join(
            f"{100 * share:.0f} %" for share in (self.better, self.better_of_ten, self.better_of_none)
        )
        return f"{100 * self.gain:+.1f} | ±{100 * self.half_width:.0f} | {power}"


def measure(rows: int, way: Way) -> Came:
    """Of so many rows."""
    drawn = _runs(rows, way, np.random.default_rng(rows), SPREAD)
    none = _runs(rows, way, np.random.default_rng(rows + 1), 0.0)
    ten = _verdicts(_compared(rows, way), np.random.default_rng(rows + 2))
    return Came(drawn[0], drawn[1], drawn[2], ten, none[2])


def _compared(rows: int, way: Way) -> int:
    return rows if way.quarters else min(MOST_HELD_OUT, round(rows * way.held_out))


def _runs(rows: int, way: Way, dice: np.random.Generator, spread: float) -> tuple[float, float, float]:
    """Mean true gain, half width, and share of Better."""
    hard = dice.normal(size=(TRIALS, rows))
    compared = _compared(rows, way)
    if way.quarters:
        handed_over = _search(hard, way, dice, spread)
        parts = []
        for fold in range(FOLDS):
            inside = np.arange(rows) % FOLDS == fold
            found = _search(hard[:, ~inside], way, dice, spread)
            parts.append(_differences(found, hard[:, inside], dice))
        differences = np.concatenate(parts, axis=1)
    else:
        handed_over = _search(hard[:, compared:], way, dice, spread, rows)
        differences = _differences(handed_over, hard[:, :compared], dice)
    low, high = _intervals(differences, dice)
    better = (low > 1e-9) & (compared >= FEWEST_ROWS)
    return float((handed_over - ORIGINAL).mean()), float((high - low).mean() / 2), float(better.mean())


def _right(accuracies: Floats, hard: Floats, dice: np.random.Generator) -> NDArray[np.bool_]:
    """For each trial, prompt and row."""
    limits = np.vectorize(NORMAL.inv_cdf)(np.clip(accuracies, 0.01, 0.99))
    own = dice.normal(size=(*accuracies.shape, hard.shape[1]))
    seen: NDArray[np.bool_] = sqrt(SHARED) * hard[:, None, :] + sqrt(1 - SHARED) * own < limits[:, :, None]
    return seen


def _search(
    hard: Floats, way: Way, dice: np.random.Generator, spread: float, rows: int | None = None
) -> Floats:
    """The true accuracy of whoever leads in the end."""
    share = round((rows or hard.shape[1]) * way.validation)
    chosen = max(1, min(way.most, max(share, hard.shape[1] - way.taught), hard.shape[1] - 1))
    train = hard.shape[1] - chosen
    taught = TAUGHT * (min(train, WELL_TAUGHT) / WELL_TAUGHT - 1) if spread else 0.0
    accuracies = dice.normal(ORIGINAL + taught, spread, (TRIALS, CANDIDATES + 1))
    accuracies += 1e-9  # none is the original, however equal
    accuracies[:, 0] = ORIGINAL
    scores = _right(accuracies, hard[:, :chosen], dice)
    first, whole = scores[:, :, :BLOCK].mean(axis=2), scores.mean(axis=2)
    leader, every = np.zeros(TRIALS, dtype=int), np.arange(TRIALS)
    for start in range(1, CANDIDATES + 1, GROUP):
        group = np.arange(start, start + GROUP)
        order = np.argsort(-first[:, group], axis=1, kind="stable")[:, :WIDEST] + start
        best = order[every, np.argmax(whole[every[:, None], order], axis=1)]
        leader = np.where(whole[every, best] > whole[every, leader], best, leader)
    found: Floats = accuracies[every, leader]
    return found


def _differences(found: Floats, hard: Floats, dice: np.random.Generator) -> NDArray[np.int_]:
    both = _right(np.stack([np.full(TRIALS, ORIGINAL), found], axis=1), hard, dice).astype(int)
    return np.where((found == ORIGINAL)[:, None], 0, both[:, 1] - both[:, 0])


def _intervals(differences: NDArray[np.int_], dice: np.random.Generator) -> tuple[Floats, Floats]:
    """The paired bootstrap of 95 %, from how many rows got better, worse, and neither."""
    rows = differences.shape[1]
    ends = np.zeros((2, len(differences)))
    for number, those in enumerate(differences):
        better, worse = (those > 0).mean(), (those < 0).mean()
        drawn = dice.multinomial(rows, [better, worse, max(0.0, 1 - better - worse)], DRAWS)
        ends[:, number] = np.quantile((drawn[:, 0] - drawn[:, 1]) / rows, (0.025, 0.975), method="nearest")
    return ends[0], ends[1]


def _verdicts(compared: int, dice: np.random.Generator) -> float:
    """How often a true gain of 10 points is found on so many rows."""
    hard = dice.normal(size=(TRIALS, compared))
    low, _ = _intervals(_differences(np.full(TRIALS, ORIGINAL + 0.1), hard, dice), dice)
    return float((low > 1e-9).mean()) if compared >= FEWEST_ROWS else 0.0


QUARTERS = [Way(share, quarters=True) for share in (0.5, 0.6, 0.7)]
APART = [
    Way(0.3, 0.4),
    Way(0.4, 0.4),
    Way(0.4, 0.3),
    Way(0.5, 0.3),
    Way(0.5, 0.2),
    Way(0.6, 0.2),
]
LARGE = [Way(0.3, 0.4, 32), Way(0.3, 0.4, 64), Way(0.3, 0.4, 48, 24), Way(0.3, 0.4, 64, 24)]
HEAD = "| rows | train / choose / held out | gain | interval | Better | Better at +10 | Better at none |"


def main() -> None:
    print(HEAD)
    print("|---|---|---|---|---|---|---|")
    for rows in (8, 12, 16, 20, 30, 39):
        for way in (*APART[:1], *QUARTERS):
            print(f"| {rows} | {way} | {measure(rows, way)} |", flush=True)
    for rows in (40, 60, 80):
        for way in APART:
            print(f"| {rows} | {way} | {measure(rows, way)} |", flush=True)
    for rows in (100, 150, 200, 400):
        for way in (*LARGE, *APART):
            print(f"| {rows} | {way} | {measure(rows, way)} |", flush=True)
    for way in QUARTERS[:1]:
        for rows in (60, 80):
            print(f"| {rows} | {way} | {measure(rows, way)} |", flush=True)


if __name__ == "__main__":
    main()
