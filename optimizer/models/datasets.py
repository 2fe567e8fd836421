"""Rows with answers, to measure a prompt on."""

from __future__ import annotations

from django.db import models

from optimizer.files import Row, Table
from optimizer.files.rows import HEAVIEST
from optimizer.models.base import Owned, OwnedQuerySet, text_length


class Dataset(Owned):
    """A named list of examples. `columns` are the names of what each row has, in order; `roles` say which of them is
    `expected`, `input` and `weight`, and whether a person chose the input (`input_chosen`)."""

    name = models.CharField(max_length=100)
    columns = models.JSONField(default=list, db_default=[], blank=True)
    roles = models.JSONField(default=dict, db_default={}, blank=True)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        indexes = [models.Index(fields=["workspace", "-created_at", "-id"], name="dataset_newest")]

    def __str__(self) -> str:
        return self.name

    def table(self) -> Table:
        """The rows with their columns, in their order; rows that were stored without columns have two."""
        rows = tuple(example.row for example in self.examples.all())
        if not self.columns:
            return Table(("input", "expected"), rows, expected="expected", input="input")
        return Table(tuple(self.columns), rows, **self.roles)


class Example(models.Model):
    """One row: its `cells` by column, what people see of its input, what should come out, and how much it counts.
    Where several answers are right, they are `accepted`, and `expected` is the first of them."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="examples")
    position = models.PositiveIntegerField()
    input = models.TextField()
    expected = models.TextField()
    weight = models.FloatField(default=1.0, db_default=1.0)
    cells = models.JSONField(default=dict, db_default={}, blank=True)
    accepted = models.JSONField(default=list, db_default=[], blank=True)

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "position"], name="example_position_once"),
            text_length("input", "example_input_length"),
            text_length("expected", "example_expected_length"),
            models.CheckConstraint(
                condition=models.Q(weight__gt=0, weight__lte=HEAVIEST), name="example_weight_above_0"
            ),
        ]

    def __str__(self) -> str:
        return self.input[:80]

    @property
    def row(self) -> Row:
        """The row as it was read."""
        cells = self.cells or {"input": self.input, "expected": self.expected}
        return Row(cells, self.expected, tuple(self.accepted), self.weight)
