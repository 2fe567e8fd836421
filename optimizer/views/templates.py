"""Templates: the list, a template's page, and what is done there by one press."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.core.signing import BadSignature
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from optimizer.forms.templates import DetailsForm, LabelForm, initial_details
from optimizer.models import PromptTemplate
from optimizer.services.access import may_write
from optimizer.services.meanwhile import ChangedMeanwhileError
from optimizer.services.templates import (
    move_label,
    publish_template,
    restore_version,
)
from optimizer.services.trash import send_to_trash
from optimizer.views.listing import page_of
from optimizer.views.requests import AppRequest, is_number
from optimizer.views.shelf import SCOPES, SORTS, categories_of, shelf_of
from optimizer.views.trash import offer_undo
from optimizer.views.using import rows_of, use_tab, variables_tab
from optimizer.views.versions import Context, compared, lineage, shown_version, versions_page

TABS = {
    "prompt": "Prompt",
    "use": "Try it",
    "variables": "Variables",
    "versions": "Versions",
    "optimizations": "Optimizations",
    "details": "Details",
}
MOVES = 50


@login_required
@never_cache
@require_safe
def template_list(request: AppRequest) -> HttpResponse:
    shelf = shelf_of(request.GET)
    workspaces = list(request.user.memberships.values_list("workspace_id", flat=True))
    visible = PromptTemplate.objects.visible_to(request.user)
    rows = visible.in_scope(shelf.scope, user_id=request.user.pk, workspaces=workspaces)
    try:
        page = page_of(shelf.choose(rows), shelf.order, request.GET.get("cursor", ""))
    except BadSignature as error:
        raise Http404("This list has no such page.") from error
    context = {
        "page": page,
        "shelf": shelf,
        "scopes": SCOPES,
        "sorts": SORTS,
        "filters": urlencode(shelf.chosen),
    }
    template = _list_template(request)
    if template == "templates/list.html":
        context["categories"] = categories_of(rows)
    return render(request, template, context)


def _list_template(request: AppRequest) -> str:
    if not request.htmx or request.htmx.boosted or request.htmx.history_restore_request:
        return "templates/list.html"
    return "templates/_more.html" if request.GET.get("cursor") else "templates/_region.html"


@login_required
@never_cache
@require_safe
def template_detail(request: AppRequest, pk: int) -> HttpResponse:
    return detail(request, visible_template(request, pk), tab=request.GET.get("tab", ""))


def detail(
    request: AppRequest, template: PromptTemplate, *, tab: str, status: int = 200, **more: Any
) -> HttpResponse:
    """The page of a template, open at a tab."""
    shown = tab if tab in TABS else "prompt"
    context: Context = {"template": template, "tabs": TABS, "shown": shown}
    context["may_write"] = may_write(user=request.user, workspace_id=template.workspace_id)
    # Who made what, and in which optimization, is the workspace's own business.
    context["is_member"] = request.user.memberships.filter(workspace=template.workspace_id).exists()
    context |= SECTIONS[shown](request, template) | more
    return render(request, "templates/page.html", context, status=status)


def _prompt(request: AppRequest, template: PromptTemplate) -> Context:
    version = shown_version(request, template)
    return {
        "version": version,
        "rows": rows_of(request.user, template),
        "labels": template.labels.select_related("version").defer("version__text", "version__system_text"),
        "moves": template.label_moves.select_related("created_by")[:MOVES],
        "label_form": LabelForm(initial={"number": version.number if version else None}),
    }


def _versions(request: AppRequest, template: PromptTemplate) -> Context:
    rows = {"rows": rows_of(request.user, template)}
    return versions_page(request, template) | compared(request, template) | rows


def _optimizations(request: AppRequest, template: PromptTemplate) -> Context:
    return lineage(request, template) | {"rows": rows_of(request.user, template)}


def _details(request: AppRequest, template: PromptTemplate) -> Context:
    return {"form": DetailsForm(initial=initial_details(template), categories=own_categories(request))}


SECTIONS: dict[str, Callable[[AppRequest, PromptTemplate], Context]] = {
    "prompt": _prompt,
    "use": use_tab,
    "variables": variables_tab,
    "versions": _versions,
    "optimizations": _optimizations,
    "details": _details,
}


def visible_template(request: AppRequest, pk: int) -> PromptTemplate:
    """404 for one that the person may not see, or that is in the trash."""
    visible = PromptTemplate.objects.visible_to(request.user).defer("words")
    template: PromptTemplate = get_object_or_404(
        visible.select_related("workspace", "created_by", "updated_by"), pk=pk
    )
    return template


def own_categories(request: AppRequest) -> list[str]:
    """What a person may mean by a category: those of their workspaces."""
    workspaces = request.user.memberships.values_list("workspace_id", flat=True)
    visible = PromptTemplate.objects.visible_to(request.user)
    return categories_of(visible.in_scope("", user_id=None, workspaces=workspaces))


@login_required
@require_POST
def template_restore(request: AppRequest, pk: int) -> HttpResponse:
    template = visible_template(request, pk)
    number, base = (request.POST.get(name, "") for name in ("number", "base"))
    if not (is_number(number) and is_number(base)):
        return _refused(request, template, "versions", "Choose a version to restore.")
    try:
        version = restore_version(template=template, by=request.user, base=int(base), number=int(number))
    except ChangedMeanwhileError:
        said = f"Version {template.newest} was saved meanwhile. Look at it, and restore again if you still want to."
        return _refused(request, template, "versions", said, status=409)
    except ValidationError as error:
        return _refused(request, template, "versions", " ".join(error.messages))
    messages.success(request, f"Version {version.number} is saved, with the text of version {number}.")
    return redirect("template-detail", pk=pk)


@login_required
@require_POST
def template_label(request: AppRequest, pk: int) -> HttpResponse:
    template = visible_template(request, pk)
    form = LabelForm(request.POST)
    if form.is_valid():
        try:
            move_label(template=template, by=request.user, **form.cleaned_data)
        except ValidationError as error:
            form.add_error("number", error)
        else:
            return redirect(_back_to_version(request, pk))
    return detail(request, template, tab="prompt", status=422, label_form=form)


def _back_to_version(request: AppRequest, pk: int) -> str:
    shown = request.POST.get("shown", "")
    return reverse("template-detail", args=[pk]) + (f"?version={shown}" if is_number(shown) else "")


@login_required
@require_POST
def template_publish(request: AppRequest, pk: int) -> HttpResponse:
    template, public = visible_template(request, pk), request.POST.get("public") == "1"
    publish_template(template=template, by=request.user, public=public)
    whose = "Everybody here may see and use" if public else "Only its workspace sees"
    messages.success(request, f"{whose} this template now.")
    return redirect("template-detail", pk=pk)


@login_required
@require_POST
def template_delete(request: AppRequest, pk: int) -> HttpResponse:
    template = visible_template(request, pk)
    if send_to_trash(by=request.user, row=template):
        offer_undo(request, template)
    return redirect("template-list")


def _refused(
    request: AppRequest, template: PromptTemplate, tab: str, said: str, status: int = 422
) -> HttpResponse:
    return detail(request, template, tab=tab, status=status, refused=said)
