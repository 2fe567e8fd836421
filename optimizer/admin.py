"""Django's admin: the whole installation, for its staff, behind the product's own door."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import or_
from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.contrib.auth import forms
from django.contrib.auth.admin import UserAdmin
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db import router
from django.db.models import Max, Model, ProtectedError, QuerySet, RestrictedError
from django.db.models.deletion import Collector
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.text import Truncator

from optimizer.models import (
    Candidate,
    Dataset,
    Feedback,
    Membership,
    OptimizationSession,
    OutputRating,
    PromptTemplate,
    TemplateVersion,
    User,
    Workspace,
)
from optimizer.models.states import STATES

COUNT_MAX = 10_000
PROMPT_MAX = 60  # characters in a list
HELD_MAX = 20  # rows that are named where they keep another from being deleted

admin.site.site_header = "PromptEvolver administration"
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]


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
        """What is to go, and how much goes with it. Django's own would load every row below, and list it."""
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
    """Rows by model; one that is found in several ways counts once."""
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


class OneAddress:
    """An address is one whatever its case."""

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]  # type: ignore[attr-defined]
        others = User.objects.exclude(pk=self.instance.pk)  # type: ignore[attr-defined]
        if others.filter(email__iexact=email).exists():
            raise ValidationError(
                "Somebody has this address already. Change that account, or use another one."
            )
        return email


class NewUserForm(OneAddress, forms.AdminUserCreationForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ["email"]


class UserForm(OneAddress, forms.UserChangeForm):  # type: ignore[type-arg]
    pass


@admin.register(User)
class PersonAdmin(BigList, UserAdmin):  # type: ignore[type-arg]
    form = UserForm
    add_form = NewUserForm
    list_display = ["email", "username", "is_active", "is_staff", "last_login", "date_joined"]
    list_filter = ["is_active", "is_staff", "is_superuser"]
    search_fields = ["email", "username"]
    ordering = ["-pk"]
    fieldsets = [
        (None, {"fields": ["email", "password", "username"]}),
        ("May", {"fields": ["is_active", "is_staff", "is_superuser", "groups", "user_permissions"]}),
        ("When", {"fields": ["last_login", "date_joined"]}),
    ]
    add_fieldsets = [(None, {"fields": ["email", "usable_password", "password1", "password2"]})]
    readonly_fields = ["last_login", "date_joined"]


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
        """A personal workspace goes with its person, who cannot start anything without it."""
        personal = obj is not None and obj.personal_of_id is not None
        return not personal and super().has_delete_permission(request, obj)


class OwnedAdmin(BigList):
    """Keeps the audit trail of rows that belong to a workspace."""

    autocomplete_fields = ["workspace"]
    readonly_fields = ["created_at", "created_by", "updated_at", "updated_by", "deleted_at", "deleted_by"]

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        if not change:
            obj.created_by = request.user
        obj.updated_by = request.user
        super().save_model(request, obj, form, change)


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


@admin.register(Feedback)
class FeedbackAdmin(Witness):
    list_display = ["session", "user", "rating", "is_helpful", "comment_start", "created_at"]
    list_filter = ["rating", "is_helpful", "created_at"]
    list_select_related = ["session", "user"]
    search_fields = ["=user__email", "comment"]

    @admin.display(description="comment")
    def comment_start(self, feedback: Feedback) -> str:
        return feedback.comment[:80]


@admin.register(OutputRating)
class OutputRatingAdmin(Witness):
    list_display = ["session", "user", "is_right", "output_start", "updated_at"]
    list_filter = ["is_right", "updated_at"]
    list_select_related = ["evaluation__candidate__session", "user"]
    search_fields = ["=user__email", "=evaluation__candidate__session__pk"]
    raw_id_fields = ["evaluation"]

    @admin.display(description="optimization")
    def session(self, rating: OutputRating) -> OptimizationSession:
        return rating.evaluation.candidate.session

    @admin.display(description="output")
    def output_start(self, rating: OutputRating) -> str:
        return rating.evaluation.output[:80]


@admin.register(Dataset)
class DatasetAdmin(OwnedAdmin):
    list_display = ["name", "workspace", "created_by", "created_at"]
    list_filter = [("deleted_at", admin.EmptyFieldListFilter)]
    list_select_related = ["workspace", "created_by"]
    search_fields = ["name"]
    readonly_fields = [*OwnedAdmin.readonly_fields, "rows"]

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Rows come through the product's pages, which check them."""
        return False

    def rows(self, dataset: Dataset) -> int:
        return dataset.examples.count()
