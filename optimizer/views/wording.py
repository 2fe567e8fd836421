"""What came of an optimization, in one sentence."""

from __future__ import annotations

from datetime import datetime, timedelta

from django.conf import settings

from optimizer.counts import counted
from optimizer.models import OptimizationSession, SessionStatus


def headline(session: OptimizationSession) -> str:
    """The gain in plain words, without claiming more than was measured."""
    comparison = session.results.get("comparison")
    if session.status == SessionStatus.CANCELLED:
        return _stopped(session)
    if session.kept_original:
        return "Kept the original: nothing tried did measurably better."
    if comparison:
        return f"{_counted(comparison)}."
    return "A better version of the prompt, not yet measured on held-out rows."


def _stopped(session: OptimizationSession) -> str:
    if session.kept_original:
        return "Stopped before anything better was found."
    return "Stopped early: this is the best found so far."


def _counted(comparison: dict[str, float]) -> str:
    rows, better, worse = (int(comparison[name]) for name in ("rows", "better", "worse"))
    said = f"{better} of {counted(rows, 'row')} better"
    return f"{said}, {worse} worse" if worse else f"{said}, none worse"


def elapsed(session: OptimizationSession) -> timedelta | None:
    """How long the work has taken, or took, without the time in which it waited or lay stopped."""
    worked = session.processing_time_ms
    return None if worked is None else timedelta(milliseconds=worked)


def counted_from(session: OptimizationSession) -> datetime | None:
    """When it would have begun, had it never waited: what a clock counts from. None while nobody works on it."""
    if session.status != SessionStatus.PROCESSING or session.lease_until is None:
        return None
    last_written = session.lease_until - timedelta(seconds=settings.LEASE_SECONDS)
    return (last_written - (elapsed(session) or timedelta())).replace(microsecond=0)
