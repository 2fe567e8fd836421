"""The saved things to choose from on the page of a new optimization: templates with their versions, and rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.contrib.auth.decorators import login_required
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from optimizer.forms.examples import datasets_of
from optimizer.forms.optimization import OptimizationForm
from optimizer.models import PromptTemplate, TemplateVersion, User
from optimizer.views.requests import AppRequest, is_number

OFFERED = 50
LONGEST_WORDS = 200  # characters
MANY = 12  # from here on, a search field stands above the list


@dataclass(frozen=True)
class Offered:
    """What there is to choose from, newest first, with the `chosen` one, however old. `gone`: that one is not there
    any more. `many`: they are searched. `words` are what was searched for."""

    rows: list[Any]
    chosen: int = 0
    gone: bool = False
    many: bool = False
    words: str = ""


@dataclass(frozen=True)
class TemplatesOffered(Offered):
    """The same, and the versions of the chosen template, newest first."""

    versions: list[TemplateVersion] = field(default_factory=list)
    version: int = 0


@login_required
@never_cache
@require_safe
def choices_search(request: AppRequest, kind: str) -> HttpResponse:
    """The options of a list, as one types."""
    if kind not in ("dataset", "template"):
        raise Http404("There is no such list.")
    visible = datasets_of(request.user) if kind == "dataset" else templates_of(request.user)
    found = _offered(visible, request.GET.get(kind, ""), request.GET.get(f"{kind}_words", ""))
    return render(request, f"home/_{kind}_options.html", {f"{kind}s": found})


def datasets_offered(form: OptimizationForm, request: AppRequest) -> Offered:
    """The saved rows that the form may take."""
    return offered_datasets(request, str(form["dataset"].value() or ""))


def offered_datasets(request: AppRequest, chosen: str) -> Offered:
    """The same for any form."""
    return _offered(datasets_of(request.user), chosen, request.POST.get("dataset_words", ""))


def templates_offered(form: OptimizationForm, request: AppRequest) -> TemplatesOffered:
    """The templates that the form may begin with."""
    words, chosen = request.POST.get("template_words", ""), str(form["template"].value() or "")
    found = vars(_offered(templates_of(request.user), chosen, words))
    template = next((one for one in found["rows"] if one.pk == found["chosen"]), None)
    version = str(form["version"].value() or "")
    return TemplatesOffered(
        **found,
        versions=list(template.versions.defer("text", "system_text").prefetch_related("labels"))
        if template
        else [],
        version=int(version) if is_number(version) else 0,
    )


def templates_of(user: User) -> QuerySet[PromptTemplate]:
    """Those that a person may use, newest first."""
    visible = PromptTemplate.objects.visible_to(user).only("name", "category", "newest", "workspace_id")
    return visible.order_by("-created_at", "-id")


def _offered(visible: QuerySet[Any], chosen: str, words: str) -> Offered:
    words = words[:LONGEST_WORDS]
    rows = list(visible[: OFFERED + 1])
    many = len(rows) > MANY
    if words.strip():
        rows = list(visible.matching(words)[: OFFERED + 1])  # type: ignore[attr-defined]
    rows = rows[:OFFERED]
    number = int(chosen) if is_number(chosen) else 0
    older = [] if not number or any(row.pk == number for row in rows) else list(visible.filter(pk=number))
    there = any(row.pk == number for row in (*rows, *older))
    return Offered([*older, *rows], number if there else 0, bool(number) and not there, many, words)
