"""Rows with answers, to measure a prompt on."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Self

from django.apps import apps
from django.conf import settings
from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db import models
from django.db.models import Q
from django.db.models.functions import JSONObject, Length

from optimizer.files import Row, Source, Table
from optimizer.files.cells import HEAVIEST
from optimizer.models.base import Owned, OwnedQuerySet, one_of, text_length
from optimizer.models.examples import ExampleQuerySet, HandSplit

models.BinaryField.register_lookup(Length)

LARGEST_UPLOAD = 64 * 2**20  # bytes; settings.DATASET_MAX_BYTES limits further
TAG_MAX = 30
MOST_USES = 20  # optimizations that a list counts


class DatasetQuerySet(OwnedQuerySet):
    """Ways to choose datasets."""

    def matching(self, words: str) -> Self:
        """Datasets with all these words in their name or description, or with words that begin so. The search index
        serves it."""
        terms = [f"'{word}':*" for word in re.findall(r"\w+", words)]
        if not terms:
            return self
        query = SearchQuery(" & ".join(terms), search_type="raw", config="simple")
        return self.alias(words=SearchVector("name", "description", config="simple")).filter(words=query)

    def with_uses(self, workspaces: Iterable[int]) -> Self:
        """Each with the newest optimizations of these workspaces under `uses`: what a list says of them. One more than
        MOST_USES means that there are more."""
        sessions = apps.get_model("optimizer", "OptimizationSession").objects.filter(
            dataset=models.OuterRef("pk"), workspace_id__in=list(workspaces), deleted_at=None
        )
        told = sessions.order_by("-created_at", "-id").values(
            told=JSONObject(
                pk="pk", verdict="verdict", before="baseline_score", after="best_score",
                template="prompt__template_id", template_name="prompt__template__name",
                hidden="prompt__template__deleted_at", public="prompt__template__is_public",
                template_workspace="prompt__template__workspace_id",
            )
        )  # fmt: skip
        return self.annotate(uses=ArraySubquery(told[: MOST_USES + 1]))


class Dataset(Owned):
    """A named list of examples in versions. `columns` are the names of what each row has, in order; `roles` say which
    of them is `expected`, `input` and `weight`, and whether a person chose the input (`input_chosen`). These,
    `version` and `row_count` are those of the newest version."""

    name = models.CharField(max_length=100)
    description = models.TextField(blank=True, default="", db_default="")
    columns = models.JSONField(default=list, db_default=[], blank=True)
    roles = models.JSONField(default=dict, db_default={}, blank=True)
    version = models.PositiveIntegerField(default=1, db_default=1, editable=False)
    row_count = models.PositiveIntegerField(default=0, db_default=0, editable=False)

    objects = DatasetQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(name__regex=r"\S"), name="dataset_named"),
            text_length("description", "dataset_description_length", low=0),
            models.CheckConstraint(condition=Q(version__gte=1), name="dataset_version_from_1"),
        ]
        indexes = [
            models.Index(
                fields=["workspace", "-created_at", "-id"],
                name="dataset_listed",
                condition=Q(deleted_at=None),
            ),
            GinIndex(SearchVector("name", "description", config="simple"), name="dataset_search"),
        ]

    def __str__(self) -> str:
        return self.name

    def rows(self, version: int | None = None) -> ExampleQuerySet:
        """The rows of a version in their order; without one, those of the version that this is."""
        return Example.objects.filter(dataset=self.pk).of_version(version or self.version)

    def rows_there(self) -> ExampleQuerySet:
        """The rows of the newest version in their order, whichever version this is."""
        return Example.objects.filter(dataset=self.pk).there()

    def header(self, version: int | None = None) -> Table:
        """The columns of a version and what they are for, without its rows."""
        columns, roles = self.columns, self.roles
        if version and version != self.version and (then := self.versions.filter(number=version).first()):
            columns, roles = then.columns, then.roles
        if not columns:  # rows that were stored without columns have two
            return Table(("input", "expected"), (), expected="expected", input="input")
        return Table(tuple(columns), (), **roles)

    def table(self, version: int | None = None) -> Table:
        """The rows of a version with their columns, in their order; without one, those of the version that this
        is."""
        return self.header(version).with_rows(example.row for example in self.rows(version))


class DatasetVersion(models.Model):
    """One state of a dataset: what was done to reach it. Never changed; its rows are those of its interval.

    `digest` names its content if it came as a whole: equal uploads are one dataset."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    change = models.CharField(max_length=200, blank=True)
    columns = models.JSONField(default=list, db_default=[], blank=True)
    roles = models.JSONField(default=dict, db_default={}, blank=True)
    row_count = models.PositiveIntegerField(default=0, db_default=0)
    digest = models.CharField(max_length=64, blank=True, default="", db_default="")
    created_at = models.DateTimeField(auto_now_add=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "number"], name="dataset_version_once"),
            models.CheckConstraint(condition=Q(number__gte=1), name="dataset_version_number_from_1"),
        ]
        indexes = [
            models.Index(fields=["digest"], name="dataset_version_digest", condition=~Q(digest="")),
        ]

    def __str__(self) -> str:
        return f"{self.dataset} v{self.number}"


class Upload(models.Model):
    """The file, or the pasted text, that a dataset's rows came from, and how it was read."""

    dataset = models.OneToOneField(Dataset, on_delete=models.CASCADE, related_name="upload")
    name = models.CharField(max_length=255, blank=True)
    content = models.BinaryField()
    encoding = models.CharField(max_length=40, blank=True)
    delimiter = models.CharField(max_length=1, blank=True)
    has_header = models.BooleanField(default=True, db_default=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=Q(content__length__lte=LARGEST_UPLOAD), name="upload_size")
        ]

    def __str__(self) -> str:
        return self.name or "pasted rows"

    @property
    def source(self) -> Source:
        """The same in the words of the reader."""
        return Source(bytes(self.content), self.name, self.encoding, self.delimiter, self.has_header)


class Example(models.Model):
    """One row: its `cells` by column, what people see of its input, what should come out, and how much it counts.
    Where several answers are right, they are `accepted`, and `expected` is the first of them.

    A row is in the versions from `since` on, up to the one before `until`; None: it is still there. It never changes:
    an edit ends it, and begins another at its position. `position` is for the order alone."""

    dataset = models.ForeignKey(Dataset, on_delete=models.CASCADE, related_name="examples", db_index=False)
    position = models.PositiveIntegerField()
    since = models.PositiveIntegerField(default=1, db_default=1)
    until = models.PositiveIntegerField(null=True, blank=True)
    input = models.TextField()
    expected = models.TextField()
    weight = models.FloatField(default=1.0, db_default=1.0)
    cells = models.JSONField(default=dict, db_default={}, blank=True)
    accepted = models.JSONField(default=list, db_default=[], blank=True)
    tags = ArrayField(models.CharField(max_length=TAG_MAX), default=list, db_default=[], blank=True)
    # By hand; "": by the seed.
    split = models.CharField(max_length=8, choices=HandSplit.choices, blank=True, default="", db_default="")

    objects = ExampleQuerySet.as_manager()

    class Meta:
        ordering = ["position"]
        constraints = [
            models.UniqueConstraint(
                fields=["dataset", "position"], condition=Q(until=None), name="example_place_once"
            ),
            models.UniqueConstraint(fields=["dataset", "position", "since"], name="example_place_in_version"),
            models.CheckConstraint(
                condition=Q(since__gte=1) & (Q(until=None) | Q(until__gt=models.F("since"))),
                name="example_since_until_sane",
            ),
            one_of("split", HandSplit, "example_split_known"),
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
        """The row as it was read, with what people said of it."""
        return Row(self.texts, self.expected, tuple(self.accepted), self.weight, self.split)

    @property
    def texts(self) -> dict[str, str]:
        """The texts by column; rows that were stored without columns have two."""
        return self.cells or {"input": self.input, "expected": self.expected}
