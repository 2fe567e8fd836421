"""A candidate's rows as small marks, and the same in words."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from optimizer.counts import counted
from optimizer.models import Candidate, Mark

UNANSWERED = (Mark.WAITING, Mark.UNJUDGED)


@dataclass(frozen=True)
class Marks:
    """`each` is a class of the style sheet for each row; `words` says the same."""

    each: tuple[str, ...]
    words: str


def marks_of(candidate: Candidate, *, active: bool) -> Marks | None:
    """None if no row was asked for. Once nobody works on it, unjudged rows stay unjudged."""
    marks = [Mark(mark) for mark in candidate.marks if mark != " "]
    if not marks:
        return None
    counts = Counter(_word(mark, active) for mark in marks)
    order = dict.fromkeys(_word(mark, active) for mark in Mark)
    words = ", ".join(f"{counts[word]} {word}" for word in order if counts[word])
    return Marks(tuple(mark.name.lower() for mark in marks), f"{counted(len(marks), 'row')}: {words}")


def _word(mark: Mark, active: bool) -> str:
    return (
        "not judged" if not active and mark is Mark.UNJUDGED else _ended(mark) if not active else mark.label
    )


def _ended(mark: Mark) -> str:
    return "not answered" if mark is Mark.WAITING else mark.label
