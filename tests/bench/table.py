"""Figures, and how they are printed."""

from __future__ import annotations

import math
import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from statistics import median

Row = tuple[str, ...]


@dataclass(frozen=True)
class Timing:
    """What was measured, in seconds each."""

    name: str
    seconds: Sequence[float]

    @property
    def median(self) -> float:
        return median(self.seconds)

    @property
    def p95(self) -> float:
        """The smallest time that 95 of 100 do not exceed."""
        return sorted(self.seconds)[math.ceil(0.95 * len(self.seconds)) - 1]


@dataclass(frozen=True)
class Section:
    """One table, the conditions under which its figures hold, and what became of its aims."""

    title: str
    conditions: str
    head: Row
    rows: Sequence[Row]
    verdicts: Sequence[str]

    def __str__(self) -> str:
        return "\n".join(
            [self.title, self.conditions, "", *aligned([self.head, *self.rows]), "", *self.verdicts]
        )


def aligned(rows: Sequence[Row]) -> list[str]:
    """The first column to the left, figures to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  " + _line(row, widths).rstrip() for row in rows]


def _line(row: Row, widths: Sequence[int]) -> str:
    figures = (text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True))
    return "   ".join([row[0].ljust(widths[0]), *figures])


def ms(seconds: float) -> str:
    return f"{seconds * 1000:.2f}"


def verdict(aim: str, *, failing: Sequence[str]) -> str:
    """One plain line: met, or missed and by what."""
    return f"Aim: {aim}: " + ("met." if not failing else f"MISSED by {'; '.join(failing)}.")


def machine(versions: dict[str, str]) -> str:
    """When and on what: without this the figures say nothing."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    load = ", ".join(f"{load:.1f}" for load in os.getloadavg())
    known = {"Python": platform.python_version()} | versions
    parts = [f"{name} {version}" for name, version in known.items()]
    return (
        f"{datetime.now():%Y-%m-%d %H:%M}   {cores} cores, {platform.machine()}, {sys.platform}; load {load}\n"
        + ", ".join(parts)
    )
