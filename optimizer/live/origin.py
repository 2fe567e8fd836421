"""Which pages may open a socket: those of this site, from its own host and port."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.http.request import validate_host

Application = Callable[[Mapping[str, Any], Any, Any], Awaitable[Any]]
PORTS = {"http": 80, "https": 443}


class SameOrigin:
    """Refuses a socket whose page comes from another host or port. Channels' own validator accepts every port."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.denier = WebsocketDenier()

    async def __call__(self, scope: Mapping[str, Any], receive: Any, send: Any) -> Any:
        headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
        admitted = is_own(headers.get(b"origin", ""), headers.get(b"host", ""))
        return await (self.application if admitted else self.denier)(scope, receive, send)


def is_own(origin: str, host: str) -> bool:
    """Whether a page from this origin may talk to the site under this host: `https://example.org`, `example.org`. A
    proxy may end TLS, so that only the page knows the scheme, and with it the port that is not written."""
    if origin in settings.CSRF_TRUSTED_ORIGINS:
        return True
    try:
        page = urlsplit(origin)
        usual = PORTS.get(page.scheme)
        asked = urlsplit(f"//{host}")
        same = page.hostname == asked.hostname and (page.port or usual) == (asked.port or usual)
    except ValueError:
        return False
    name = asked.hostname or ""
    return bool(usual and same) and validate_host(f"[{name}]" if ":" in name else name, _allowed())


def _allowed() -> list[str]:
    """As Django does for requests."""
    local = [".localhost", "127.0.0.1", "[::1]"] if settings.DEBUG and not settings.ALLOWED_HOSTS else []
    return [*settings.ALLOWED_HOSTS, *local]
