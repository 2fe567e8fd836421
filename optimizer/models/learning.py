"""What earlier sessions teach later ones about how to search."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import F, Q

from optimizer.models.sessions import OptimizationSession
from optimizer.models.workspaces import Workspace


class OperatorPriorQuerySet(models.QuerySet["OperatorPrior"]):
    """Ways to choose priors."""

    def known_for(self, session: OptimizationSession) -> list[dict[str, Any]]:
        """How operators did in the workspace's earlier sessions with the same target model."""
        if not session.may_learn:
            return []
        known = self.filter(workspace=session.workspace_id, model=session.target_model)
        return [dict(row) for row in known.order_by("operator").values("operator", "wins", "tries")]


class OperatorPrior(models.Model):
    """How an operator has done in a workspace with a target model: of `tries` children, `wins` took the lead.

    Neither is a whole number, because old sessions fade.
    """

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="operator_priors")
    model = models.CharField(max_length=200)
    operator = models.CharField(max_length=30)
    wins = models.FloatField(default=0)
    tries = models.FloatField(default=0)
    updated_at = models.DateTimeField(auto_now=True)

    objects = OperatorPriorQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["workspace", "model", "operator"], name="prior_once"),
            models.CheckConstraint(
                condition=Q(wins__gte=0) & Q(wins__lte=F("tries")), name="prior_wins_of_tries"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.operator} with {self.model}: {self.wins:g} of {self.tries:g}"
