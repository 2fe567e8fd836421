"""The request as our views see it."""

from __future__ import annotations

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from optimizer.models import User


class AppRequest(HttpRequest):
    """A signed-in person's request, perhaps by htmx."""

    user: User
    htmx: HtmxDetails
