"""Templates as files: uploading and downloading them, and the starter library."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from zipfile import ZIP_DEFLATED, ZipFile

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.http import content_disposition_header
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from optimizer.counts import counted
from optimizer.files import FileFaultError
from optimizer.files.folders import Found, written_out
from optimizer.files.templates import TemplateText, as_json, as_markdown, file_name
from optimizer.forms.template_files import ImportForm
from optimizer.models import PromptTemplate, Workspace
from optimizer.services.access import require_writer
from optimizer.services.starters import load_starters
from optimizer.services.template_files import Brought, exported, import_templates
from optimizer.views.requests import AppRequest
from optimizer.views.templates import visible_template
from optimizer.views.workspaces import workspace_of

KINDS = {"md": "text/markdown; charset=utf-8", "json": "application/json", "zip": "application/zip"}


@dataclass(frozen=True)
class Line:
    """What became of one file."""

    name: str
    brought: Sequence[Brought] = ()
    faults: Sequence[str] = ()
    notes: Sequence[str] = field(default=())


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def templates_import(request: AppRequest) -> HttpResponse:
    workspace = workspace_of(request)
    form = ImportForm(request.POST, request.FILES) if request.method == "POST" else ImportForm()
    if not form.is_valid():
        context = {"form": form, "workspace": workspace}
        return render(request, "templates/import.html", context, status=422 if form.is_bound else 200)
    require_writer(user=request.user, workspace_id=workspace.pk)
    copies = form.cleaned_data["copies"]
    lines = [_bring(request, workspace, found, copies=copies) for found in form.found()]
    if any(line.faults or line.notes for line in lines):
        faulty = any(line.faults for line in lines)
        lines.sort(key=lambda line: not line.faults)  # what is wrong comes first
        context = {"form": ImportForm(), "workspace": workspace, "lines": lines}
        return render(request, "templates/import.html", context, status=422 if faulty else 200)
    brought = [one for line in lines for one in line.brought]
    messages.success(request, _in_words(brought))
    return (
        redirect("template-detail", pk=brought[0].template.pk)
        if len(brought) == 1
        else redirect("template-list")
    )


def _bring(request: AppRequest, workspace: Workspace, found: Found, *, copies: bool) -> Line:
    notes = [note for text in found.templates for note in text.notes]
    try:
        brought = import_templates(workspace=workspace, by=request.user, found=found.templates, copies=copies)
    except ValidationError as error:
        return Line(found.name, faults=error.messages)
    return Line(found.name, brought, found.faults, notes)


def _in_words(brought: Iterable[Brought]) -> str:
    """How many became what: `2 templates new, 1 template as it is.`"""
    became = [one.became for one in brought]
    told = [f"{counted(became.count(word), 'template')} {word}" for word in dict.fromkeys(became)]
    return f"Imported: {', '.join(told)}."


@login_required
@never_cache
@require_safe
def template_export(request: AppRequest, pk: int, ending: str) -> HttpResponse:
    """One template as a file. A history that does not fit into Markdown comes as JSON."""
    rows = PromptTemplate.objects.visible_to(request.user).filter(pk=visible_template(request, pk).pk)
    found = exported(rows)
    if not found or ending not in ("md", "json"):
        raise Http404("There is nothing to export.")
    try:
        text = as_markdown(found[0]) if ending == "md" else as_json(found)
    except FileFaultError:
        ending, text = "json", as_json(found)
    return _download(file_name(found[0], ending=f".{ending}"), text.encode(), ending)


@login_required
@never_cache
@require_safe
def templates_export(request: AppRequest, ending: str) -> HttpResponse:
    """All templates of one's workspaces: a zip file of Markdown files, or one JSON file."""
    own = request.user.memberships.values_list("workspace_id", flat=True)
    found = exported(PromptTemplate.objects.visible_to(request.user).filter(workspace_id__in=list(own)))
    if ending not in ("zip", "json"):
        raise Http404("There is nothing to export.")
    content = _zipped(found) if ending == "zip" else as_json(found).encode()
    return _download(f"templates.{ending}", content, ending)


def _zipped(found: Iterable[TemplateText]) -> bytes:
    content = io.BytesIO()
    with ZipFile(content, "w", ZIP_DEFLATED) as archive:
        for name, text in written_out(found, "md").items():
            archive.writestr(name, text)
    return content.getvalue()


def _download(name: str, content: bytes, ending: str) -> HttpResponse:
    disposition = content_disposition_header(as_attachment=True, filename=name)
    return HttpResponse(
        content, content_type=KINDS[ending], headers={"Content-Disposition": disposition or "attachment"}
    )


@login_required
@require_POST
def starters_load(request: AppRequest) -> HttpResponse:
    """The button on an empty page of templates."""
    loaded = load_starters(workspace=workspace_of(request), by=request.user)
    if loaded.new or loaded.renewed:
        told = f"{counted(loaded.new + loaded.renewed, 'template')} of the starter library loaded."
        messages.success(
            request,
            f"{told} Those with rows brought a dataset each. Change them as you like: they are yours.",
        )
    else:
        messages.info(request, "The starter library is here already.")
    return redirect("template-list")
