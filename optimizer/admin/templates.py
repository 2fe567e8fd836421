"""Prompt templates with their versions."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.db.models import F, Model, QuerySet
from django.http import HttpRequest

from optimizer.admin.lists import OwnedAdmin
from optimizer.models import PromptTemplate, TemplateLabel, TemplateVersion


class VersionInline(admin.TabularInline):  # type: ignore[type-arg]
    """Versions are never changed: an edit is a new one."""

    model = TemplateVersion
    fields = ["number", "text", "system_text", "note", "source"]
    readonly_fields = ["number", "source"]
    can_delete = False
    extra = 0

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class LabelInline(admin.TabularInline):  # type: ignore[type-arg]
    """Labels are moved on the template's page, which keeps who did it."""

    model = TemplateLabel
    fields = ["name", "version"]
    readonly_fields = ["name", "version"]
    can_delete = False
    extra = 0

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
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
    readonly_fields = [
        *OwnedAdmin.readonly_fields, "variables", "newest", "usage_count", "average_rating", "rating_count"
    ]  # fmt: skip
    inlines = [VersionInline, LabelInline]

    def get_inlines(self, request: HttpRequest, obj: Model | None) -> list[Any]:
        return self.inlines if obj else [VersionInline]

    def get_queryset(self, request: HttpRequest) -> QuerySet[PromptTemplate]:
        rows: QuerySet[PromptTemplate] = super().get_queryset(request).defer("words")
        return rows

    def save_model(self, request: HttpRequest, obj: PromptTemplate, form: Any, change: bool) -> None:
        """Only what was changed is written: uses and ratings are counted meanwhile."""
        if not change:
            super().save_model(request, obj, form, change)
            return
        obj.updated_by, obj.edition = request.user, F("edition") + 1  # type: ignore[assignment]
        obj.save(update_fields=[*form.changed_data, "edition", "updated_by", "updated_at"])

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        super().save_related(request, form, formsets, change)
        PromptTemplate.objects.filter(pk=form.instance.pk).find_again()

    def save_formset(self, request: HttpRequest, form: Any, formset: Any, change: bool) -> None:
        """New versions are numbered on from the last."""
        rows = PromptTemplate.objects.filter(pk=form.instance.pk)
        for version in formset.save(commit=False):
            rows.update(newest=F("newest") + 1)
            version.number, version.created_by = rows.values_list("newest", flat=True).get(), request.user
            version.save()
