"""What people thought of a result."""

from __future__ import annotations

from django.conf import settings
from django.db import models

from optimizer.models.base import text_length
from optimizer.models.sessions import OptimizationSession


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
