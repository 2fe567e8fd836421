"""Prompt templates with their versions."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import Max, Model
from django.http import HttpRequest

from optimizer.admin.lists import OwnedAdmin
from optimizer.models import PromptTemplate, TemplateVersion


class VersionInline(admin.TabularInline):  # type: ignore[type-arg]
    """Versions are never changed: an edit is a new one."""

    model = TemplateVersion
    fields = ["number", "text", "note"]
    readonly_fields = ["number"]
    extra = 0

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


@admin.register(PromptTemplate)
class TemplateAdmin(OwnedAdmin):
    list_display = [
        "name",
        "category",
        "workspace",
        "is_public",
        "usage_count",
        "average_rating",
        "created_at",
    ]
    list_filter = ["is_public", ("deleted_at", admin.EmptyFieldListFilter)]
    list_select_related = ["workspace"]
    search_fields = ["name", "category"]
    readonly_fields = [*OwnedAdmin.readonly_fields, "usage_count", "average_rating"]
    inlines = [VersionInline]

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """New versions are numbered on from the last."""
        for version in formset.save(commit=False):
            last = version.template.versions.aggregate(last=Max("number"))["last"] or 0
            version.number = last + 1
            version.save()
        for version in formset.deleted_objects:
            version.delete()
