"""Trying a template: the form that its variables make, and a model's answer while it is written."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator

from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils.html import escape
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from optimizer.files.declared import filled_in
from optimizer.forms.variables import UseForm
from optimizer.llm.base import Arrival, Request
from optimizer.models import PromptTemplate, TemplateVersion
from optimizer.services.trying import answer, asking, told_of
from optimizer.views.requests import AppRequest
from optimizer.views.templates import detail, visible_template
from optimizer.views.using import Context, declared_in
from optimizer.views.versions import shown_version, version_of

LINES = "application/x-ndjson"
HERE = "<!-- the answer -->"


@login_required
@never_cache
@require_POST
def template_try(request: AppRequest, pk: int) -> HttpResponseBase:
    """Streams the answer: as lines of JSON to a script that asks for them, else as a page."""
    template = visible_template(request, pk)
    version = version_of(template, request.POST.get("version", "")) or shown_version(request, template)
    if version is None:
        return detail(request, template, tab="use", status=422)
    form = UseForm(request.POST, declared=declared_in(template, version))
    if not form.is_valid():
        return _refused(request, template, form, version)
    asked = asking(
        model=form.cleaned_data["model"],
        text=filled_in(version.text, form.values),
        system_text=filled_in(version.system_text, form.values),
    )
    if _by_script(request):
        return _streamed(_as_lines(answer(by=request.user, request=asked)), LINES)
    page = render_to_string("templates/trying.html", _told(template, version, asked), request)
    return _streamed(_as_page(page, answer(by=request.user, request=asked)), "text/html; charset=utf-8")


def _by_script(request: AppRequest) -> bool:
    return LINES in request.headers.get("Accept", "")


def _refused(
    request: AppRequest, template: PromptTemplate, form: UseForm, version: TemplateVersion
) -> HttpResponse:
    """What was typed stands in the form, with what is wrong: the form alone for a script, else its page."""
    if _by_script(request):
        context = {"template": template, "version": version, "use": form}
        return render(request, "templates/_use.html", context, status=422)
    return detail(request, template, tab="use", status=422, version=version, use=form)


def _told(template: PromptTemplate, version: TemplateVersion, asked: Request) -> Context:
    return {"template": template, "version": version, "model": asked.model, "messages_sent": asked.messages}


def _streamed(pieces: AsyncIterator[str], kind: str) -> StreamingHttpResponse:
    """Each piece is sent at once; the header keeps proxies from collecting them."""
    return StreamingHttpResponse(pieces, content_type=kind, headers={"X-Accel-Buffering": "no"})


async def _as_lines(arrivals: AsyncIterator[Arrival]) -> AsyncIterator[str]:
    so_far = ""
    async for arrival in arrivals:
        if told := told_of(arrival, so_far):
            so_far = str(told.get("text", so_far)) + str(told.get("add", ""))
            yield json.dumps(told) + "\n"


async def _as_page(page: str, arrivals: AsyncIterator[Arrival]) -> AsyncIterator[str]:
    """The page up to the place of the answer, the answer, and the rest."""
    above, _, below = page.partition(HERE)
    yield above
    so_far, said = "", ""
    async for arrival in arrivals:
        told = told_of(arrival, so_far)
        if "text" in told and so_far:
            yield "\n\n"
        so_far = str(told.get("text", so_far)) + str(told.get("add", ""))
        if text := f"{told.get('text', '')}{told.get('add', '')}":
            yield escape(text)
        said = str(told.get("failed") or told.get("ended") or "")
        if said:
            yield escape(f"\n\n{said}")
    yield below
