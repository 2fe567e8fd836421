"""How the system does, in counts per minute."""

from __future__ import annotations

from django.db import models


class SystemMetric(models.Model):
    """What one named part did in one minute: how often, how many errors, how long (milliseconds)."""

    name = models.CharField(max_length=100)
    minute = models.DateTimeField()
    count = models.PositiveIntegerField(default=0)
    errors = models.PositiveIntegerField(default=0)
    p50_ms = models.FloatField(default=0)
    p95_ms = models.FloatField(default=0)
    p99_ms = models.FloatField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["name", "minute"], name="metric_minute_once")]
        indexes = [models.Index(fields=["-minute"], name="metric_newest")]

    def __str__(self) -> str:
        return f"{self.name} at {self.minute:%Y-%m-%d %H:%M}"
