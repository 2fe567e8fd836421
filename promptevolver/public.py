"""The address under which people reach a deployed site, as far as the settings tell it."""

from __future__ import annotations

from django.conf import settings

LOCAL = {"localhost", "127.0.0.1", "[::1]", "::1"}


def public_url() -> str:
    """SITE_URL, else what HTTPS with CSRF_TRUSTED_ORIGINS or ALLOWED_HOSTS tells; "" where nothing does."""
    if settings.SITE_URL:
        return str(settings.SITE_URL).rstrip("/")
    if not settings.HTTPS:
        return ""
    hosts = (host for host in settings.ALLOWED_HOSTS if not host.startswith("."))
    addresses = [*settings.CSRF_TRUSTED_ORIGINS, *(f"https://{host}" for host in hosts)]
    named = (address for address in addresses if "*" not in address and not is_local(address))
    return next(named, "").rstrip("/")


def is_local(address: str) -> bool:
    return address.partition("://")[2].partition("/")[0] in LOCAL
