"""What a workspace has of the starter library."""

from __future__ import annotations

from django.db import models

from optimizer.models.datasets import Dataset
from optimizer.models.templates import PromptTemplate
from optimizer.models.workspaces import Workspace


class StarterCopy(models.Model):
    """One starter in one workspace, with its template and rows; they are None once deleted for good. `loaded_as` is
    the digest of what was loaded: a template that differs was edited since."""

    workspace = models.ForeignKey(Workspace, on_delete=models.CASCADE, related_name="starters")
    slug = models.CharField(max_length=60)
    loaded_as = models.CharField(max_length=64)
    template = models.ForeignKey(
        PromptTemplate, null=True, on_delete=models.SET_NULL, related_name="starters"
    )
    dataset = models.ForeignKey(Dataset, null=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["workspace", "slug"], name="starter_once_a_workspace")]

    def __str__(self) -> str:
        return self.slug
