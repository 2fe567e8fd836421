"""What would have served an ended optimization better."""

from __future__ import annotations

import logging

from optimizer.engine.advice import Advice, advice
from optimizer.models import Evaluation, OptimizationSession, Split

MOST = 1000  # answers to look at

log = logging.getLogger(__name__)


def grader_advice(session: OptimizationSession) -> Advice | None:
    """If all answers of the original and the best were wrong: a grader that would have found some right.

    `str()` of it is the sentence for people.
    """
    right = session.baseline_score or session.best_score
    if right or session.is_active or session.dataset is None:
        return None
    if session.dataset.rows(session.dataset_version).exclude(accepted=[]).exists():
        return None  # `expected` holds the whole list, as people read it
    try:
        return advice(session.grader, _answers(session))
    except Exception:  # only advice: the result shows without it
        log.exception("no advice on the grader of %s", session)
        return None


def _answers(session: OptimizationSession) -> list[tuple[str, str]]:
    """Answers to held-out rows, or to search rows if the run was stopped earlier. Empty if one of them was right."""
    pair = session.candidates.filter(number=0) | session.candidates.filter(is_best=True)
    rows = Evaluation.objects.filter(candidate__in=pair)
    held_out = rows.filter(split=Split.HELD_OUT)
    graded = held_out if held_out.exists() else rows
    if graded.filter(score__gt=0).exists():
        return []
    return list(graded.values_list("output", "expected")[:MOST])
