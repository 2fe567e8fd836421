"""Optimizations with their candidates."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.text import Truncator

from optimizer.admin.lists import Witness
from optimizer.models import Candidate, OptimizationSession
from optimizer.models.states import STATES

PROMPT_MAX = 60  # characters in a list


class CandidateInline(admin.TabularInline):  # type: ignore[type-arg]
    model = Candidate
    fields = ["number", "operator", "score", "scored_items", "dropped", "is_best", "text"]
    can_delete = False
    extra = 0


class StateFilter(admin.SimpleListFilter):
    """By the words that the pages use."""

    title = "state"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return STATES.items()

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(status=self.value()) if self.value() else queryset


@admin.register(OptimizationSession)
class SessionAdmin(Witness):
    list_display = ["pk", "shortened_prompt", "state", "target_model", "scores", "created_at"]
    list_filter = [
        StateFilter,
        "preset",
        "kept_original",
        "created_at",
        ("deleted_at", admin.EmptyFieldListFilter),
    ]
    list_select_related = ["prompt"]
    search_fields = ["=pk", "=target_model", "=created_by__email"]
    inlines = [CandidateInline]

    @admin.display(description="prompt")
    def shortened_prompt(self, session: OptimizationSession) -> str:
        return Truncator(session.prompt.title).chars(PROMPT_MAX)

    @admin.display(description="state", ordering="status")
    def state(self, session: OptimizationSession) -> str:
        return format_html('<span class="status {}">{}</span>', session.status, session.state)

    @admin.display(description="original, best")
    def scores(self, session: OptimizationSession) -> str:
        if session.baseline_score is None or session.best_score is None:
            return ""
        return f"{100 * session.baseline_score:.0f} %, {100 * session.best_score:.0f} %"
