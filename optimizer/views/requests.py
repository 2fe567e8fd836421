"""The request as our views see it."""

from __future__ import annotations

from django.http import HttpRequest
from django_htmx.middleware import HtmxDetails

from optimizer.models import User

LONGEST_NUMBER = 18  # digits


class AppRequest(HttpRequest):
    """A signed-in person's request, perhaps by htmx."""

    user: User
    htmx: HtmxDetails


def is_number(text: str) -> bool:
    """Whether the text is a row's number: digits, and no more than the database counts to."""
    return text.isdecimal() and len(text) <= LONGEST_NUMBER
