"""The one-time sign-in link. All other account pages are allauth's."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from optimizer.services import accounts


@require_GET
@never_cache
def sign_in_by_link(request: HttpRequest, token: str) -> HttpResponse:
    """Opening the link is enough, as with notebooks."""
    try:
        accounts.use_sign_in_link(request=request, token=token)
    except accounts.DeadLinkError:
        return render(request, "account/sign_in_link_dead.html", status=410)
    return redirect("home")
