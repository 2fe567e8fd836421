"""The configured Ollama servers, as workers and pages call them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from django.conf import settings

from optimizer.llm.lanes import SharedLanes
from optimizer.llm.ollama import OllamaHost
from optimizer.llm.pool import Pool
from optimizer.llm.servers import Host


@contextmanager
def connected() -> Iterator[Pool]:
    """The pool of the configured Ollama servers."""
    pool = Pool(hosts, lambda: SharedLanes(settings.REDIS_URL))
    try:
        yield pool
    finally:
        pool.close()


def hosts() -> Sequence[Host]:
    """The configured Ollama servers."""
    return [
        OllamaHost(
            address,
            slots=settings.OLLAMA_PARALLEL,
            context=settings.OLLAMA_CONTEXT,
            timeout=settings.OLLAMA_TIMEOUT,
        )
        for address in settings.OLLAMA_HOSTS
    ]
