"""All optimizations in a person's workspaces."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.core.signing import BadSignature
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from optimizer.models import OptimizationSession, Prompt, SessionStatus
from optimizer.models.states import STATES
from optimizer.views.listing import Page, listed_page
from optimizer.views.requests import AppRequest


@login_required
@never_cache
@require_safe
def history(request: AppRequest) -> HttpResponse:
    words = request.GET.get("q", "").replace("\0", "").strip()[:200]
    status = request.GET.get("status", "")
    status = status if status in SessionStatus.values else ""
    page = _page(request, words, status)
    context = {"page": page, "words": words, "status": status, "statuses": STATES.items()}
    filters = urlencode({name: value for name, value in {"q": words, "status": status}.items() if value})
    return render(request, _template(request), context | {"filters": filters})


def _page(request: AppRequest, words: str, status: str) -> Page:
    visible = OptimizationSession.objects.visible_to(request.user)
    prompts = Prompt.objects.visible_to(request.user).matching(words) if words else None
    try:
        return listed_page(visible, prompts=prompts, status=status, cursor=request.GET.get("cursor", ""))
    except BadSignature as error:
        raise Http404("This list has no such page.") from error


def _template(request: AppRequest) -> str:
    if not request.htmx or request.htmx.boosted or request.htmx.history_restore_request:
        return "history/page.html"
    return "history/_more.html" if request.GET.get("cursor") else "history/_region.html"
