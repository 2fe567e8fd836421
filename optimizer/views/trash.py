"""Undo: a message after deleting, and the way back that its button goes."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from optimizer.models.base import Owned
from optimizer.services.trash import KINDS, bring_back, kind_of
from optimizer.views.requests import AppRequest


def offer_undo(request: AppRequest, row: Owned) -> None:
    """Tell on the next page that the row is deleted, with a button that brings it back."""
    messages.success(request, f"“{row}” is deleted.", extra_tags=f"undo {kind_of(row)} {row.pk}")


@login_required
@require_POST
def trash_bring_back(request: AppRequest, kind: str, pk: int) -> HttpResponse:
    """Pressing it twice does no harm."""
    if kind not in KINDS:
        raise Http404("Nothing of that kind is ever deleted.")
    row = get_object_or_404(KINDS[kind].objects.with_trash(request.user), pk=pk)  # type: ignore[attr-defined]
    try:
        bring_back(by=request.user, row=row)
    except ValidationError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, f"“{row}” is back.")
    return redirect(_page_before(request))


def _page_before(request: AppRequest) -> str:
    """The page with the button, if it is one of ours."""
    page = request.POST.get("next", "")
    ours = url_has_allowed_host_and_scheme(page, {request.get_host()}, require_https=request.is_secure())
    return page if page.startswith("/") and ours else "home"
