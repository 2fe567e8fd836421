"""The log of an optimization."""

from __future__ import annotations

from django.db import models

from optimizer.models.sessions import OptimizationSession


class SessionEvent(models.Model):
    """A line of the session's log. Appended only, in the order of the search.

    Other lines are numbered from another start. A replay numbers the search's lines again, and must not collide with
    them.
    """

    OF_COMPARISON = 500_000_000
    OF_TRIES = 750_000_000
    OF_PEOPLE = 1_000_000_000

    session = models.ForeignKey(OptimizationSession, on_delete=models.CASCADE, related_name="events")
    seq = models.PositiveIntegerField()
    kind = models.CharField(max_length=30)
    data = models.JSONField(default=dict)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["seq"]
        constraints = [models.UniqueConstraint(fields=["session", "seq"], name="event_seq_once")]

    def __str__(self) -> str:
        return f"{self.kind} {self.seq} of {self.session_id}"
