"""How often runs end within their estimate, over seeds, rows, presets, graders, and models of several abilities."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from optimizer.brief import PRESETS
from optimizer.engine.estimate import WIDEST, Estimate, Range, Speed, estimate
from tests.engine.abilities import ABILITIES, Taken, config_of, rows_task, taken

SPEED = Speed(prompt_per_second=1000, completion_per_second=50, slots=4, call_seconds=0.1)
NINE_OF_TEN = 0.9


class Case(NamedTuple):
    """A task of so many rows, and a seed."""

    rows: int
    grader: str
    long: bool
    seed: int


CASES = [
    Case(20, "contains", True, 2),
    Case(40, "words", True, 4),
    Case(40, "exact", False, 5),
    Case(80, "contains", False, 6),
    Case(150, "exact", True, 7),
]


class Run(NamedTuple):
    """An estimate, and what a run took."""

    told: Estimate
    took: Taken

    def within(self, amount: str) -> bool:
        """Whether it took neither more nor less; less where it reached its target, as the estimate says."""
        told: Range = getattr(self.told, amount)
        took: int = getattr(self.took, amount)
        return took <= told.high and (took >= told.low or self.took.reached)


@pytest.fixture(scope="module")
def told() -> dict[tuple[Case, str], Estimate]:
    """By case and preset."""
    return {
        (case, preset): estimate(
            rows_task(case.rows, case.grader, long=case.long), config_of(preset), SPEED, case.seed
        )
        for case in CASES
        for preset in PRESETS
    }


@pytest.fixture(scope="module")
def runs(told: dict[tuple[Case, str], Estimate]) -> list[Run]:
    """A run of each with each ability."""
    return [
        Run(expected, taken(rows_task(c.rows, c.grader, long=c.long), config_of(preset), ability, c.seed))
        for (c, preset), expected in told.items()
        for ability in ABILITIES.values()
    ]


@pytest.mark.parametrize("amount", ["calls", "tokens"])
def test_nine_of_ten_runs_end_within_their_estimate(runs: list[Run], amount: str) -> None:
    assert sum(run.within(amount) for run in runs) >= NINE_OF_TEN * len(runs)


def test_a_range_is_at_most_three_times_as_high_as_low(told: dict[tuple[Case, str], Estimate]) -> None:
    for one in told.values():
        for amount in (one.calls, one.tokens, one.minutes):
            assert 0 < amount.low < amount.high <= 1.01 * WIDEST * amount.low
