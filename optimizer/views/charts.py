"""The best-so-far chart, as coordinates for an SVG."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from optimizer.models import Candidate

WIDTH, HEIGHT = 560, 240
LEFT, RIGHT, TOP, BOTTOM = 46, 14, 12, 40
TICKS = 6


@dataclass(frozen=True)
class Dot:
    x: float
    y: float
    number: int
    score: float
    rows: int
    dropped: bool
    best: bool


@dataclass(frozen=True)
class Tick:
    at: float
    label: str


@dataclass(frozen=True)
class Chart:
    """Scores of candidates by number, and the best so far as a stepped line."""

    dots: tuple[Dot, ...]
    line: str
    across: tuple[Tick, ...]
    up: tuple[Tick, ...]
    best: float
    width: int = WIDTH
    height: int = HEIGHT
    left: int = LEFT
    right: int = WIDTH - RIGHT
    bottom: int = HEIGHT - BOTTOM


def chart_of(candidates: Iterable[Candidate]) -> Chart | None:
    """Nothing until the first row is scored. The best is the leader. A higher score on fewer rows does not raise the
    line, nor does one that has yet to meet it."""
    scored = [candidate for candidate in candidates if candidate.score_so_far is not None]
    if not scored:
        return None
    last = max(scored[-1].number, 4)
    best = next((candidate for candidate in scored if candidate.is_best), scored[0])
    kept = [c for c in scored if not c.dropped and _level(c) <= _level(best)] or [best]
    return Chart(
        dots=tuple(_dot(candidate, last, candidate is best) for candidate in scored),
        line=" ".join(_steps(kept, last)),
        across=tuple(Tick(_x(number, last), str(number)) for number in _whole_ticks(last)),
        up=tuple(Tick(_y(quarter / 4), f"{quarter * 25} %") for quarter in range(5)),
        best=_level(best),
    )


def _dot(candidate: Candidate, last: int, best: bool) -> Dot:
    score = _level(candidate)
    at = _x(candidate.number, last), _y(score)
    return Dot(*at, candidate.number, score, candidate.rows_so_far, candidate.dropped, best)


def _level(candidate: Candidate) -> float:
    return candidate.score_so_far or 0


def _steps(kept: list[Candidate], last: int) -> Iterator[str]:
    """An SVG path: right to the next candidate, then up if it is better."""
    level = _level(kept[0])
    yield f"M{_x(kept[0].number, last)} {_y(level)}"
    for _, candidate in pairwise(kept):
        level = max(level, _level(candidate))
        yield f"H{_x(candidate.number, last)} V{_y(level)}"
    yield f"H{_x(last, last)}"


def _whole_ticks(last: int) -> range:
    return range(0, last + 1, max(1, -(-last // TICKS)))


def _x(number: int, last: int) -> float:
    return round(LEFT + 8 + (WIDTH - LEFT - RIGHT - 16) * number / last, 1)


def _y(score: float) -> float:
    return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - score), 1)
