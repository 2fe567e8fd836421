"""Estimated amounts and spans as people say them: from the least to the most that is likely."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10

from optimizer.counts import counted
from optimizer.engine.estimate import Range

UNITS = {"second": 1 / 60, "minute": 1, "hour": 60}  # in minutes


def range_of(told: float | Sequence[float]) -> Range:
    """An amount as a session keeps it; old ones keep a single number."""
    return Range(told, told) if isinstance(told, int | float) else Range(*told)


def rough(count: float) -> int:
    """A number rounded to two significant digits: 447 is 450."""
    return int(round(count, 1 - floor(log10(count)))) if count >= 1 else 0


def rough_range(amount: Range) -> str:
    """Both ends, as in `150 to 450`, or one number if they are the same."""
    ends = dict.fromkeys(rough(end) for end in amount)
    return " to ".join(f"{end:,}" for end in ends)


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
    """Both ends in the unit of the larger one: `4 to 12 minutes`, `1.5 to 6 minutes`."""
    low, high = map(duration, minutes)
    if low == high:
        return high
    (number, unit), (most, larger) = low.split(), high.split()
    if unit.rstrip("s") != larger.rstrip("s"):
        number = f"{_halves(minutes.low, larger):g}"
    if number == "0":
        return f"up to {high}"
    return high if number == most else f"{number} to {high}"


def _halves(minutes: float, unit: str) -> float:
    """Minutes in a larger unit, to the nearest half."""
    return round(minutes / UNITS[unit.rstrip("s")] * 2) / 2
