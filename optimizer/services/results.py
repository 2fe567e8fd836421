"""What a person does about a result: has a stopped search compared after all, says which text to use."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F, Max
from django.db.models.functions import Coalesce

from optimizer import topics
from optimizer.models import Chosen, OptimizationSession, Prompt, SessionEvent, SessionStatus, User
from optimizer.models.states import COMPARABLE, OPEN_TO_CHOICE
from optimizer.services.access import require_writer
from optimizer.services.optimizations import ring

SAID = {Chosen.BEST: "chose to use the best found.", Chosen.ORIGINAL: "chose to keep the original."}


def compare_stopped(*, session: OptimizationSession, by: User) -> None:
    """Queue the comparison of a stopped search's best with the original, and nothing else. Nothing happens where there
    is nothing to compare, or no more."""
    require_writer(user=by, workspace_id=session.workspace_id)
    try:
        with transaction.atomic():
            _queue_comparison(session, by)
    except IntegrityError as error:
        raise ValidationError(
            "Another optimization of this prompt is running. Wait until it ends, or stop it, and then compare."
        ) from error
    session.refresh_from_db()


def _queue_comparison(session: OptimizationSession, by: User) -> None:
    stopped = OptimizationSession.objects.filter(COMPARABLE, pk=session.pk)
    if stopped.update(
        status=SessionStatus.PENDING, comparing=True, stop_requested_at=None, attempts=0, updated_by=by
    ):
        transaction.on_commit(lambda: ring(session.pk), robust=True)
        topics.publish_session(session.pk, session.workspace_id)


@transaction.atomic
def choose_result(*, session: OptimizationSession, by: User, choice: Chosen) -> None:
    """Let the best, or the original, be the result where the verdict leaves it open. Nothing happens elsewhere."""
    require_writer(user=by, workspace_id=session.workspace_id)
    score = F("best_score") if choice == Chosen.BEST else F("baseline_score")
    open_ones = OptimizationSession.objects.filter(OPEN_TO_CHOICE, pk=session.pk).exclude(chosen=choice)
    if open_ones.update(chosen=choice, quality_score=100 * score, updated_by=by):
        text = session.candidates.get(is_best=True).text if choice == Chosen.BEST else ""
        Prompt.objects.filter(pk=session.prompt_id).update(optimized=text)
        _log(session, f"{by} {SAID[choice]}")
        topics.publish_session(session.pk, session.workspace_id)
    session.refresh_from_db()


def _log(session: OptimizationSession, text: str) -> None:
    """The session's row is locked by now, so that no other line gets this number."""
    own = session.events.filter(seq__gte=SessionEvent.OF_PEOPLE)
    seq = own.aggregate(last=Coalesce(Max("seq"), SessionEvent.OF_PEOPLE))["last"] + 1
    SessionEvent.objects.create(session=session, seq=seq, kind="chosen", data={"text": text})
