"""Taking a session to work on, and reopening one that has ended."""

from __future__ import annotations

from uuid import uuid4

from django.db.models import F
from django.utils import timezone

from optimizer.models import OptimizationSession, Prompt, PromptStatus, SessionStatus
from optimizer.worker.run import LEASE, Run

MOST_ATTEMPTS = 3


def claim(session_id: int) -> Run | None:
    """The right to work on a session, until the lease lapses; None if it cannot be claimed."""
    token, now = uuid4(), timezone.now()
    taken = (
        OptimizationSession.objects.claimable()
        .filter(pk=session_id)
        .update(
            status=SessionStatus.PROCESSING,
            lease_token=token,
            lease_until=now + LEASE,
            attempts=F("attempts") + 1,
        )
    )
    if not taken:
        return None
    OptimizationSession.objects.filter(pk=session_id, started_at=None).update(started_at=now)
    session = OptimizationSession.objects.select_related("prompt", "dataset").get(pk=session_id)
    Prompt.objects.filter(pk=session.prompt_id).update(status=PromptStatus.PROCESSING)
    run = Run(session)
    if session.attempts > MOST_ATTEMPTS:
        run.fail(
            "poison",
            f"The worker died {MOST_ATTEMPTS} times at this optimization. See its log, then run it again.",
        )
        return None
    run.publish()
    return run


def reopen(session_id: int) -> bool:
    """Make a stopped or failed session claimable again. What it paid for stays in the ledger."""
    ended = OptimizationSession.objects.filter(
        pk=session_id, status__in=[SessionStatus.CANCELLED, SessionStatus.FAILED]
    )
    return bool(
        ended.update(
            status=SessionStatus.PENDING,
            finished_at=None,
            stop_requested_at=None,
            attempts=0,
            finish_reason="",
            error_code="",
            error_message="",
            verdict="",
            chosen="",
            baseline_score=None,
            best_score=None,
        )
    )
