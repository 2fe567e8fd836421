"""Sessions that nobody works on, though somebody should."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from django.core.cache import cache
from django.utils import timezone

from optimizer import topics
from optimizer.models import OptimizationSession
from optimizer.worker import waiting

BETWEEN_BELLS = timedelta(seconds=30)  # how long a queued session may wait before its doorbell is rung again
AT_ONCE = 100


def sweep(*, send: Callable[[int], object]) -> None:
    """Send again the sessions whose worker died or whose doorbell was lost, and have pages show the silent ones."""
    forgotten = OptimizationSession.objects.claimable().exclude(
        lease_token=None, created_at__gt=timezone.now() - BETWEEN_BELLS
    )
    for session_id, waits in forgotten.order_by("created_at").values_list("pk", "waiting")[:AT_ONCE]:
        between = waiting.SOONEST if waits else BETWEEN_BELLS
        if cache.add(f"sent:{session_id}", True, between.total_seconds()):
            send(session_id)
    tell_of_silence()


def tell_of_silence() -> None:
    """Tell the pages of optimizations whose worker has gone silent: nobody else will."""
    for session in OptimizationSession.objects.silent().only("pk")[:AT_ONCE]:
        topics.publish(topics.session(session.pk))
