"""A run whose model server does not answer: it gives its worker back, and comes again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from optimizer.models import OptimizationSession

PATIENCE = timedelta(seconds=3)  # for so long a worker waits itself
SOONEST, LATEST = timedelta(seconds=10), timedelta(seconds=60)  # until the next try


def waiting_of(
    session: OptimizationSession, why: str, faults: dict[str, Any], *, parked: bool
) -> dict[str, Any]:
    """What a session keeps while it waits; `faults` is what the pool knows of its servers."""
    now = timezone.now().isoformat()
    since = (session.waiting or {}).get("since", now)
    return {"for": why, "since": since, "parked": now if parked else None, "faults": faults}


def parked_ms(session: OptimizationSession) -> int:
    """Milliseconds since it gave its worker back: they count as time of the run."""
    parked = (session.waiting or {}).get("parked")
    return int((timezone.now() - datetime.fromisoformat(parked)).total_seconds() * 1000) if parked else 0


def next_try(waiting: dict[str, Any]) -> datetime:
    """Soon at first, then ever less."""
    now = timezone.now()
    waited = now - datetime.fromisoformat(waiting["since"])
    return now + min(LATEST, max(SOONEST, waited / 10))
