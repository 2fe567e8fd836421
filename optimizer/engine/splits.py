"""Which rows teach, which choose, and which only measure. Disjoint, and fixed by the seed."""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from optimizer.engine.task import Item, TaskRefusedError
from optimizer.engine.verdicts import FEWEST_ROWS

MOST_VALIDATION = 48
MOST_HELD_OUT = 64
MOST_TRAIN = 1_000
HELD_OUT_SHARE = 0.4
TAUGHT = 24  # training rows that suffice: 16 examples, and 8 that none of them shows
FEWEST = 4
FEW_ROWS = 40  # fewer are compared by searches that leave out a quarter each (crossfit.py)


@dataclass(frozen=True)
class Splits:
    """Rows for examples and critique, rows for racing, rows for the final comparison; `possible` is how many the last
    would be if the run had no limits."""

    train: tuple[Item, ...]
    validation: tuple[Item, ...]
    held_out: tuple[Item, ...]
    possible: int = 0

    @property
    def left_out(self) -> int:
        """How many held-out rows the limits left out."""
        return max(0, self.possible - len(self.held_out))


def split(
    items: Sequence[Item],
    *,
    seed: int,
    most_held_out: int = MOST_HELD_OUT,
    held_out: Sequence[Item] = (),
    seen: Collection[str] = (),
) -> Splits:
    """Shuffle by the seed and cut: two fifths held out, three tenths to choose by, the rest to learn from. Rows to
    learn from beyond TAUGHT are to choose by instead. Then come the limits of each part. The shares are measured
    (tests/bench/splits.py).

    Inputs that an earlier search has `seen` are held out last, and only if the others are too few for a verdict.
    With `held_out` rows of one's own, or none to be held out, all items are cut in two halves, without the inputs
    that are held out. Rows with equal inputs stay on one side, so that no answer leaks; the first of them counts.
    Needs FEWEST different inputs at least.
    """
    kept_back = {item.input for item in held_out}
    rows = {item.input: item for item in distinct(items) if item.input not in kept_back}
    inputs = sorted(rows)
    if len(inputs) < FEWEST:
        besides = " besides the held-out ones" if held_out else ""
        raise TaskRefusedError(
            f"At least {FEWEST} rows with different inputs are needed{besides}; there are {len(inputs)}."
        )
    random.Random(f"{seed}:split").shuffle(inputs)
    inputs.sort(key=frozenset(seen).__contains__)
    fresh = len(rows.keys() - set(seen))
    apart = bool(held_out) or not most_held_out
    possible = max(1, min(MOST_HELD_OUT, round(len(inputs) * HELD_OUT_SHARE)))
    possible = min(possible, fresh) if fresh >= FEWEST_ROWS else possible
    held = 0 if apart else min(most_held_out, possible)
    count = len(inputs)
    share = round(0.5 * count) if apart else max(round(0.3 * count), count - possible - TAUGHT)
    chosen = max(1, min(MOST_VALIDATION, share))
    parts = inputs[:held], inputs[held : held + chosen], inputs[held + chosen :][:MOST_TRAIN]
    measured, validation, train = (tuple(rows[text] for text in part) for part in parts)
    return Splits(train, validation, tuple(held_out) or measured, len(held_out) if apart else possible)


def distinct(items: Sequence[Item]) -> list[Item]:
    """The rows with different inputs; the first of equal ones counts."""
    first = {item.input: item for item in reversed(items)}
    return list(first.values())[::-1]


def blocks(items: Sequence[Item], size: int) -> list[range]:
    """Index ranges of `size` rows each, the last one shorter."""
    return [range(start, min(start + size, len(items))) for start in range(0, len(items), size)]
