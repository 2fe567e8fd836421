"""Writing templates: a new one, the next version, the details. Of two people at once, the second decides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from optimizer.forms.templates import (
    DetailsForm,
    NewTemplateForm,
    VersionForm,
    initial_details,
    initial_version,
)
from optimizer.models import PromptTemplate, TemplateVersion
from optimizer.services.access import require_writer
from optimizer.services.meanwhile import ChangedMeanwhileError
from optimizer.services.templates import (
    GONE,
    Written,
    change_details,
    create_template,
    save_version,
)
from optimizer.views.diffs import Change, word_diff
from optimizer.views.requests import AppRequest, is_number
from optimizer.views.templates import detail, own_categories, visible_template
from optimizer.views.versions import shown_version, version_of
from optimizer.views.workspaces import workspace_of


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def template_new(request: AppRequest) -> HttpResponse:
    workspace, categories = workspace_of(request), own_categories(request)
    if request.method != "POST":
        form = NewTemplateForm(initial=_copied(request), categories=categories)
        return render(request, "templates/new.html", {"form": form, "workspace": workspace})
    form = NewTemplateForm(request.POST, categories=categories)
    if not form.is_valid():
        return render(request, "templates/new.html", {"form": form, "workspace": workspace}, status=422)
    template = create_template(
        workspace=workspace, by=request.user, details=form.details(), written=form.written
    )
    messages.success(request, f"“{template}” is saved.")
    return redirect("template-detail", pk=template.pk)


def _copied(request: AppRequest) -> dict[str, Any]:
    """What a copy of another template begins with."""
    pk = request.GET.get("copy", "")
    if not is_number(pk):
        return {}
    template = visible_template(request, int(pk))
    copied = {**initial_details(template), **initial_version(shown_version(request, template))}
    return {name: value for name, value in copied.items() if name not in {"edition", "base"}}


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def template_edit(request: AppRequest, pk: int) -> HttpResponse:
    if request.method == "POST":
        return _save(request, pk)
    template = visible_template(request, pk)
    require_writer(user=request.user, workspace_id=template.workspace_id)
    form = VersionForm(initial=initial_version(version_of(template, str(template.newest))))
    return _editor(request, template, form)


def _save(request: AppRequest, pk: int) -> HttpResponse:
    template, form = even_deleted(request, pk), VersionForm(request.POST)
    if not form.is_valid():
        return _editor(request, template, form, status=422)
    base = form.cleaned_data["base"] or 0
    try:
        version = save_version(template=template, by=request.user, base=base, written=form.written)
    except ChangedMeanwhileError:
        return _conflict(request, template, form.written, base)
    except ValidationError as error:
        form.add_error(None, error)
        return _editor(request, template, form, status=422)
    messages.success(request, f"Version {version.number} is saved.")
    return redirect("template-detail", pk=pk)


def even_deleted(request: AppRequest, pk: int) -> PromptTemplate:
    """Who writes while somebody deletes it must not lose the text: the service says that it is gone."""
    own = PromptTemplate.objects.with_trash(request.user).defer("words").filter(pk=pk).first()
    template: PromptTemplate = own or visible_template(request, pk)
    return template


def _editor(
    request: AppRequest, template: PromptTemplate, form: VersionForm, *, status: int = 200, **more: Any
) -> HttpResponse:
    context = {
        "template": template,
        "form": form,
        "gone": template.deleted_at is not None,
        "gone_words": GONE,
    }
    return render(request, "templates/edit.html", context | more, status=status)


@dataclass(frozen=True)
class Conflict:
    """Two texts from one ancestor, None if that is unknown, and what each changed in it. `between` is how mine differs
    from theirs."""

    ancestor: TemplateVersion | None
    theirs: TemplateVersion
    their_changes: list[Change]
    my_changes: list[Change]
    between: list[Change]
    system_texts: dict[str, str]


def _conflict(request: AppRequest, template: PromptTemplate, mine: Written, base: int) -> HttpResponse:
    """The page on which the second of two people decides. Their next save starts from what the first one saved."""
    theirs = template.versions.select_related("created_by").get(number=template.newest)
    if (theirs.text, theirs.system_text) == (mine.text, mine.system_text):
        messages.success(
            request, f"{theirs.created_by} saved the same text meanwhile, as version {theirs.number}."
        )
        return redirect("template-detail", pk=template.pk)
    ancestor = version_of(template, str(base))
    common = ancestor.text if ancestor else ""
    systems = {"theirs": theirs.system_text, "mine": mine.system_text}
    systems |= {"ancestor": ancestor.system_text if ancestor else ""}
    conflict = Conflict(
        ancestor,
        theirs,
        word_diff(common, theirs.text),
        word_diff(common, mine.text),
        word_diff(theirs.text, mine.text),
        systems if len(set(systems.values())) > 1 else {},
    )
    form = VersionForm(_based_on(request.POST, "base", theirs.number))
    return _editor(request, template, form, status=409, conflict=conflict)


def _based_on(typed: QueryDict, name: str, number: int) -> QueryDict:
    again = typed.copy()
    again[name] = str(number)
    return again


@login_required
@require_POST
def template_details(request: AppRequest, pk: int) -> HttpResponse:
    template = even_deleted(request, pk)
    form = DetailsForm(request.POST, categories=own_categories(request))
    status = 422
    if form.is_valid():
        try:
            change_details(
                template=template,
                by=request.user,
                edition=form.cleaned_data["edition"] or 0,
                details=form.details(template),
            )
        except ChangedMeanwhileError:
            form, status = _decide(request, template, form), 409
        except ValidationError as error:
            form.add_error(None, error)
        else:
            messages.success(request, "Saved.")
            return redirect(reverse("template-detail", args=[pk]) + "?tab=details")
    return detail(request, template, tab="details", status=status, form=form)


def _decide(request: AppRequest, template: PromptTemplate, typed: DetailsForm) -> DetailsForm:
    """What was typed, with what somebody else saved meanwhile beside each field that differs."""
    template.refresh_from_db()
    form = DetailsForm(
        _based_on(request.POST, "edition", template.edition), categories=own_categories(request)
    )
    form.is_valid()
    for name in ("name", "category", "tags", "description"):
        theirs, mine = (_in_words(value) for value in (getattr(template, name), typed.cleaned_data[name]))
        if theirs != mine:
            said = f"{template.updated_by} saved “{theirs}” here meanwhile. Save again to keep yours."
            form.add_error(name, said)
    return form


def _in_words(value: Any) -> str:
    return value if isinstance(value, str) else ", ".join(value)
