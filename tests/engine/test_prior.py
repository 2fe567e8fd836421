"""What is expected of a candidate before it has run, and how much that counts."""

from __future__ import annotations

from contextlib import suppress

import pytest

from optimizer.engine import Item
from optimizer.engine.board import Entry
from optimizer.engine.budget import BudgetSpentError
from optimizer.engine.components import Components
from optimizer.engine.policies import likely_gain
from tests.engine.test_policies import race_of

ROWS = [Item(str(number), "yes") for number in range(24)]


def winner_of(prompts: dict[str, tuple[float, int]], calls: int | None = None) -> str:
    """Who wins among prompts that are right on so many of the first rows; each with what is expected of it."""
    race = race_of({prompt: range(right) for prompt, (_, right) in prompts.items()}, ROWS, calls)
    field = [
        Entry(n, (), "", Components(prompt), expected)
        for n, (prompt, (expected, _)) in enumerate(prompts.items())
    ]
    with suppress(BudgetSpentError):
        for _ in race.run(field):
            pass
    return race.ahead.components.instruction


def test_on_few_rows_the_more_promising_wins_and_on_many_the_better() -> None:
    prompts = {"original": (0.0, 1), "likely": (0.12, 3), "unlikely": (0.0, 4)}
    assert winner_of(prompts, calls=3 * 4) == "likely"
    assert winner_of(prompts | {"likely": (0.12, 12), "unlikely": (0.0, 20)}) == "unlikely"


def test_no_promise_puts_a_prompt_before_an_original_that_scored_as_well() -> None:
    assert winner_of({"original": (0.0, 3), "much longer, and likely": (0.2, 3)}) == "original"


@pytest.mark.parametrize(("promise", "points"), [(0.5, 0.0), (1.0, 0.2), (0.0, 0.0), (0.8, 0.12)])
def test_a_child_that_wins_every_second_time_is_expected_to_score_as_its_parent(
    promise: float, points: float
) -> None:
    assert likely_gain(promise) == pytest.approx(points)
