"""The front of accuracy and cost: the candidates that no cheaper one matches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from optimizer.models.candidates import Candidate


def front_of(candidates: Iterable[Candidate]) -> list[Candidate]:
    """The candidates whose score no candidate with fewer tokens an answer reaches, the cheapest first.

    Only those count that ran on the most search rows: scores on fewer rows cannot be compared with theirs.
    """
    scored = [one for one in candidates if one.score is not None and one.answer_tokens is not None]
    most = max((one.scored_items for one in scored), default=0)
    front: list[Candidate] = []
    for one in sorted((one for one in scored if one.scored_items == most), key=_cheap_and_good):
        if not front or (one.score or 0) > (front[-1].score or 0):
            front.append(one)
    return front


def _cheap_and_good(candidate: Candidate) -> tuple[float, float, int]:
    return candidate.answer_tokens or 0, -(candidate.score or 0), candidate.number


def front_summaries(candidates: Iterable[Candidate]) -> list[dict[str, Any]]:
    """The front as `--json` lists it."""
    return [
        {
            "number": one.number,
            "score": one.score,
            "answer_tokens": one.answer_tokens,
            "answer_seconds": one.answer_seconds,
        }
        for one in front_of(candidates)
    ]
