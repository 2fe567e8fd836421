"""Which rows become examples, and in which form."""

from __future__ import annotations

import random
from collections.abc import Sequence
from itertools import accumulate, islice, zip_longest

from optimizer.engine.components import Shot
from optimizer.engine.graders import folded
from optimizer.engine.labels import usual_forms
from optimizer.engine.operators.base import View
from optimizer.engine.task import Item

MOST_SHOTS = 32
MOST_TEXT = 8_000  # characters of all examples together


def in_turns(view: View, *, once: bool = False) -> dict[str, object]:
    """The fields that turn examples into chat turns, with the prompt once or in each turn. A prompt that is sent as
    the system message stays one."""
    if not view.task.example_turns:
        return {"shots_as": "text", "nearest": 0}
    return {"shots_as": "turns", "head_as": "system" if once else view.role, "nearest": 0}


def exchanged(view: View, rows: Sequence[Item]) -> tuple[Shot, ...]:
    """The parent's examples with up to half of them replaced by these rows, in a new order."""
    shots = view.parent.shots
    fresh = shots_of(rows[: max(1, len(shots) // 2)], view.train)
    mixed = [*view.rng.sample(shots, len(shots) - min(len(fresh), len(shots))), *fresh]
    view.rng.shuffle(mixed)
    return tuple(mixed)


def short_enough(shots: Sequence[Shot]) -> tuple[Shot, ...]:
    """As many of the first examples as are not too long together; at least one."""
    lengths = accumulate(len(shot.input) + len(shot.answer) for shot in shots)
    return tuple(
        shot
        for n, (shot, length) in enumerate(zip(shots, lengths, strict=True))
        if not n or length <= MOST_TEXT
    )


def shots_of(rows: Sequence[Item], all_rows: Sequence[Item]) -> tuple[Shot, ...]:
    """Rows as examples. Answers that differ only in case and punctuation are written as most rows write them."""
    usual = usual_forms([row.expected for row in all_rows])
    return tuple(
        Shot(row.input, usual.get(folded(row.expected), row.expected), values=row.values) for row in rows
    )


def balanced(rows: Sequence[Item], count: int, rng: random.Random) -> list[Item]:
    """Rows drawn in turn from each expected answer, in random order."""
    by_answer: dict[str, list[Item]] = {}
    for row in rng.sample(list(rows), len(rows)):
        by_answer.setdefault(folded(row.expected), []).append(row)
    turns = zip_longest(*(by_answer[answer] for answer in by_answer))
    drawn = list(islice((row for turn in turns for row in turn if row is not None), count))
    rng.shuffle(drawn)
    return drawn


def diverse(rows: Sequence[Item], rng: random.Random, most: int = MOST_SHOTS) -> list[Item]:
    """Up to `most` rows, each as unlike those before it as possible, by the words that they share."""
    left = rng.sample(list(rows), len(rows))[: 4 * MOST_SHOTS]
    chosen = left[:1]
    left = left[1:]
    while left and len(chosen) < most:
        nearest = {row: max(_likeness(row, other) for other in chosen) for row in left}
        chosen.append(min(left, key=lambda row: nearest[row]))
        left.remove(chosen[-1])
    return chosen


def _likeness(one: Item, other: Item) -> float:
    """Shared words by all words (Jaccard), with the answers as one word more."""
    first, second = ({*row.input.casefold().split(), f"={folded(row.expected)}"} for row in (one, other))
    return len(first & second) / len(first | second)
