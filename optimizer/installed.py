"""The models that this installation's servers have, as a worker last saw them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from django.conf import settings
from django.core.cache import cache

KEPT = 3600  # seconds: the task that refreshes the list may have to wait for long runs


def models() -> list[str]:
    """Their names; empty while nothing is known yet."""
    return list(cache.get(cache_key("models")) or [])


def keep(names: Iterable[str]) -> None:
    """Remember what the servers have."""
    cache.set(cache_key("models"), list(names), KEPT)


def cache_key(*parts: str) -> str:
    """A key for what holds of these servers alone: a terminal may name others than the web process does."""
    where = hashlib.sha256("\n".join(map(str, settings.OLLAMA_HOSTS)).encode()).hexdigest()
    return ":".join([where, *parts])
