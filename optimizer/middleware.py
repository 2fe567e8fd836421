"""What is decided before or after any view."""

from __future__ import annotations

from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import REDIRECT_FIELD_NAME as NEXT
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, QueryDict
from django.shortcuts import resolve_url
from django.utils import timezone
from django.utils.deprecation import MiddlewareMixin
from django.views.defaults import page_not_found

from optimizer.services.preferences import preference_of
from optimizer.views.health import healthz


class HealthMiddleware(MiddlewareMixin):
    """Answers `/healthz` under any host name and without TLS, because a load balancer next door asks."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        return healthz(request) if request.path == "/healthz" else None


class OddRequestMiddleware(MiddlewareMixin):
    """Keeps from views what only a program sends: NUL in an address, and a place to go next that is no address."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        if "\0" in request.path_info:
            return page_not_found(request, Http404("There is no such address."))
        request.GET = _without_bad_next(request.GET)  # type: ignore[assignment]
        if request.method == "POST" and NEXT in request.POST:
            request.POST = _without_bad_next(request.POST)  # type: ignore[assignment]
        return None


def _without_bad_next(given: QueryDict) -> QueryDict:
    """The same, without a place to go next that cannot be read as an address."""
    if all(map(_is_address, given.getlist(NEXT))):
        return given
    kept = given.copy()
    del kept[NEXT]
    return kept


def _is_address(text: str) -> bool:
    try:
        urlsplit(text).port  # noqa: B018  a ValueError tells that there is none
    except ValueError:
        return False
    return "\0" not in text


class SignedOutMiddleware(MiddlewareMixin):
    """Answers a request for a part of a page with 401, not with a redirect to sign in: a whole page cannot replace a
    part."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        sign_in = f"{resolve_url(settings.LOGIN_URL)}?"
        if request.htmx and response.headers.get("Location", "").startswith(sign_in):  # type: ignore[attr-defined]
            return HttpResponse("Signed out.", status=401)
        return response


class PreferenceMiddleware(MiddlewareMixin):
    """Gives every page its reader's preferences (`request.preference`), and tells times in the zone that they chose."""

    def process_request(self, request: HttpRequest) -> None:
        timezone.deactivate()
        if not request.user.is_authenticated:
            return
        request.preference = preference_of(request.user)  # type: ignore[attr-defined]
        if zone := request.preference.zone:  # type: ignore[attr-defined]
            timezone.activate(zone)

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        timezone.deactivate()
        return response
