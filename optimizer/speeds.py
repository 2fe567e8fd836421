"""How fast a model answers on this installation: as its newest calls show, else as a short trial measured it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from itertools import combinations
from statistics import median
from typing import NamedTuple, Self

from django.conf import settings
from django.core.cache import cache

from optimizer.engine.estimate import Speed
from optimizer.llm.base import Reply
from optimizer.models import LLMCall

NEWEST = 200
FEWEST = 12  # calls that a speed is fitted to
SPREAD = 16  # tokens between the shortest and the longest answer: less does not tell what a token takes
ODD = 10  # times the usual deviation: a call in which the model was loaded
FASTEST = 1e6  # tokens a second, where a token costs nothing that can be measured
KEPT = 24 * 3600  # seconds
ASKED = 60  # seconds in which a trial is not asked for again


class Timing(NamedTuple):
    """What one call took."""

    prompt_tokens: int
    completion_tokens: int
    seconds: float

    @classmethod
    def of(cls, reply: Reply) -> Self:
        """The timing of a reply."""
        return cls(reply.prompt_tokens, reply.completion_tokens, reply.duration_ms / 1000)


class Costs(NamedTuple):
    """Seconds of a call, of a token read and of a token written."""

    call: float
    prompt: float
    completion: float

    def of(self, timing: Timing) -> float:
        """What the call should have taken."""
        return self.call + self.prompt * timing.prompt_tokens + self.completion * timing.completion_tokens


def known(model: str) -> Speed | None:
    """The measured speed of one busy slot of the model, or None where it was never measured."""
    return _from_ledger(model) or cache.get(_key(model))


def keep(model: str, timings: Sequence[Timing]) -> None:
    """Remember what a trial measured, if it tells a speed."""
    if speed := fit(timings):
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
    return fit([Timing(prompt, completion, ms / 1000) for prompt, completion, ms in rows])


def fit(timings: Sequence[Timing]) -> Speed | None:
    """The speed that explains the timings best, by least squares; None where they are too few or too alike to tell."""
    lengths = [timing.completion_tokens for timing in timings]
    if len(timings) < FEWEST or max(lengths) - min(lengths) < SPREAD:
        return None
    costs = _costs(_without_odd(timings))
    if costs is None or costs.completion <= 0:
        return None
    slots = settings.OLLAMA_PARALLEL * len(settings.OLLAMA_HOSTS)
    return Speed(
        prompt_per_second=min(FASTEST, 1 / costs.prompt) if costs.prompt else FASTEST,
        completion_per_second=min(FASTEST, 1 / costs.completion),
        slots=slots,
        call_seconds=costs.call,
    )


def _without_odd(timings: Sequence[Timing]) -> Sequence[Timing]:
    costs = _costs(timings)
    if costs is None:
        return timings
    usual = median(abs(timing.seconds - costs.of(timing)) for timing in timings)
    kept = [timing for timing in timings if timing.seconds - costs.of(timing) <= ODD * usual]
    return kept if usual and len(kept) >= FEWEST else timings


def _costs(timings: Sequence[Timing]) -> Costs | None:
    """Least squares with no cost below 0: of all sets of terms that may count, the best that has none below."""
    rows = [(1.0, float(t.prompt_tokens), float(t.completion_tokens)) for t in timings]
    seconds = [timing.seconds for timing in timings]
    found: list[tuple[float, Costs]] = []
    for terms in (terms for size in (1, 2, 3) for terms in combinations(range(3), size)):
        solved = _least_squares([[row[term] for term in terms] for row in rows], seconds)
        if solved and min(solved) >= 0:
            costs = Costs(*(dict(zip(terms, solved, strict=True)).get(term, 0.0) for term in range(3)))
            found.append((sum((t.seconds - costs.of(t)) ** 2 for t in timings), costs))
    return min(found)[1] if found else None


def _least_squares(rows: Sequence[Sequence[float]], wanted: Sequence[float]) -> list[float] | None:
    """By the normal equations; None where the rows do not tell the terms apart."""
    width = range(len(rows[0]))
    table = [
        [_dot((row[i] for row in rows), (row[j] for row in rows)) for j in width]
        + [_dot((row[i] for row in rows), wanted)]
        for i in width
    ]
    for i in width:
        scale = _dot((row[i] for row in rows), (row[i] for row in rows))
        if table[i][i] <= 1e-6 * scale or scale == 0:
            return None
        table[i] = [cell / table[i][i] for cell in table[i]]
        for j in width:
            if j != i:
                table[j] = [a - table[j][i] * b for a, b in zip(table[j], table[i], strict=True)]
    return [line[-1] for line in table]


def _dot(left: Iterable[float], right: Iterable[float]) -> float:
    return sum(a * b for a, b in zip(left, right, strict=True))
