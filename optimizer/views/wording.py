"""What came of an optimization, in one sentence."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

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
    said = f"{better} of {rows} rows better"
    return f"{said}, {worse} worse" if worse else f"{said}, none worse"


def elapsed(session: OptimizationSession) -> timedelta | None:
    """How long the work has taken, or took."""
    if session.started_at is None:
        return None
    return (session.finished_at or timezone.now()) - session.started_at
