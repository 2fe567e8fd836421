"""Which rows teach, which choose, and which only measure. Disjoint, and fixed by the seed."""

from __future__ import annotations

import random
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from optimizer.engine.task import Item, TaskRefusedError
from optimizer.engine.verdicts import FEWEST_ROWS

MOST_VALIDATION = 48
MOST_HELD_OUT = 64
MOST_TRAIN = 1_000
HELD_OUT_SHARE = 0.4
TAUGHT = 24  # training rows that suffice: 16 examples, and 8 that none of them shows
FEWEST = 4
FEWEST_HELD_OUT = 2
SEARCH, HELD_OUT = "search", "held_out"  # marks by hand
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

    Rows that a person marked as held out are all held out, and those marked for the search never are; the seed fills
    up what is left. Inputs that an earlier search has `seen` are held out last, and only if the others are too few for
    a verdict. With `held_out` rows of one's own, or none to be held out, all items are cut in two halves, without
    those that are held out. Rows with equal inputs stay on one side, so that no answer leaks; the first of them
    counts. Needs FEWEST different inputs at least, and so many for the search if a person holds some out.
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
    apart = bool(held_out) or not most_held_out
    measured, possible = _measured(inputs, marks_of(items), seen, 0 if apart else most_held_out)
    left = frozenset(inputs).difference(measured)
    searched = [text for text in inputs if text in left]
    count = len(searched)
    half = min(round(0.3 * len(inputs)), (count + 1) // 2)
    share = round(0.5 * count) if apart else max(half, len(inputs) - possible - TAUGHT)
    chosen = max(1, min(MOST_VALIDATION, share))
    parts = ([] if apart else measured), searched[:chosen], searched[chosen:][:MOST_TRAIN]
    own, validation, train = (tuple(rows[text] for text in part) for part in parts)
    return Splits(train, validation, tuple(held_out) or own, len(held_out) if apart else possible)


def _measured(
    inputs: Sequence[str], marks: Mapping[str, str], seen: Collection[str], most: int
) -> tuple[list[str], int]:
    """What is held out: all that a person says, and then the first of those without a mark. And how many that would be
    without limits."""
    by_hand = [text for text in inputs if marks.get(text) == HELD_OUT]
    open_ones = [text for text in inputs if text not in marks]
    may_be = len(by_hand) + len(open_ones)
    _refuse_marks(len(inputs), len(by_hand), may_be, compares=bool(most))
    fresh = sum(marks.get(text) != SEARCH and text not in seen for text in inputs)
    possible = max(1, min(MOST_HELD_OUT, round(len(inputs) * HELD_OUT_SHARE)))
    possible = min(possible, fresh) if fresh >= FEWEST_ROWS else possible
    possible = max(len(by_hand), min(possible, may_be))
    more = max(0, min(most, possible) - len(by_hand))
    return by_hand + open_ones[:more], possible


def marks_of(items: Sequence[Item]) -> dict[str, str]:
    """Where a person put each input, SEARCH or HELD_OUT; without those that the seed puts somewhere.

    TaskRefusedError if rows with equal inputs are marked differently."""
    marks: dict[str, str] = {}
    for item in items:
        if item.split and marks.setdefault(item.input, item.split) != item.split:
            raise TaskRefusedError(
                f"Two rows have the input “{item.input[:60]}”: one is marked for search, the other held out. "
                "Mark them alike."
            )
    return marks


def _refuse_marks(count: int, by_hand: int, may_be: int, *, compares: bool) -> None:
    if by_hand and count - by_hand < FEWEST:
        raise TaskRefusedError(
            f"{by_hand} of {count} rows with different inputs are held out by hand, which leaves {count - by_hand} to "
            f"search; at least {FEWEST} are needed. Hold fewer out, or add rows."
        )
    if compares and may_be < FEWEST_HELD_OUT:
        raise TaskRefusedError(
            f"{count - may_be} of {count} rows with different inputs are marked for search, which leaves {may_be} to "
            f"compare; at least {FEWEST_HELD_OUT} are needed. Mark fewer for search, or add rows."
        )


def distinct(items: Sequence[Item]) -> list[Item]:
    """The rows with different inputs; the first of equal ones counts."""
    first = {item.input: item for item in reversed(items)}
    return list(first.values())[::-1]


def blocks(items: Sequence[Item], size: int) -> list[range]:
    """Index ranges of `size` rows each, the last one shorter."""
    return [range(start, min(start + size, len(items))) for start in range(0, len(items), size)]
