"""What people thought of a result."""

from __future__ import annotations

from typing import Any, Self

from django.conf import settings
from django.db import models

from optimizer.models.base import text_length
from optimizer.models.sessions import OptimizationSession

MOST, LONGEST = 5, 300  # opinions that reach the critique, and characters of each
TIERS = {
    "prompt": "",
    "template": "About another prompt from the same template: ",
    "domain": "About another prompt with the same context: ",
}


class FeedbackQuerySet(models.QuerySet["Feedback"]):
    """Ways to choose feedback."""

    def usable(self) -> Self:
        """Feedback that says something, from people who let us learn from it."""
        silent = models.Q(rating=None, is_helpful=None, comment="", suggestions=[])
        return self.exclude(silent).exclude(user__preference__learn_from_feedback=False)

    def evidence_for(self, session: OptimizationSession) -> list[dict[str, Any]]:
        """What people in the workspace said about earlier results, in words, with the session. The same prompt comes
        first, then prompts from its template, then its domain; within each, the newest first."""
        earlier = self.usable().filter(
            session__workspace=session.workspace_id,
            session__deleted_at=None,
            session__created_at__lt=session.created_at,
        )
        found: dict[int, dict[str, Any]] = {}
        for tier, prompts in session.prompt.kin().items() if session.may_learn else ():
            rows = earlier.filter(session__prompt__in=prompts).exclude(pk__in=found)
            for said in rows.order_by("-updated_at", "-pk")[: MOST - len(found)]:
                text = f"{TIERS[tier]}{said.in_words}"[:LONGEST]
                found[said.pk] = {"text": text, "session": said.session_id, "tier": tier}
        return list(found.values())

    def verdict(self) -> int:
        """1 if people liked a result on the whole, -1 if they did not, else 0."""
        total = sum(said.verdict for said in self.usable())
        return (total > 0) - (total < 0)


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

    @property
    def verdict(self) -> int:
        """1 for 4 or 5 stars or "helpful", -1 for 1 or 2 or "not helpful"; 0 for neither, or if the two disagree."""
        stars = 0 if self.rating is None else (self.rating >= 4) - (self.rating <= 2)
        helpful = {True: 1, False: -1, None: 0}[self.is_helpful]
        return (stars + helpful > 0) - (stars + helpful < 0)
