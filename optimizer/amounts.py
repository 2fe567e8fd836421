"""Estimated amounts and spans as people say them: from the least to the most that is likely."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10

from optimizer.counts import counted
from optimizer.engine.estimate import Range


def range_of(told: float | Sequence[float]) -> Range:
    """An amount as a session keeps it; old ones keep a single number."""
    return Range(told, told) if isinstance(told, int | float) else Range(*told)


def rough(count: float) -> int:
    """A number rounded to two significant digits: 447 is 450."""
    return int(round(count, 1 - floor(log10(count)))) if count >= 1 else 0


def rough_range(amount: Range) -> str:
    """Both ends with a dash between them, or one number if they are the same."""
    ends = dict.fromkeys(rough(end) for end in amount)
    return "–".join(f"{end:,}" for end in ends)


def counted_range(amount: Range, noun: str) -> str:
    """Both ends, and what is counted."""
    low, high = map(rough, amount)
    return counted(high, noun) if low == high else f"{rough_range(amount)} {noun}s"


def duration(minutes: float) -> str:
    """A span as people say it: `40 seconds`, `4 minutes`, `3 hours`."""
    if minutes < 1.5:
        seconds = max(5, round(minutes * 12) * 5)
        return counted(seconds, "second")
    return counted(round(minutes), "minute") if minutes < 120 else counted(round(minutes / 60), "hour")


def duration_range(minutes: Range) -> str:
    """Both ends with a dash, or `40 seconds to 2 minutes`."""
    low, high = map(duration, minutes)
    if low == high:
        return high
    (number, unit), (_, larger) = low.split(), high.split()
    return f"{number}–{high}" if unit.rstrip("s") == larger.rstrip("s") else f"{low} to {high}"
