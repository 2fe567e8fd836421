"""What each few-shot example adds to the score, as far as the sets that were raced tell."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from statistics import fmean

from optimizer.engine.components import Shot
from optimizer.engine.events import Outcome

DOUBT = 16  # rows without effect that each example's estimate begins with

Raced = tuple[Sequence[Shot], Sequence[Outcome]]  # a set of examples, and what a prompt with it scored


def contributions(raced: Iterable[Raced]) -> dict[Shot, float]:
    """By example, the points a row (-1 to 1) by which sets with it did better than the average set on the same rows.

    Each example starts with `DOUBT` rows without effect, so that a few rows say little. The sets are those that the
    search ran anyway: no call is made for this. Choosing by contribution follows arXiv 2512.11013, which computes
    Shapley values from subsets run for that purpose.
    """
    sets = [(shots, outcomes) for shots, outcomes in raced if shots and outcomes]
    usual = _means(outcome for _, outcomes in sets for outcome in outcomes)
    points: dict[Shot, float] = defaultdict(float)
    rows: dict[Shot, int] = defaultdict(int)
    for shots, outcomes in sets:
        ahead = sum(outcome.score - usual[outcome.item] for outcome in outcomes)
        for shot in shots:
            points[shot] += ahead
            rows[shot] += len(outcomes)
    return {shot: points[shot] / (rows[shot] + DOUBT) for shot in points}


def _means(outcomes: Iterable[Outcome]) -> dict[int, float]:
    """By row, the mean score."""
    scores = defaultdict(list)
    for outcome in outcomes:
        scores[outcome.item].append(outcome.score)
    return {item: fmean(some) for item, some in scores.items()}
