"""Which rows teach, which choose, and which only measure. Disjoint, and fixed by the seed."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from optimizer.engine.task import Item, TaskRefused

MOST_VALIDATION = 32
MOST_HELD_OUT = 64
FEWEST = 4


@dataclass(frozen=True)
class Splits:
    """Rows for examples and critique, rows for racing, rows for the final comparison."""

    train: tuple[Item, ...]
    validation: tuple[Item, ...]
    held_out: tuple[Item, ...]


def split(items: Sequence[Item], *, seed: int, most_held_out: int = MOST_HELD_OUT) -> Splits:
    """Shuffle by the seed and cut: two fifths held out, three tenths to choose by, the rest to learn from.

    Rows that are equal stay on one side, so that no answer leaks. Needs at least FEWEST distinct rows.
    """
    distinct = sorted(set(items), key=lambda item: (item.input, item.expected))
    by_input = list(dict.fromkeys(item.input for item in distinct))
    if len(by_input) < FEWEST:
        raise TaskRefused(f"At least {FEWEST} different rows are needed; there are {len(by_input)}.")
    random.Random(f"{seed}:split").shuffle(by_input)
    held = max(1, min(most_held_out, round(len(by_input) * 0.4)))
    chosen = max(1, min(MOST_VALIDATION, round(len(by_input) * 0.3)))
    parts = by_input[:held], by_input[held : held + chosen], by_input[held + chosen :]
    rows = {item.input: item for item in reversed(distinct)}
    held_out, validation, train = (tuple(rows[text] for text in part) for part in parts)
    return Splits(train, validation, held_out)


def blocks(items: Sequence[Item], size: int) -> list[range]:
    """Index ranges of `size` rows each, the last one shorter."""
    return [range(start, min(start + size, len(items))) for start in range(0, len(items), size)]
