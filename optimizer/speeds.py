"""How fast a model answers on this installation's servers: as its newest calls there show, or a short trial."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from statistics import fmean, median

from django.conf import settings
from django.core.cache import cache
from django.db.models import QuerySet
from django.utils import timezone

from optimizer import installed
from optimizer.counts import counted
from optimizer.engine.speed import FASTEST, Speed, Timing, fit
from optimizer.llm.lanes import lanes_seen
from optimizer.llm.trial import Timed, Trial
from optimizer.models import LLMCall

NEWEST = 40  # calls that count
RECENT = timedelta(hours=6)  # no older call counts: the server had other work then
FRESH = timedelta(hours=1)  # what is older is believed until a trial tells better
LOADED = timedelta(minutes=4)  # a server keeps a model that long after a call, at least
SLOWEST_LOADED = 1000  # milliseconds: what takes longer was loading the model
UNEVEN = 0.5  # above this share of the expected time, calls are so far off that they stood in line
NEW_SHARE = 0.1  # share of a search's calls whose prompt the server has not just read for another row
TOKENS_READ = 10  # while one is written, if nothing shows it
TOLD_APART = 8  # tokens between a long answer and a short one that tell what a token takes
KEPT = 24 * 3600  # seconds
ASKED = 120  # seconds in which a trial is not asked for again
TRIES = 2  # trials that are asked for in vain, while no worker is free
PAUSE = 600  # seconds without a trial after that


@dataclass(frozen=True)
class Measured:
    """A speed, and what it rests on, in words. `fresh` says that no trial would tell better."""

    speed: Speed
    basis: str
    at: datetime
    fresh: bool


def known(model: str) -> Speed | None:
    """The measured speed of one busy slot of the model, or None where it was never measured here."""
    found = measured(model)
    return found.speed if found else None


def measured(model: str) -> Measured | None:
    """By the newest calls, or by a trial if that is newer; None if the model was never measured here."""
    found = [one for one in (_by_calls(model), _by_trial(model)) if one]
    return max(found, key=lambda one: one.at, default=None)


def is_fresh(model: str) -> bool:
    """Whether no trial would tell better than what is known."""
    found = measured(model)
    return found is not None and found.fresh


def keep(model: str, speed: Speed, *, calls: int = 1) -> None:
    """Remember what a trial of so many calls measured."""
    cache.set(_key(model), (speed, calls, timezone.now()), KEPT)


def ask(model: str) -> bool:
    """Whether to ask for a trial: not while one is under way, right after one, or after several in vain."""
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
    return installed.cache_key("trial", kind, model)


# By a trial


def of_trial(trial: Trial) -> Speed:
    """The speed that a trial shows, even if it made only one or two calls."""
    new, again = trial.new or trial.first, trial.again or trial.new or trial.first
    token = _token(again, trial.shorter)
    rest = max(0.0, new.seconds - token * new.reply.completion_tokens)
    # A call of a known prompt reads no more than the first call, which asks for the same with next to no prompt.
    known = trial.again or trial.first
    fixed = min(rest, max(0.0, known.seconds - token * known.reply.completion_tokens))
    reading = NEW_SHARE * (rest - fixed)
    more = _when_busy(trial, again)
    return Speed(
        prompt_per_second=_rate(new.reply.prompt_tokens, reading * more),
        completion_per_second=_rate(1, token * more),
        slots=_slots(),
        call_seconds=fixed * more,
        load_seconds=trial.first.reply.load_ms / 1000,
    )


def _token(long: Timed, short: Timed | None) -> float:
    """Seconds to write a token: judged by a shorter answer, else by how it came in, else by what is usual."""
    written = long.reply.completion_tokens
    shorter = short.reply.completion_tokens if short else written
    if short and written - shorter >= TOLD_APART and long.seconds > short.seconds:
        return (long.seconds - short.seconds) / (written - shorter)
    if written > 1 and long.writing > long.seconds / TOKENS_READ:
        return min(long.writing / (written - 1), long.seconds / written)
    return long.seconds / max(1.0, written + long.reply.prompt_tokens / TOKENS_READ)


def _when_busy(trial: Trial, alone: Timed) -> float:
    """How many times longer a call takes while the other slots are busy."""
    if not trial.together or not alone.seconds:
        return 1.0
    a_slot = trial.elapsed * _slots() / len(trial.together)
    return max(alone.seconds, a_slot, fmean(timed.seconds for timed in trial.together)) / alone.seconds


def _rate(tokens: float, seconds: float) -> float:
    return min(FASTEST, tokens / seconds) if tokens and seconds else FASTEST


def _by_trial(model: str) -> Measured | None:
    kept = cache.get(_key(model))
    if kept is None:
        return None
    speed, calls, at = kept
    loading = 0.0 if _in_use(at) else speed.load_seconds or _loading(model)
    now = replace(speed, slots=_slots(), load_seconds=loading)
    return Measured(now, f"based on a short trial of {counted(calls, 'call')}", at, _is_fresh(at))


# By calls


def _by_calls(model: str) -> Measured | None:
    """By the newest calls, if they tell enough."""
    oldest = timezone.now() - RECENT
    calls = _calls(model).filter(duration_ms__gt=0, created_at__gt=oldest).order_by("-id")[:NEWEST]
    rows = list(
        calls.values_list("created_at", "prompt_tokens", "completion_tokens", "busy_ms", "duration_ms")
    )
    timings = [Timing(prompt, completion, (busy or ms) / 1000) for _, prompt, completion, busy, ms in rows]
    speed = fit(timings, _slots())
    if speed is None:
        return None
    at = rows[0][0]
    loading = 0.0 if _in_use(at) else _loading(model)
    fresh = _is_fresh(at) and not _uneven(timings, speed)
    basis = f"based on its last {counted(len(rows), 'call')}"
    return Measured(replace(speed, load_seconds=loading), basis, at, fresh)


def _calls(model: str) -> QuerySet[LLMCall]:
    """Calls that the configured servers answered."""
    return LLMCall.objects.filter(model=model, reused=False, host__in=map(str, settings.OLLAMA_HOSTS))


def _uneven(timings: Sequence[Timing], speed: Speed) -> bool:
    """Whether calls took sometimes more, sometimes less than their lengths explain, as durations with time in line
    do."""
    told = [(t.seconds, speed.ms(t.prompt_tokens, t.completion_tokens) / 1000) for t in timings]
    return median(abs(took - usual) for took, usual in told) > UNEVEN * median(usual for _, usual in told)


def _loading(model: str) -> float:
    """Seconds that loading the model took last."""
    loads = _calls(model).filter(load_ms__gte=SLOWEST_LOADED).order_by("-id")
    return (loads.values_list("load_ms", flat=True).first() or 0) / 1000


def _in_use(asked_at: datetime) -> bool:
    """Whether a model that was last asked at that time is still loaded."""
    return timezone.now() - asked_at < LOADED


def _is_fresh(at: datetime) -> bool:
    return timezone.now() - at < FRESH


def _slots() -> int:
    """How many calls are answered at once."""
    most = settings.OLLAMA_PARALLEL
    return lanes_seen(settings.REDIS_URL, [str(address) for address in settings.OLLAMA_HOSTS], most)
