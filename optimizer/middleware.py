"""What is decided before or after any view."""

from __future__ import annotations

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import resolve_url
from django.utils.deprecation import MiddlewareMixin

from optimizer.views.health import healthz


class HealthMiddleware(MiddlewareMixin):
    """Answers `/healthz` under any name of the host and without TLS: who asks is a load balancer next door."""

    def process_request(self, request: HttpRequest) -> HttpResponse | None:
        return healthz(request) if request.path == "/healthz" else None


class SignedOutMiddleware(MiddlewareMixin):
    """Answers a part of a page with 401 where a whole one would be sent to sign in: a page cannot be put in the place
    of a part."""

    def process_response(self, request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
        sign_in = f"{resolve_url(settings.LOGIN_URL)}?"
        if request.htmx and response.headers.get("Location", "").startswith(sign_in):  # type: ignore[attr-defined]
            return HttpResponse("Signed out.", status=401)
        return response
