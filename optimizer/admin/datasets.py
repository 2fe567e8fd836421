"""Datasets as a whole, without their rows."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from optimizer.admin.lists import OwnedAdmin
from optimizer.models import Dataset


@admin.register(Dataset)
class DatasetAdmin(OwnedAdmin):
    list_display = ["name", "workspace", "created_by", "created_at"]
    list_filter = [("deleted_at", admin.EmptyFieldListFilter)]
    list_select_related = ["workspace", "created_by"]
    search_fields = ["name"]
    readonly_fields = [*OwnedAdmin.readonly_fields, "version", "rows"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Rows come through the product's pages, which check them."""
        return False

    def rows(self, dataset: Dataset) -> int:
        return dataset.row_count
