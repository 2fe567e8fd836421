"""Rows with answers, to measure a prompt on."""

from __future__ import annotations

from django.db import models

from optimizer.models.base import Owned, OwnedQuerySet, text_length

WEIGHT_MAX = 1000


class Dataset(Owned):
    """A named list of examples."""

    name = models.CharField(max_length=100)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["workspace", "-created_at", "-id"], name="dataset_newest")]

    def __str__(self) -> str:
        return self.name


class Example(models.Model):
    """One row: what goes in, what should come out, and how much it counts."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="examples")
    position = models.PositiveIntegerField()
    input = models.TextField()
    expected = models.TextField()
    weight = models.FloatField(default=1.0, db_default=1.0)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "position"], name="example_position_once"),
            text_length("input", "example_input_length"),
            text_length("expected", "example_expected_length"),
            models.CheckConstraint(
                condition=models.Q(weight__gt=0, weight__lte=WEIGHT_MAX), name="example_weight_above_0"
            ),
        ]

    def __str__(self) -> str:
        return self.input[:80]
