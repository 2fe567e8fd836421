"""Lists over big tables, and rows that are only read or keep an audit trail."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import or_
from typing import Any, cast

from django.contrib import admin, messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db import router
from django.db.models import Model, ProtectedError, QuerySet, RestrictedError
from django.db.models.deletion import Collector
from django.http import HttpRequest
from django.utils.functional import cached_property

from optimizer.counts import counted
from optimizer.models import User
from optimizer.services.trash import bring_back_for_others

COUNT_MAX = 10_000
HELD_MAX = 20  # rows that are named if they keep another from being deleted


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts to `COUNT_MAX` at most, so that no list is slow because its table is big."""

    @cached_property
    def count(self) -> int:
        rows: QuerySet[Any] = self.object_list  # type: ignore[assignment]
        return rows.order_by()[:COUNT_MAX].count()


class BigList(admin.ModelAdmin):  # type: ignore[type-arg]
    """A list that opens as fast over a million rows: newest first by primary key, nothing counted in full."""

    paginator = BoundedPaginator
    show_full_result_count = False
    list_per_page = 50
    ordering = ["-pk"]

    def get_deleted_objects(  # type: ignore[override]
        self, objs: Sequence[Model], request: HttpRequest
    ) -> tuple[list[str], dict[str, int], set[str], list[str]]:
        """What will be deleted, and how many rows with it. Django's own version loads and lists every row."""
        going = Collector(using=router.db_for_write(self.model))
        held: list[str] = []
        try:
            going.collect(objs)
        except (ProtectedError, RestrictedError) as error:
            held = [_named(row) for row in error.args[1]][:HELD_MAX]
        counts = {kind: len(rows) for kind, rows in going.data.items()} | _counts(going.fast_deletes)
        kinds = [kind for kind, count in counts.items() if count]
        lacking = {
            str(kind._meta.verbose_name) for kind in kinds if not self._may_delete(request, kind, objs)
        }
        told = {str(kind._meta.verbose_name_plural): counts[kind] for kind in kinds}
        return [_named(row) for row in objs], told, lacking, held

    def _may_delete(self, request: HttpRequest, kind: type[Model], objs: Sequence[Model]) -> bool:
        if kind is self.model:
            return all(self.has_delete_permission(request, row) for row in objs)
        page = self.admin_site._registry.get(kind)
        return page is None or page.has_delete_permission(request)


def _counts(found: Sequence[QuerySet[Any]]) -> dict[type[Model], int]:
    """Counts of rows by model. A row that is found in several ways counts once."""
    ways: dict[type[Model], list[QuerySet[Any]]] = {}
    for rows in found:
        ways.setdefault(rows.model, []).append(rows)
    return {kind: reduce(or_, several).count() for kind, several in ways.items()}


def _named(row: Model) -> str:
    return f"{row._meta.verbose_name} {row.pk}: {row}"


class Witness(BigList):
    """What happened: to be read, not written."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class OwnedAdmin(BigList):
    """Keeps the audit trail of rows that belong to a workspace."""

    autocomplete_fields = ["workspace"]
    actions = ["bring_back_from_trash"]
    readonly_fields = ["created_at", "created_by", "updated_at", "updated_by", "deleted_at", "deleted_by"]

    @admin.action(description="Bring back from the trash", permissions=["change"])
    def bring_back_from_trash(self, request: HttpRequest, rows: QuerySet[Any]) -> None:
        """Rows that are not in the trash, or whose place is taken, stay as they are."""
        back = 0
        for row in rows:
            try:
                back += bring_back_for_others(by=cast(User, request.user), row=row)
            except ValidationError as error:
                self.message_user(request, error.message, messages.ERROR)
        self.message_user(request, f"{counted(back, 'row')} brought back.")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.created_by = request.user
        obj.updated_by = request.user
        super().save_model(request, obj, form, change)
