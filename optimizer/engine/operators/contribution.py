"""An operator that keeps the examples that helped, and exchanges those that did not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from optimizer.engine.components import Components, Shot
from optimizer.engine.graders import folded
from optimizer.engine.labels import are_labels
from optimizer.engine.operators.base import View


@dataclass(frozen=True)
class ExamplesByContribution:
    """Two children: one without the examples that harmed, and one with as many as before, the most helpful of all that
    were shown so far. See `engine/contribution.py`."""

    name: str = "examples by contribution"
    promise: float = 0.5
    practises: bool = False
    writes: bool = False

    def suits(self, view: View) -> bool:
        return bool(view.parent.shots) and not view.parent.nearest and bool(view.contributions)

    def propose(self, view: View) -> list[Components]:
        worth = dict(view.contributions)
        shots = view.parent.shots
        shown = {shot.input for shot in shots}
        others = [shot for shot, points in worth.items() if points > 0 and shot.input not in shown]
        ranked = sorted([*shots, *_one_a_row(others, worth)], key=lambda shot: -worth.get(shot, 0.0))
        best = set(_covering(ranked[: len(shots)], ranked, view))
        helpful = set(_covering([shot for shot in shots if worth.get(shot, 0.0) >= 0], shots, view))
        fewer = tuple(shot for shot in shots if shot in helpful)
        as_many = tuple(shot for shot in (*others, *shots) if shot in best)
        return [view.parent.but(shots=one) for one in (fewer, as_many) if one and set(one) != set(shots)]


def _one_a_row(shots: Sequence[Shot], worth: dict[Shot, float]) -> list[Shot]:
    """The more helpful one where a row was shown in two ways."""
    return list({shot.input: shot for shot in sorted(shots, key=lambda shot: worth[shot])}.values())


def _covering(chosen: Sequence[Shot], ranked: Sequence[Shot], view: View) -> list[Shot]:
    """These, and the first example of each label that they leave out, where answers are labels."""
    if not are_labels([row.expected for row in view.train]):
        return list(chosen)
    named = {folded(shot.output) for shot in chosen}
    first = {folded(shot.output): shot for shot in reversed(ranked)}
    return [*chosen, *(shot for label, shot in first.items() if label not in named)]
