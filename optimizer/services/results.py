"""What a person does about a result: has a stopped search compared after all, says which text to use."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.db.models import F, Max
from django.db.models.functions import Coalesce

from optimizer import topics
from optimizer.models import Candidate, Chosen, OptimizationSession, Prompt, SessionEvent, SessionStatus, User
from optimizer.models.finalists import Finalist
from optimizer.models.states import COMPARABLE, OPEN_TO_CHOICE
from optimizer.services.access import require_writer
from optimizer.services.optimizations import ring

SAID = {Chosen.BEST: "chose to use the best found.", Chosen.ORIGINAL: "chose to keep the original."}


def compare_stopped(*, session: OptimizationSession, by: User) -> None:
    """Queue the comparison of a stopped search's best with the original, and nothing else. Nothing happens if there
    is nothing left to compare."""
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
    """Make the best or the original the result, if the verdict leaves it open. Otherwise nothing happens."""
    require_writer(user=by, workspace_id=session.workspace_id)
    score = F("best_score") if choice == Chosen.BEST else F("baseline_score")
    open_ones = OptimizationSession.objects.filter(OPEN_TO_CHOICE, pk=session.pk).exclude(chosen=choice)
    if open_ones.update(chosen=choice, quality_score=100 * score, updated_by=by):
        _use(session, session.candidates.get(is_best=True) if choice == Chosen.BEST else None)
        _log(session, f"{by} {SAID[choice]}")
        topics.publish_session(session.pk, session.workspace_id)
    session.refresh_from_db()


@transaction.atomic
def choose_finalist(*, session: OptimizationSession, by: User, number: int) -> None:
    """Let another finalist be the result. Nothing happens if it is already the result, or is no finalist."""
    require_writer(user=by, workspace_id=session.workspace_id)
    locked = OptimizationSession.objects.select_for_update().get(pk=session.pk)
    finalist = next((one for one in locked.finalists if one.number == number), None)
    if finalist and not (finalist.is_result and locked.hands_over_best):
        _set_finalist(locked, finalist, by)
        _log(locked, f"{by} chose the prompt that {finalist.does}.")
        topics.publish_session(locked.pk, locked.workspace_id)
    session.refresh_from_db()


def _set_finalist(session: OptimizationSession, finalist: Finalist, by: User) -> None:
    candidate = session.candidates.get(number=finalist.number)
    session.candidates.filter(is_best=True).update(is_best=False)
    session.candidates.filter(pk=candidate.pk).update(is_best=True)
    columns = finalist.columns
    if columns["best_score"] is not None:
        columns["quality_score"] = 100 * columns["best_score"]
    results = session.results | {"metrics": None} | finalist.results
    OptimizationSession.objects.filter(pk=session.pk).update(
        **columns, chosen=Chosen.BEST, updated_by=by, results=results
    )
    _use(session, candidate)


def _use(session: OptimizationSession, candidate: Candidate | None) -> None:
    """Make its texts the prompt's optimized ones; None for the original."""
    text, system_text = (candidate.text, candidate.system_text) if candidate else ("", "")
    prompt = Prompt.objects.filter(pk=session.prompt_id)
    prompt.update(optimized=text, optimized_system_text=system_text)


def _log(session: OptimizationSession, text: str) -> None:
    """The session's row is locked by now, so that no other line gets this number."""
    own = session.events.filter(seq__gte=SessionEvent.OF_PEOPLE)
    seq = own.aggregate(last=Coalesce(Max("seq"), SessionEvent.OF_PEOPLE))["last"] + 1
    SessionEvent.objects.create(session=session, seq=seq, kind="chosen", data={"text": text})
