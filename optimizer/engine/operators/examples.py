"""Operators that choose the few-shot examples. Most need no model."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median
from typing import Literal

from optimizer.engine.answering import CUT
from optimizer.engine.components import Components, Shot
from optimizer.engine.events import Outcome
from optimizer.engine.labels import are_labels, usual_forms
from optimizer.engine.operators.base import View
from optimizer.engine.operators.rows import (
    MOST_SHOTS,
    balanced,
    diverse,
    exchanged,
    in_turns,
    short_enough,
    shots_of,
)
from optimizer.engine.scoring import WHOLE

FEWEST_TRACES = 2
LONG_PROMPT = 200  # characters
LONGER = 1.5  # an output is worth showing when it is so much longer than the expected answer


@dataclass(frozen=True)
class RandomExamples:
    """Random training rows as chat turns: what anybody would try first."""

    name: str = "random examples"
    promise: float = 0.6
    practises: bool = False
    writes: bool = False

    def suits(self, view: View) -> bool:
        return view.may_show and view.answers_only

    def propose(self, view: View) -> list[Components]:
        rows = view.rng.sample(view.train, min(view.config.shots, len(view.train)))
        shots = short_enough(shots_of(rows, view.train))
        return [view.parent.but(shots=shots, **in_turns(view, once=dear_to_repeat(view)))]


@dataclass(frozen=True)
class AddExamples:
    """A new draw of training rows as examples, with labels in balance. They are chat turns, with the prompt once or in
    each turn; or they stand in the text, if the parent has no examples."""

    shots_as: Literal["text", "turns"] = "turns"
    once: bool = False
    promise: float = 0.6
    practises: bool = False
    writes: bool = False

    @property
    def name(self) -> str:
        if self.shots_as == "text":
            return "examples in the text"
        return "examples after one prompt" if self.once else "examples as chat turns"

    def suits(self, view: View) -> bool:
        if not view.may_show or not view.answers_only or (self.once and not view.once):
            return False
        return self.shots_as == "turns" or not view.parent.shots

    def propose(self, view: View) -> list[Components]:
        count = max(view.config.shots, labels_to_cover(view) if self.once else 0)
        shots = short_enough(shots_of(balanced(view.train, count, view.rng), view.train))
        if self.shots_as == "text":
            return [view.parent.but(shots=shots, shots_as="text", nearest=0)]
        return [view.parent.but(shots=shots, **in_turns(view, once=self.once or dear_to_repeat(view)))]


@dataclass(frozen=True)
class NearestExamples:
    """The training rows most like each input as its examples (TF-IDF over character n-grams)."""

    name: str = "examples for each input"
    promise: float = 0.8
    practises: bool = False
    writes: bool = False

    def suits(self, view: View) -> bool:
        return (
            view.may_show
            and len(view.train) > view.config.shots
            and view.answers_only
            and not view.parent.nearest
        )

    def propose(self, view: View) -> list[Components]:
        placed = in_turns(view, once=dear_to_repeat(view))
        shots = shots_of(view.train, view.train)
        return [view.parent.but(**{**placed, "shots": shots, "nearest": view.config.shots})]


@dataclass(frozen=True)
class PromptOnce:
    """The prompt once, as the system message, instead of in each turn; or the other way round."""

    name: str = "prompt once or in each turn"
    promise: float = 0.3
    practises: bool = False
    writes: bool = False

    def suits(self, view: View) -> bool:
        in_turns = bool(view.parent.shots) and view.parent.shots_as == "turns"
        return in_turns and view.once and view.role == "user"

    def propose(self, view: View) -> list[Components]:
        return [view.parent.but(head_as="user" if view.parent.head_as == "system" else "system")]


@dataclass(frozen=True)
class OtherExamples:
    """Half of the examples exchanged for other rows, in another order."""

    name: str = "other examples"
    promise: float = 0.45
    practises: bool = False
    writes: bool = False

    def suits(self, view: View) -> bool:
        return changeable(view) and bool(view.unused)

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
        return changeable(view) and bool(view.unused)

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
        return view.may_show and view.answers_only and view.task.grader not in WHOLE

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
        fresh: Literal["text", "turns"] = "turns" if view.task.example_turns else "text"
        shots_as = view.parent.shots_as if view.parent.shots else fresh
        return [view.parent.but(shots=shots, shots_as=shots_as, nearest=0)]

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
        return changeable(view) and bool(view.unused) and len(view.parent.shots) < MOST_SHOTS

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
        return len(view.parent.shots) > 1 and not view.parent.nearest

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


def dear_to_repeat(view: View) -> bool:
    """Whether a prompt in each turn would take most of the tokens: it is long, and the rows are not."""
    head = len(view.parent.head)
    rows = median(len(row.input) + len(row.expected) for row in view.train)
    return view.once and head > LONG_PROMPT and head > 2 * rows


def changeable(view: View) -> bool:
    """Whether the parent shows the same rows as examples for all inputs."""
    return bool(view.parent.shots) and view.answers_only and not view.parent.nearest


def labels_to_cover(view: View) -> int:
    """How many rows show each label once, or twice if there are few labels; 0 if the answers are no labels."""
    answers = [row.expected for row in view.train]
    if not are_labels(answers):
        return 0
    labels = len(usual_forms(answers))
    return min(MOST_SHOTS, labels if labels > view.config.shots else 2 * labels)
