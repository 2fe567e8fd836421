"""Operators that choose the few-shot examples. Most need no model."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import accumulate, islice, zip_longest
from typing import Literal

from optimizer.engine import meta
from optimizer.engine.asking import Asking
from optimizer.engine.components import Components, Shot
from optimizer.engine.events import Outcome
from optimizer.engine.graders import folded
from optimizer.engine.operators.base import View, propose, said
from optimizer.engine.scoring import CUT, WHOLE
from optimizer.engine.task import Item

MOST_SHOTS = 32
MOST_TEXT = 8_000  # characters of all examples together
FEWEST_TRACES = 2
REASONED_GRADERS = {"contains", "numeric", "choice", "rubric"}
LONGER = 1.5  # an output is worth showing when it is so much longer than the expected answer


@dataclass(frozen=True)
class AddExamples:
    """Training rows as examples, a new draw with labels in balance: as chat turns, or in the text where there are
    none."""

    shots_as: Literal["text", "turns"] = "turns"
    promise: float = 0.6
    practises: bool = False
    writes: bool = False

    @property
    def name(self) -> str:
        return "examples as chat turns" if self.shots_as == "turns" else "examples in the text"

    def suits(self, view: View) -> bool:
        return bool(view.train) and (self.shots_as == "turns" or not view.parent.shots)

    def propose(self, view: View) -> list[Components]:
        shots = short_enough(shots_of(balanced(view.train, view.config.shots, view.rng), view.train))
        return [view.parent.but(shots=shots, shots_as=self.shots_as)]


@dataclass(frozen=True)
class OtherExamples:
    """Half of the examples exchanged for other rows, in another order."""

    name: str = "other examples"
    promise: float = 0.45
    practises: bool = False
    writes: bool = False

    def suits(self, view: View) -> bool:
        return bool(view.parent.shots and view.unused)

    def propose(self, view: View) -> list[Components]:
        return [view.parent.but(shots=exchanged(view, balanced(view.unused, len(view.unused), view.rng)))]


@dataclass(frozen=True)
class RescueExamples:
    """Half of the examples exchanged for rows that the parent got wrong (PromptWizard's negative mining)."""

    name: str = "examples it got wrong"
    promise: float = 0.45
    practises: bool = True
    writes: bool = False

    def suits(self, view: View) -> bool:
        return bool(view.parent.shots and view.unused)

    def propose(self, view: View) -> list[Components]:
        wrong = {outcome.input for outcome in view.wrong}
        rows = diverse([row for row in view.unused if row.input in wrong], view.rng)
        return [view.parent.but(shots=exchanged(view, rows))] if rows else []


@dataclass(frozen=True)
class VerifiedExamples:
    """The target's own outputs, seen to be right, as examples: the rows that others get wrong first, and varied ones
    (after Wan et al., arXiv 2406.15708). They show how it reached the answer, where the grader leaves room for that."""

    name: str = "own verified outputs"
    promise: float = 0.4
    practises: bool = True
    writes: bool = False

    def suits(self, view: View) -> bool:
        return bool(view.train) and view.task.grader not in WHOLE

    def propose(self, view: View) -> list[Components]:
        if len(self._traces(view)) < FEWEST_TRACES:
            return []
        hardness = dict(view.hardness)
        traces = {outcome.input: outcome for outcome in self._traces(view)}
        rows = diverse([row for row in view.train if row.input in traces], view.rng)
        rows.sort(key=lambda row: -hardness.get(row.input, 0.0))
        shots = tuple(
            Shot(row.input, traces[row.input].output, values=row.values) for row in rows[: view.config.shots]
        )
        fresh: Literal["text", "turns"] = "turns" if view.task.turns else "text"
        shots_as = view.parent.shots_as if view.parent.shots else fresh
        return [view.parent.but(shots=shots, shots_as=shots_as)]

    def _traces(self, view: View) -> list[Outcome]:
        whole = [o for o in view.practice if o.score == 1 and not o.output.endswith(CUT)]
        return [outcome for outcome in whole if len(outcome.output) > LONGER * len(outcome.expected)]


@dataclass(frozen=True)
class MoreExamples:
    """Twice as many examples, while there are rows."""

    name: str = "more examples"
    promise: float = 0.4
    practises: bool = False
    writes: bool = False

    def suits(self, view: View) -> bool:
        return bool(view.parent.shots and view.unused) and len(view.parent.shots) < MOST_SHOTS

    def propose(self, view: View) -> list[Components]:
        count = min(2 * len(view.parent.shots), MOST_SHOTS) - len(view.parent.shots)
        more = shots_of(balanced(view.unused, count, view.rng), view.train)
        fresh = short_enough((*view.parent.shots, *more))[len(view.parent.shots) :]
        return [view.parent.but(shots=(*fresh, *view.parent.shots))]


@dataclass(frozen=True)
class ShuffleExamples:
    """The same examples in another order."""

    name: str = "order of examples"
    promise: float = 0.25
    practises: bool = False
    writes: bool = False

    def suits(self, view: View) -> bool:
        return len(view.parent.shots) > 1

    def propose(self, view: View) -> list[Components]:
        return [view.parent.but(shots=tuple(view.rng.sample(view.parent.shots, len(view.parent.shots))))]


@dataclass(frozen=True)
class SwitchRendering:
    """The same examples as chat turns instead of in the text, or the other way round."""

    name: str = "turns or text"
    promise: float = 0.2
    practises: bool = False
    writes: bool = False

    def suits(self, view: View) -> bool:
        return bool(view.parent.shots)

    def propose(self, view: View) -> list[Components]:
        return [view.parent.but(shots_as="text" if view.parent.shots_as == "turns" else "turns")]


@dataclass(frozen=True)
class Reasoning:
    """A line of reasoning before the answer of each example, where the grader finds the answer after it."""

    name: str = "reasoning"
    promise: float = 0.3
    practises: bool = False
    writes: bool = False

    def suits(self, view: View) -> bool:
        bare = any(not shot.reasoning for shot in view.parent.shots)
        return bare and view.task.grader in REASONED_GRADERS

    def propose(self, view: View) -> Asking[list[Components]]:
        parent = view.parent
        answers = yield [
            propose(
                view,
                "reasoning",
                meta.reason(parent.instruction, shot.input, shot.output),
                meta.REASON_SCHEMA,
            )
            for shot in parent.shots
        ]
        shots = [
            replace(shot, reasoning=said(answer, "reasoning"))
            for shot, answer in zip(parent.shots, answers, strict=True)
        ]
        return [parent.but(shots=tuple(shots))] if all(shot.reasoning for shot in shots) else []


def exchanged(view: View, rows: Sequence[Item]) -> tuple[Shot, ...]:
    """The parent's examples with up to half of them replaced by these rows, in a new order."""
    shots = view.parent.shots
    fresh = shots_of(rows[: max(1, len(shots) // 2)], view.train)
    mixed = [*view.rng.sample(shots, len(shots) - min(len(fresh), len(shots))), *fresh]
    view.rng.shuffle(mixed)
    return tuple(mixed)


def short_enough(shots: Sequence[Shot]) -> tuple[Shot, ...]:
    """The first of the examples, as many as are not too long together; one at least."""
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


def usual_forms(answers: Sequence[str]) -> dict[str, str]:
    """The most frequent spelling of each answer, by its folded form; the first of equally frequent ones."""
    counts: dict[str, Counter[str]] = {}
    for answer in answers:
        counts.setdefault(folded(answer), Counter())[answer.strip()] += 1
    return {form: spellings.most_common(1)[0][0] for form, spellings in counts.items() if form}


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
    """Up to `most` rows, each as unlike those before it as can be: by the words of input and answer that they share."""
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
