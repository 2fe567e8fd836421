"""Workers that are not heard of any more."""

from __future__ import annotations

from optimizer.models import OptimizationSession
from optimizer.topics import publish

AT_ONCE = 100


def tell_of_silence() -> None:
    """Have the pages of optimizations whose worker has gone silent show it: nobody else tells them of a change."""
    for session in OptimizationSession.objects.silent().only("pk")[:AT_ONCE]:
        publish(session.topic)
