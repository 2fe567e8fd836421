"""How long an optimization takes, for its page."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from optimizer.models import OptimizationSession, SessionStatus


def elapsed(session: OptimizationSession) -> timedelta | None:
    """How long the work has taken, or took, without the time in which it waited or lay stopped."""
    worked = session.processing_time_ms
    return None if worked is None else timedelta(milliseconds=worked)


def counted_from(session: OptimizationSession) -> datetime | None:
    """A clock counts from here: when it would have begun without any waiting. None while nobody works on it."""
    if (
        session.status != SessionStatus.PROCESSING
        or session.lease_until is None
        or session.lease_token is None
    ):
        return None
    last_written = session.lease_until - timedelta(seconds=settings.LEASE_SECONDS)
    return (last_written - (elapsed(session) or timedelta())).replace(microsecond=0)
