"""Workspaces with their members."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from optimizer.admin.lists import BigList
from optimizer.models import Membership, Workspace


class MembershipInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Membership
    autocomplete_fields = ["user"]
    extra = 0


@admin.register(Workspace)
class WorkspaceAdmin(BigList):
    list_display = ["name", "personal_of", "created_at"]
    list_select_related = ["personal_of"]
    search_fields = ["name", "memberships__user__email"]
    readonly_fields = ["personal_of"]
    inlines = [MembershipInline]

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """A personal workspace is deleted with its owner, who cannot start anything without it."""
        personal = obj is not None and obj.personal_of_id is not None
        return not personal and super().has_delete_permission(request, obj)
