"""What every row that belongs to people has: a workspace, an audit trail, a way to the trash."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self, cast

from django.conf import settings
from django.db import models
from django.db.models.functions import Length
from django.utils import timezone

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser

    from optimizer.models.users import User

models.TextField.register_lookup(Length)

TEXT_MAX = 10_000


def text_length(field: str, name: str, *, low: int = 1, high: int = TEXT_MAX) -> models.CheckConstraint:
    """A constraint on a text's length in characters; if the least is one, white space alone does not count."""
    condition = models.Q(**{f"{field}__length__lte": high})
    if low:
        condition &= models.Q(**{f"{field}__regex": r"\S"})
    return models.CheckConstraint(condition=condition, name=name)


def one_of(field: str, choices: type[models.TextChoices] | list[str], name: str) -> models.CheckConstraint:
    """A constraint that keeps a column to the values of its list."""
    values = choices if isinstance(choices, list) else choices.values
    return models.CheckConstraint(condition=models.Q(**{f"{field}__in": values}), name=name)


class OwnedQuerySet(models.QuerySet[Any]):
    """The only way to rows that belong to someone."""

    def visible_to(self, user: User | AnonymousUser) -> Self:
        """Rows of the workspaces that the user belongs to, without those in the trash."""
        if not user.is_authenticated:
            return self.none()
        return self.in_workspaces(user.memberships.values_list("workspace_id", flat=True))

    def with_trash(self, user: User) -> Self:
        """Rows of the workspaces that the user belongs to, and those in their trash."""
        return self.filter(workspace_id__in=list(user.memberships.values_list("workspace_id", flat=True)))

    def before(self, value: object, pk: int, *, column: str = "{}.created_at") -> Self:
        """The page after that row, in descending order of a column and the primary key. The column is SQL, where
        {} is the table."""
        return self._placed("<", column, value, pk)

    def down_to(self, value: object, pk: int, *, column: str = "{}.created_at") -> Self:
        """That row and all before it, in the same order."""
        return self._placed(">=", column, value, pk)

    def _placed(self, sign: str, column: str, value: object, pk: int) -> Self:
        """A row comparison, which the index serves. The ORM would write an OR, which the index does not serve."""
        table = self.model._meta.db_table
        where = f"({column.replace('{}', table)}, {table}.id) {sign} (%s, %s)"
        return cast(Self, self.extra(where=[where], params=[value, pk]))  # noqa: S610 (only our own words)

    def in_workspaces(self, workspaces: Iterable[int]) -> Self:
        """Rows of these workspaces, without those in the trash. The query holds their numbers, because PostgreSQL
        chooses an index by them; a join would hide them."""
        return self.filter(workspace_id__in=list(workspaces), deleted_at=None)


class Owned(models.Model):
    """A row that belongs to a workspace. Deleting sends it to the trash first."""

    workspace = models.ForeignKey("optimizer.Workspace", on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    updated_at = models.DateTimeField(auto_now=True)
    updated_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    deleted_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )

    class Meta:
        abstract = True
