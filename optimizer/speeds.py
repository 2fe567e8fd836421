"""How fast a model answers on this installation: as its newest calls show, else as a short trial measured it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from statistics import median

from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from optimizer import installed
from optimizer.engine.speed import FASTEST, SPREAD, Speed, Timing, fit
from optimizer.llm.base import Reply
from optimizer.llm.trial import Trial
from optimizer.models import LLMCall

NEWEST = 200
NEW_SHARE = 0.1  # of a search's calls: their prompt is not one that the server has just read for another row
KEPT = 24 * 3600  # seconds
ASKED = 60  # seconds in which a trial is not asked for again
TRIES = 2  # trials that are asked for in vain, while no worker is free
PAUSE = 600  # seconds without a trial after that


def known(model: str) -> Speed | None:
    """The measured speed of one busy slot of the model, or None where it was never measured."""
    return _from_ledger(model) or cache.get(_key(model))


def keep(model: str, speed: Speed | None) -> None:
    """Remember what a trial measured, if it told a speed."""
    if speed:
        cache.set(_key(model), speed, KEPT)


def ask(model: str) -> bool:
    """Whether a trial is worth sending for: not while one is under way, right after one, or after some in vain."""
    tries = cache.get(_key(model, "tries"), 0)
    if tries >= TRIES or not cache.add(_key(model, "asked"), True, ASKED):
        return False
    cache.set(_key(model, "tries"), tries + 1, PAUSE)
    return True


def answer(model: str) -> None:
    """The trial that was asked for is over."""
    cache.set(_key(model, "asked"), False, ASKED)
    cache.delete(_key(model, "tries"))


def given_up(model: str) -> bool:
    """Whether trials were asked for in vain, and none is now."""
    return not awaited(model) and cache.get(_key(model, "tries"), 0) >= TRIES


def awaited(model: str) -> bool:
    """Whether a trial is under way."""
    return bool(cache.get(_key(model, "asked")))


def _key(model: str, kind: str = "") -> str:
    return installed.cache_key("speed", kind, model)


def of_trial(trial: Trial) -> Speed | None:
    """The speed that a trial shows: its kinds of calls differ in one thing each. None where too little was written."""
    new, again, longer = map(_usual, (trial.new, trial.again, trial.longer))
    written = longer.completion_tokens - again.completion_tokens
    writing = (longer.duration_ms - again.duration_ms) / 1000
    if written < SPREAD or writing <= 0:
        return None
    reading = max(0.0, new.duration_ms - again.duration_ms) / 1000 * NEW_SHARE
    return Speed(
        prompt_per_second=min(FASTEST, again.prompt_tokens / reading) if reading else FASTEST,
        completion_per_second=min(FASTEST, written / writing),
        slots=_slots(),
        call_seconds=max(0.0, again.duration_ms / 1000 - again.completion_tokens * writing / written),
    )


def _usual(replies: Sequence[Reply]) -> Reply:
    """One that stands for all: with the medians of what was counted and timed."""
    return Reply(
        "",
        prompt_tokens=round(median(reply.prompt_tokens for reply in replies)),
        completion_tokens=round(median(reply.completion_tokens for reply in replies)),
        duration_ms=round(median(reply.duration_ms for reply in replies)),
    )


def _from_ledger(model: str) -> Speed | None:
    """By the newest calls, none older than a trial would be kept: the server may have been another then."""
    oldest = timezone.now() - timedelta(seconds=KEPT)
    calls = LLMCall.objects.filter(model=model, reused=False, duration_ms__gt=0).order_by("-id")
    rows = calls.values_list("created_at", "prompt_tokens", "completion_tokens", "duration_ms")[:NEWEST]
    timings = [Timing(prompt, completion, ms / 1000) for at, prompt, completion, ms in rows if at > oldest]
    return fit(timings, _slots())


def _slots() -> int:
    return settings.OLLAMA_PARALLEL * len(settings.OLLAMA_HOSTS)
