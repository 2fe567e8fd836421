"""How many rows teach, choose and measure."""

from __future__ import annotations

import pytest

from optimizer.engine import Item
from optimizer.engine.splits import split


def rows(count: int) -> list[Item]:
    return [Item(f"row {number}", "yes") for number in range(count)]


@pytest.mark.parametrize(
    ("count", "parts"),
    [
        (10, (3, 3, 4)),
        (40, (12, 12, 16)),
        (80, (24, 24, 32)),
        (100, (24, 36, 40)),
        (150, (42, 48, 60)),
        (400, (288, 48, 64)),
    ],
)
def test_choosing_gets_what_is_beyond_24_rows_to_learn_from(count: int, parts: tuple[int, int, int]) -> None:
    found = split(rows(count), seed=0)
    assert tuple(map(len, (found.train, found.validation, found.held_out))) == parts


@pytest.mark.parametrize(("count", "parts"), [(12, (6, 6)), (39, (19, 20)), (64, (32, 32)), (150, (102, 48))])
def test_rows_that_are_not_measured_are_cut_in_two_halves(count: int, parts: tuple[int, int]) -> None:
    found = split(rows(count), seed=0, most_held_out=0)
    assert (len(found.train), len(found.validation)) == parts
    assert not found.held_out
