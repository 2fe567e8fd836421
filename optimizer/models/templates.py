"""Prompts worth using again."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Self, cast

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce, Left

from optimizer.models.base import Owned, OwnedQuerySet, text_length
from optimizer.models.words import words_of

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from optimizer.models.users import User

NAME_MAX, CATEGORY_MAX, DESCRIPTION_MAX, TAG_MAX, TAGS_MAX = 100, 50, 1_000, 30, 20
ABOUT = 160  # characters of a description in a list
RATED = Coalesce(models.F("average_rating"), 0.0)
# The orders of the list by name, each with the largest first.
ORDERS: dict[str, models.F | Coalesce] = {
    "newest": models.F("created_at"),
    "used": models.F("usage_count"),
    "rated": RATED,
}
THERE = Q(deleted_at=None)


class TemplateQuerySet(OwnedQuerySet):
    """Ways to choose templates."""

    def visible_to(self, user: User | AnonymousUser) -> Self:
        """Those of the user's workspaces and public ones, without those in the trash."""
        if not user.is_authenticated:
            return self.none()
        own = list(user.memberships.values_list("workspace_id", flat=True))
        return self.filter(Q(workspace_id__in=own) | Q(is_public=True), deleted_at=None)

    def in_scope(self, scope: str, *, user_id: int | None, workspaces: Iterable[int]) -> Self:
        """Those that a list shows: the person's own ("mine"), everybody's ("public"), else the workspaces'. Each is
        served by an index of its own."""
        if scope == "public":
            return self.filter(is_public=True, deleted_at=None)
        shared = self.in_workspaces(workspaces)
        return shared.filter(created_by=user_id) if scope == "mine" else shared

    def sorted_by(self, order: str) -> Self:
        """In an order of the list, with only what the list shows: no long text is read."""
        column = ORDERS[order]
        listed = (
            "name", "category", "tags", "is_public", "newest", "usage_count", "average_rating", "rating_count",
            "created_at", "workspace_id", "created_by__username", "created_by__email",
        )  # fmt: skip
        rows = self.select_related("created_by").only(*listed)
        return rows.annotate(about=Left("description", ABOUT)).order_by(column.desc(), "-id")

    def count_use(self) -> bool:
        """One use more, whoever else counts at the same time. False if the template is gone."""
        return bool(self.update(usage_count=models.F("usage_count") + 1))

    def rate(self) -> None:
        """Derive the rating from the feedback of the optimizations that came from them. Whoever rates takes turns:
        the lock comes first, so that the second sees what the first one wrote."""
        list(self.select_for_update().order_by("pk").values_list("pk"))
        said = "prompts__sessions__feedback__rating"
        own = PromptTemplate.objects.filter(pk=models.OuterRef("pk"))
        own = own.annotate(mean=models.Avg(said), count=models.Count(said))
        self.update(
            average_rating=models.Subquery(own.values("mean")),
            rating_count=models.Subquery(own.values("count")),
        )

    def find_again(self) -> None:
        """Keep the words that the search finds them by. Call it where their rows were changed, and are locked."""
        for template in self.defer("words"):
            newest = template.versions.filter(number=template.newest).values_list("text", "system_text")
            said = template.name, template.category, template.description, *template.tags
            found = words_of(*said, *(text for pair in newest for text in pair))
            self.filter(pk=template.pk).update(words=_vector(found))

    def matching(self, words: str) -> Self:
        """Those with all these words, or with words that begin so, in name, text, tags, category or description."""
        terms = [f"'{word}':*" for word in words_of(words)]
        if not terms:
            return self
        where = f"{self.model._meta.db_table}.words @@ %s::tsquery"
        return cast(Self, self.extra(where=[where], params=[" & ".join(terms)]))  # noqa: S610 (words only)


def _vector(words: list[str]) -> models.Func:
    return models.Func(
        models.Value(words, output_field=ArrayField(models.TextField())),
        function="array_to_tsvector",
        output_field=SearchVectorField(),
    )


def _indexes() -> Iterable[models.Index]:
    """Each order of the list, for each of its three scopes."""
    scopes = {
        "": ("workspace", THERE),
        "_anywhere": ("", THERE),  # for who is in several workspaces
        "_mine": ("created_by", THERE),
        "_public": ("", THERE & Q(is_public=True)),
    }
    for order, column in ORDERS.items():
        for scope, (first, condition) in scopes.items():
            columns = [models.F(first)] if first else []
            yield models.Index(
                *columns,
                column.desc(),
                models.F("id").desc(),
                name=f"template_{order}{scope}",
                condition=condition,
            )


class PromptTemplate(Owned):
    """A reusable prompt. Its text is that of version `newest`. `variables` say what fills its text: a list of
    {"name", "kind", "default", "help", "choices"}. `words` are what the search finds it by."""

    name = models.CharField(max_length=NAME_MAX)
    category = models.CharField(max_length=CATEGORY_MAX, blank=True)
    description = models.TextField(blank=True)
    tags = ArrayField(models.CharField(max_length=TAG_MAX), default=list, blank=True)
    variables = models.JSONField(default=list, db_default=[], blank=True)
    is_public = models.BooleanField(default=False)
    # The number of the newest version. An edit is an UPDATE … WHERE newest = what the editor saw.
    newest = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    # Counts the changes of all that is not versioned; they are compared and set in the same way.
    edition = models.PositiveIntegerField(default=1, db_default=1, editable=False)
    usage_count = models.PositiveIntegerField(default=0)
    average_rating = models.FloatField(null=True, blank=True)
    rating_count = models.PositiveIntegerField(default=0, db_default=0, editable=False)
    words = SearchVectorField(null=True, editable=False)

    objects = TemplateQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(average_rating=None) | Q(average_rating__range=(1, 5)),
                name="template_rating_1_to_5",
            ),
            models.CheckConstraint(condition=Q(name__regex=r"\S"), name="template_has_name"),
            text_length("description", "template_description_length", low=0),
            models.CheckConstraint(condition=Q(tags__len__lte=TAGS_MAX), name="template_tags_at_most"),
        ]
        indexes = [
            *_indexes(),
            models.Index(fields=["workspace", "category"], name="template_by_category", condition=THERE),
            GinIndex(fields=["tags"], name="template_by_tag"),
            GinIndex(fields=["words"], name="template_search"),
        ]

    def __str__(self) -> str:
        return self.name
