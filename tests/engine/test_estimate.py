"""What a run will cost, before it starts."""

from __future__ import annotations

import pytest

from optimizer.engine import Config, Item, TaskRefused
from optimizer.engine.estimate import Estimate, Speed, estimate
from tests.engine.world import ITEMS, task

SPEED = Speed(prompt_per_second=1000, completion_per_second=50, slots=4, call_seconds=0.1)


def of(**config: object) -> Estimate:
    return estimate(task(), Config(**config), SPEED)  # type: ignore[arg-type]


def test_a_longer_search_is_estimated_to_take_more() -> None:
    short, long = of(iterations=1, rounds=1, patience=99), of(iterations=5, rounds=4, patience=99)
    assert 0 < short.calls < long.calls
    assert 0 < short.tokens < long.tokens
    assert 0 < short.minutes < long.minutes


def test_a_slower_model_takes_longer_for_the_same_calls() -> None:
    slow = estimate(task(), Config(), Speed(500, 25, slots=4, call_seconds=0.2))
    assert slow.calls == of().calls
    assert slow.minutes == pytest.approx(2 * of().minutes, rel=0.05)


def test_limits_bound_the_estimate() -> None:
    assert of(max_calls=100).calls <= 100
    assert of(max_tokens=20_000).tokens <= 20_000
    assert of(max_minutes=0.2).minutes <= 0.2


def test_the_estimate_is_the_same_each_time() -> None:
    assert of() == of()


@pytest.mark.parametrize("changes", [{"items": ()}, {"grader": "rubric"}, {"grader": "choice"}])
def test_every_kind_of_task_can_be_estimated(changes: dict[str, object]) -> None:
    assert estimate(task(**changes), Config(), SPEED).calls > 40


def test_what_the_run_would_refuse_is_refused() -> None:
    with pytest.raises(TaskRefused):
        estimate(task(items=ITEMS[:2]), Config(), SPEED)


def test_ten_thousand_rows_are_estimated_at_once() -> None:
    rows = tuple(Item(f"word{number}", "odd" if number % 2 else "even") for number in range(10_000))
    assert estimate(task(items=rows), Config(), SPEED).calls < 5_000
