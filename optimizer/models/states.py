"""The states of an optimization, and the queries that find optimizations by state."""

from __future__ import annotations

from datetime import timedelta
from typing import Self, cast

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from optimizer.engine.verdicts import UNPROVEN
from optimizer.models.base import OwnedQuerySet
from optimizer.models.prompts import Prompt


class SessionStatus(models.TextChoices):
    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"


class Chosen(models.TextChoices):
    """Which text a person uses if the verdict leaves it open."""

    BEST = "best"
    ORIGINAL = "original"


STATES = {
    SessionStatus.PENDING: "Queued",
    SessionStatus.PROCESSING: "Running",
    SessionStatus.COMPLETED: "Done",
    SessionStatus.FAILED: "Failed",
    SessionStatus.CANCELLED: "Stopped",
}  # the words for people
ACTIVE = (SessionStatus.PENDING, SessionStatus.PROCESSING)
ENDED = (SessionStatus.COMPLETED, SessionStatus.CANCELLED)
UNLEARNED = Q(status=SessionStatus.COMPLETED, learned_at=None, deleted_at=None, results__has_key="operators")


AHEAD = Q(kept_original=False) | Q(results__ahead=True)
OPEN_TO_CHOICE = ~Q(chosen="") | (AHEAD & Q(status__in=ENDED, verdict__in=UNPROVEN))
COMPARABLE = Q(status=SessionStatus.CANCELLED, verdict="", kept_original=False)
SILENCE = timedelta(seconds=5)  # a living worker gives a sign of life several times a second
SWEPT_EVERY = 5  # seconds, by beat's schedule
AWAITING_APPROVAL = Q(inputs_requested=True, inputs__isnull=False, status=SessionStatus.PENDING)


class SessionQuerySet(OwnedQuerySet):
    """Ways to choose sessions."""

    def claimable(self) -> Self:
        """Sessions with work to do that no living worker holds."""
        free = Q(lease_until=None) | Q(lease_until__lt=timezone.now())
        return self.filter(free, status__in=ACTIVE).exclude(AWAITING_APPROVAL)

    def silent(self) -> Self:
        """Sessions at work whose worker has given no sign of life for a while, though its lease may still last."""
        heard = timezone.now() - SILENCE + timedelta(seconds=settings.LEASE_SECONDS)
        held = self.exclude(lease_token=None)
        return held.filter(status=SessionStatus.PROCESSING, lease_until__lt=heard)

    def unlearned(self) -> Self:
        """Finished sessions with something to learn from: new ones, and those with newer feedback."""
        return self.filter(UNLEARNED)

    def newest_first(self) -> Self:
        """The newest first, with only what a list shows."""
        return (
            self.select_related("prompt")
            .only(
                "status", "stage", "stop_requested_at", "created_at", "finished_at", "baseline_score",
                "best_score", "score_kind", "kept_original", "verdict", "chosen", "comparing",
                "quality_score", "target_model", "waiting",
                "finish_reason", "inputs_requested", "inputs", "prompt__original", "prompt__system_text",
                "workspace_id",
            )
            .order_by("-created_at", "-id")
        )  # fmt: skip

    def of_prompts(self, prompts: models.QuerySet[Prompt]) -> Self:
        """Sessions of these prompts. The prompts are found first; otherwise PostgreSQL may look at every session."""
        found, params = prompts.values("pk").query.sql_with_params()
        where = f"{self.model._meta.db_table}.prompt_id = ANY(ARRAY({found}))"
        return cast(Self, self.extra(where=[where], params=params))  # noqa: S610 (written by the ORM)
