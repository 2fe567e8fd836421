"""What people thought of a result."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from optimizer.models.base import text_length
from optimizer.models.sessions import OptimizationSession

EVIDENCE = 300  # characters of one opinion that reach the critique


class FeedbackQuerySet(models.QuerySet["Feedback"]):
    """Ways to choose feedback."""

    def evidence_for(self, session: OptimizationSession) -> list[str]:
        """What people of the workspace said of earlier results for the same prompt, newest first, in words."""
        earlier = self.filter(
            session__workspace=session.workspace_id,
            session__prompt__original=session.prompt.original,
            created_at__lt=session.created_at,
        )
        return [feedback.in_words[:EVIDENCE] for feedback in earlier.order_by("-created_at")[:5]]


class Feedback(models.Model):
    """One person's rating of one optimization. Changeable; a rating may be taken back."""

    session = models.ForeignKey(OptimizationSession, on_delete=models.CASCADE, related_name="feedback")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="feedback")
    rating = models.PositiveSmallIntegerField(null=True, blank=True)
    is_helpful = models.BooleanField(null=True, blank=True)
    comment = models.TextField(blank=True)
    suggestions = models.JSONField(default=list, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = FeedbackQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "feedback"
        constraints = [
            models.UniqueConstraint(fields=["session", "user"], name="feedback_once"),
            models.CheckConstraint(
                condition=models.Q(rating=None) | models.Q(rating__range=(1, 5)),
                name="feedback_rating_1_to_5",
            ),
            text_length("comment", "feedback_comment_length", low=0),
        ]
        indexes = [
            models.Index(fields=["user", "-created_at"], name="feedback_by_user"),
            models.Index(fields=["rating"], name="feedback_by_rating"),
            models.Index(fields=["-created_at"], name="feedback_newest"),
        ]

    def __str__(self) -> str:
        return f"{self.rating or 'no'} stars for {self.session}"

    @property
    def in_words(self) -> str:
        """All of it in one sentence or two."""
        stars = f"{self.rating} of 5 stars." if self.rating else ""
        helpful = {True: "Helpful.", False: "Not helpful.", None: ""}[self.is_helpful]
        return " ".join(part for part in (stars, helpful, self.comment, *map(str, self.suggestions)) if part)
