"""What would have served better, told of an optimization that ended."""

from __future__ import annotations

import logging

from optimizer.engine.advice import Advice, advice
from optimizer.models import Evaluation, OptimizationSession, Split

MOST = 1000  # answers to look at

log = logging.getLogger(__name__)


def grader_advice(session: OptimizationSession) -> Advice | None:
    """Where all answers of the original and the best were wrong: which grader would have found some right.

    `str()` of it is the sentence for people.
    """
    right = session.baseline_score or session.best_score
    if right or session.is_active or session.dataset is None:
        return None
    if session.dataset.examples.exclude(accepted=[]).exists():
        return None  # what is kept of an answer is all of a list, as people read it
    try:
        return advice(session.grader, _answers(session))
    except Exception:  # only advice: the result shows without it
        log.exception("no advice on the grader of %s", session)
        return None


def _answers(session: OptimizationSession) -> list[tuple[str, str]]:
    """Those to held-out rows; of a run that was stopped before, those to the rows of the search. None where one of
    them was right."""
    pair = session.candidates.filter(number=0) | session.candidates.filter(is_best=True)
    rows = Evaluation.objects.filter(candidate__in=pair)
    held_out = rows.filter(split=Split.HELD_OUT)
    graded = held_out if held_out.exists() else rows
    if graded.filter(score__gt=0).exists():
        return []
    return list(graded.values_list("output", "expected")[:MOST])
