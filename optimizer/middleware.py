"""What is decided before or after any view."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import resolve_url
from django.utils import timezone
from django.utils.deprecation import MiddlewareMixin

from optimizer.services.preferences import preference_of
from optimizer.views.health import healthz


class HealthMiddleware(MiddlewareMixin):
    """Answers `/healthz` under any host name and without TLS, because a load balancer next door asks."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        return healthz(request) if request.path == "/healthz" else None


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
