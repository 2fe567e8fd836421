"""A run whose model server does not answer: it gives its worker back, and returns later."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from django.db.models import F
from django.utils import timezone

from optimizer.counts import counted
from optimizer.models import OptimizationSession
from optimizer.worker.record import WAITING

if TYPE_CHECKING:
    from optimizer.worker.run import Run

BEFORE_GIVING_BACK = timedelta(seconds=3)  # how long a worker waits before it is given back
SOONEST, LATEST = timedelta(seconds=10), timedelta(seconds=60)  # until the next try


def waits_long(run: Run) -> bool:
    """Whether no server has answered for so long that the worker should be given back."""
    since = run.recorder.away_since
    return since is not None and timezone.now() - since >= BEFORE_GIVING_BACK


def wait(run: Run, why: str, faults: dict[str, Any]) -> None:
    """Give the worker back until a server may answer; `faults` is what the pool knows of its servers."""
    run.recorder.live.write()
    waiting = waiting_of(run.session, why, faults, parked=True)
    waits = run.recorder.held().filter(stop_requested_at=None)
    if not waits.update(
        **run.recorder.spent(),
        waiting=waiting,
        lease_token=None,
        lease_until=_next_try(waiting),
        attempts=F("attempts") - 1,
        stage=WAITING,
        processing_time_ms=run.worked(),
    ):
        return run.stop()
    return run.publish()


def end_waiting(run: Run) -> None:
    """Its minutes are over: what was found before stays."""
    why = run.recorder.away or (run.session.waiting or {}).get("for", "")
    limit = counted(round(run.session.max_minutes or 0, 1), "minute")
    run.stop(f"The limit of {limit} passed while no model server answered: {why}"[:200])


def waiting_of(
    session: OptimizationSession, why: str, faults: dict[str, Any], *, parked: bool
) -> dict[str, Any]:
    """What a session keeps while it waits."""
    now = timezone.now().isoformat()
    since = (session.waiting or {}).get("since", now)
    return {"for": why, "since": since, "parked": now if parked else None, "faults": faults}


def parked_ms(session: OptimizationSession) -> int:
    """Milliseconds since it gave its worker back: they count as time of the run."""
    parked = (session.waiting or {}).get("parked")
    return int((timezone.now() - datetime.fromisoformat(parked)).total_seconds() * 1000) if parked else 0


def counted_in(waiting: dict[str, Any] | None) -> dict[str, Any] | None:
    """The same, once the time without a worker is counted."""
    return {**waiting, "parked": None} if waiting else None


def _next_try(waiting: dict[str, Any]) -> datetime:
    """Soon at first, then less and less often."""
    now = timezone.now()
    waited = now - datetime.fromisoformat(waiting["since"])
    return now + min(LATEST, max(SOONEST, waited / 10))
