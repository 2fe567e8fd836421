"""People's verdicts on single outputs."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Count, Max, Q

from optimizer.models.candidates import Evaluation
from optimizer.models.sessions import OptimizationSession
from optimizer.models.users import User

MOST = 20  # rated outputs that a judge is checked against
TEXTS = ("evaluation__input", "evaluation__expected", "evaluation__output")


class OutputRatingQuerySet(models.QuerySet["OutputRating"]):
    """Ways to choose verdicts."""

    def said_by(self, user: User, session: OptimizationSession) -> dict[int, bool]:
        """Which of the session's outputs that person found right, and which wrong."""
        own = self.filter(user=user, evaluation__candidate__session=session)
        return dict(own.values_list("evaluation", "is_right"))

    def known_for(self, session: OptimizationSession) -> list[dict[str, Any]]:
        """Rated outputs of the workspace's earlier sessions with the same prompt or rows, the newest first. The
        majority decides what is right; outputs with a split vote are left out."""
        if not session.may_learn:
            return []
        counted = (
            self.filter(evaluation__candidate__session__in=_earlier_like(session))
            .exclude(user__preference__learn_from_feedback=False)
            .values(*TEXTS)
            .annotate(lead=_people(True) - _people(False), newest=Max("updated_at"))
            .exclude(lead=0)
            .order_by("-newest", *TEXTS)
            .values_list(*TEXTS, "lead")
        )
        return [
            {"input": given, "expected": expected, "output": output, "right": lead > 0}
            for given, expected, output, lead in counted[:MOST]
        ]


def _earlier_like(session: OptimizationSession) -> models.QuerySet[OptimizationSession]:
    like = Q(prompt__in=session.prompt.kin()["prompt"])
    if session.dataset_id:
        like |= Q(dataset=session.dataset_id)
    earlier = OptimizationSession.objects.in_workspaces([session.workspace_id])
    return earlier.filter(like, created_at__lt=session.created_at)


def _people(is_right: bool) -> Count:
    return Count("user", distinct=True, filter=Q(is_right=is_right))


class OutputRating(models.Model):
    """One person's verdict on one output. Changeable; taking it back deletes it."""

    evaluation = models.ForeignKey(Evaluation, on_delete=models.CASCADE, related_name="ratings")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="output_ratings"
    )
    is_right = models.BooleanField()
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = OutputRatingQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["evaluation", "user"], name="output_rated_once")]

    def __str__(self) -> str:
        return f"{'right' if self.is_right else 'wrong'}: {self.evaluation}"
