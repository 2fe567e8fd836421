"""Rows that a person put on one side stay there."""

from __future__ import annotations

from dataclasses import replace

import pytest

from optimizer.engine import Config, Task, TaskRefusedError
from optimizer.engine.crossfit import suits
from optimizer.engine.splits import MOST_HELD_OUT, split
from optimizer.engine.starts import seen_by
from optimizer.engine.task import Item

ROWS = [Item(f"question {n}", "a") for n in range(100)]


def marked(held_out: int = 0, search: int = 0, count: int = 100) -> list[Item]:
    """So many rows held out by hand, and so many after these for the search."""
    return [
        replace(row, split="held_out" if n < held_out else "search" if n < held_out + search else "")
        for n, row in enumerate(ROWS[:count])
    ]


def inputs(items: object) -> set[str]:
    return {item.input for item in items}  # type: ignore[attr-defined]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("held_out", "search"), [(0, 10), (10, 0), (10, 30), (60, 0), (90, 3), (0, 95), (1, 1)]
)
def test_marked_rows_stay_on_their_side(seed: int, held_out: int, search: int) -> None:
    items = marked(held_out, search)
    found = split(items, seed=seed)
    assert inputs(items[:held_out]) <= inputs(found.held_out)
    assert not inputs(items[held_out : held_out + search]) & inputs(found.held_out)
    assert not inputs(found.held_out) & inputs((*found.train, *found.validation))
    assert found.train
    assert found.validation
    assert found.possible == len(found.held_out)


def test_the_seed_fills_up_what_is_left_and_is_asked_again_with_the_same_answer() -> None:
    items = marked(held_out=10)
    assert len(split(items, seed=1).held_out) == 40
    assert split(items, seed=1) == split(items[::-1], seed=1)
    assert inputs(split(items, seed=1).held_out) != inputs(split(items, seed=2).held_out)


def test_more_may_be_held_out_by_hand_than_the_seed_would() -> None:
    assert len(split(marked(held_out=90), seed=1).held_out) == 90 > MOST_HELD_OUT
    assert len(split(marked(held_out=20), seed=1, most_held_out=5).held_out) == 20


def test_held_out_rows_stay_out_of_a_search_that_compares_nothing() -> None:
    items = marked(held_out=20)
    found = split(items, seed=1, most_held_out=0)
    assert found.held_out == ()
    assert not inputs(items[:20]) & inputs((*found.train, *found.validation))
    own = split(items, seed=1, held_out=[Item("own", "a")])
    assert inputs(own.held_out) == {"own"}
    assert not inputs(items[:20]) & inputs((*own.train, *own.validation))


@pytest.mark.parametrize(
    ("items", "said"),
    [
        (marked(held_out=97), "97 of 100 rows .* are held out by hand, which leaves 3 to search; at least 4"),
        (marked(search=99), "99 of 100 rows .* are marked for search, which leaves 1 to compare; at least 2"),
        (marked(search=100), "leaves 0 to compare"),
        (
            [*ROWS[:8], replace(ROWS[8], split="search"), replace(ROWS[8], split="held_out")],
            "Mark them alike",
        ),
    ],
)
def test_marks_that_leave_too_few_rows_are_refused(items: list[Item], said: str) -> None:
    with pytest.raises(TaskRefusedError, match=said):
        split(items, seed=1)


def test_rows_marked_for_the_search_do_not_hinder_what_compares_nothing() -> None:
    assert split(marked(search=100), seed=1, most_held_out=0).validation


def test_a_mark_counts_for_all_rows_with_the_same_input() -> None:
    items = [*ROWS[:10], replace(ROWS[3], expected="b", split="held_out")]
    assert ROWS[3] in split(items, seed=1).held_out


def test_marked_rows_are_not_cross_fitted() -> None:
    def task(items: list[Item]) -> Task:
        return Task("Say.", "model", "model", items=tuple(items))

    assert suits(task(ROWS[:20]), Config())
    assert not suits(task(marked(held_out=3, count=20)), Config())
    assert not suits(task(marked(search=3, count=20)), Config())


def test_what_an_earlier_search_saw_is_held_out_last_but_a_persons_word_counts_more() -> None:
    items = marked(held_out=10, search=10)
    seen = [item.input for item in items[:5] + items[20:60]]
    found = split(items, seed=1, seen=seen)
    assert inputs(items[:10]) <= inputs(found.held_out)
    by_seed = inputs(found.held_out) - inputs(items[:10])
    assert len(by_seed) == 30
    assert not by_seed & set(seen)
    task = Task("Say.", "model", "model", items=tuple(items))
    assert not seen_by(task, Config(), 1, cross_fitted=False) & inputs(items[:10])
