"""Taking a session to work on."""

from __future__ import annotations

from uuid import uuid4

from django.db.models import F
from django.utils import timezone

from optimizer.models import OptimizationSession, Prompt, PromptStatus, SessionStatus
from optimizer.worker.run import LEASE, Run

MOST_ATTEMPTS = 3  # without a new answer in between


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
    run.publish()
    return run


def is_suspect(session: OptimizationSession) -> bool:
    """Whether workers died at it several times in a row without a new answer in between. It may be its own fault, or
    that of another session on the same worker."""
    return session.attempts > MOST_ATTEMPTS
