"""What finished sessions teach about operators, folded into the workspace's priors: each session once."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator, Sequence

from django.db import DataError, transaction
from django.db.models import F, Value
from django.db.models.functions import Greatest, Least
from django.utils import timezone

from optimizer.models import Chosen, OperatorPrior, OptimizationSession, Workspace

AT_ONCE = 100
MOST_TRIES = 200  # from here on a workspace's priors with a model are halved, so that old sessions fade

log = logging.getLogger(__name__)


def learn() -> int:
    """Fold what there is to learn, the newest first. Returns how many sessions that were."""
    due = OptimizationSession.objects.unlearned().order_by("-finished_at").values_list("pk", flat=True)
    return sum(_learn_from(session_id) for session_id in list(due[:AT_ONCE]))


@transaction.atomic
def _learn_from(session_id: int) -> bool:
    """False if another worker was first. A session whose owner switched learning off is skipped."""
    due = OptimizationSession.objects.unlearned().filter(pk=session_id)
    if not due.update(learned_at=timezone.now()):
        return False
    session = OptimizationSession.objects.get(pk=session_id)
    if session.may_learn:
        try:
            with transaction.atomic():
                _fold(OptimizationSession.objects.select_for_update().get(pk=session_id))
        except (
            KeyError,
            TypeError,
            ValueError,
            DataError,
        ):  # what is stored there makes no sense; the next one may
            log.exception("nothing could be learned from session %s", session_id)
    return True


def _fold(session: OptimizationSession) -> None:
    """Count what each operator did: children that raced, and leads that they took. What people said about the result
    is one more try of each operator in its lineage: won if they liked it, lost if they did not, none if they said
    nothing. When they change their minds, the earlier try is taken back first."""
    wins, tries = Counter[str](), Counter[str]()
    if session.learned_verdict is None:
        for row in session.results["operators"]:
            wins[row["operator"]] += row["wins"]
            tries[row["operator"]] += row["tries"]
    Workspace.objects.select_for_update(no_key=True).get(pk=session.workspace_id)  # one fold of it at a time
    before, now = session.learned_verdict or 0, session.feedback.all().verdict()
    lineage = sorted(_lineage(session))
    for operator in session.results.get("learned_from", lineage):
        wins[operator] -= before > 0
        tries[operator] -= abs(before)
    for operator in lineage:
        wins[operator] += now > 0
        tries[operator] += abs(now)
    for operator in sorted(tries):
        _add(session, operator, wins[operator], tries[operator])
    _fade(session)
    results = {**session.results, "learned_from": lineage}  # a person may choose another finalist later
    OptimizationSession.objects.filter(pk=session.pk).update(learned_verdict=now, results=results)


def _lineage(session: OptimizationSession) -> set[str]:
    """The operators that turned the original into the result; none if the result is the original itself."""
    if session.chosen == Chosen.ORIGINAL or (session.kept_original and session.chosen != Chosen.BEST):
        return set()
    rows = list(session.candidates.values_list("number", "operator", "is_best", "parents__number"))
    line = {number for number, _, is_best, _ in rows if is_best}
    while older := set(_parents_of(line, rows)) - line:
        line |= older
    return {operator for number, operator, _, _ in rows if number in line and number}


def _parents_of(line: set[int], rows: Sequence[tuple[int, str, bool, int | None]]) -> Iterator[int]:
    for number, _, _, parent in rows:
        if number in line and parent is not None:
            yield parent


def _add(session: OptimizationSession, operator: str, wins: float, tries: float) -> None:
    prior, _ = OperatorPrior.objects.get_or_create(
        workspace_id=session.workspace_id, model=session.target_model, operator=operator
    )
    tried = Greatest(Value(0.0), F("tries") + tries)
    won = Least(tried, Greatest(Value(0.0), F("wins") + wins))
    OperatorPrior.objects.filter(pk=prior.pk).update(wins=won, tries=tried, updated_at=timezone.now())


def _fade(session: OptimizationSession) -> None:
    priors = OperatorPrior.objects.filter(workspace=session.workspace_id, model=session.target_model)
    if priors.filter(tries__gt=MOST_TRIES).exists():
        priors.update(wins=F("wins") / 2, tries=F("tries") / 2)
