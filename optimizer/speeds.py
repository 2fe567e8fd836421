"""How fast a model answers on this installation: as its newest calls show, else as a short trial measured it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from django.conf import settings
from django.core.cache import cache

from optimizer.engine.speed import Speed, Timing, fit
from optimizer.models import LLMCall

NEWEST = 200
KEPT = 24 * 3600  # seconds
ASKED = 60  # seconds in which a trial is not asked for again


def known(model: str) -> Speed | None:
    """The measured speed of one busy slot of the model, or None where it was never measured."""
    return _from_ledger(model) or cache.get(_key(model))


def keep(model: str, timings: Sequence[Timing]) -> None:
    """Remember what a trial measured, if it tells a speed."""
    if speed := _fitted(timings):
        cache.set(_key(model), speed, KEPT)


def ask(model: str) -> bool:
    """Whether a trial is worth sending for: not while one is under way, nor right after one."""
    return bool(cache.add(_key(model, "asked"), True, ASKED))


def answer(model: str) -> None:
    """The trial that was asked for is over."""
    cache.set(_key(model, "asked"), False, ASKED)


def awaited(model: str) -> bool:
    """Whether a trial is under way."""
    return bool(cache.get(_key(model, "asked")))


def _key(model: str, kind: str = "") -> str:
    where = hashlib.sha256("\n".join([model, *settings.OLLAMA_HOSTS]).encode()).hexdigest()
    return f"speed:{where}:{kind}"


def _from_ledger(model: str) -> Speed | None:
    calls = LLMCall.objects.filter(model=model, reused=False, duration_ms__gt=0).order_by("-id")
    rows = calls.values_list("prompt_tokens", "completion_tokens", "duration_ms")[:NEWEST]
    return _fitted([Timing(prompt, completion, ms / 1000) for prompt, completion, ms in rows])


def _fitted(timings: Sequence[Timing]) -> Speed | None:
    return fit(timings, settings.OLLAMA_PARALLEL * len(settings.OLLAMA_HOSTS))
