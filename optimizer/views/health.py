"""Whether this process can serve pages."""

from __future__ import annotations

from collections.abc import Callable

from django.core.cache import cache
from django.db import connection
from django.http import HttpRequest, JsonResponse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@never_cache
@require_safe
def healthz(request: HttpRequest) -> JsonResponse:
    """200 when the database and the broker answer, else 503 naming which does not."""
    parts = {"database": _answers(_ask_database), "broker": _answers(_ask_broker)}
    well = all(parts.values())
    words = {name: "ok" if answers else "does not answer" for name, answers in parts.items()}
    return JsonResponse({"status": "ok" if well else "down"} | words, status=200 if well else 503)


def _answers(ask: Callable[[], object]) -> bool:
    try:
        ask()
    except Exception:  # whatever it is, this part does not answer
        return False
    return True


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _ask_broker() -> None:
    cache.get("healthz")
