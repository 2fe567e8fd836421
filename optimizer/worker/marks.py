"""What arrives between two steps of a race: collected, and written when pages are told."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any

from django.db import transaction

from optimizer.engine.events import Answered, Asked, Outcome, Scored, Unjudged
from optimizer.models import Candidate, Evaluation, Mark, OptimizationSession, Split

OPEN = (Mark.WAITING, Mark.UNJUDGED)
OnSplit = tuple[int, str]  # a candidate's number and a split


@dataclass
class LiveScore:
    """How far a candidate is on the rows of the search."""

    marks: dict[int, Mark] = field(default_factory=dict)
    mean: float | None = None
    items: int = 0

    def close(self) -> None:
        """No row is waited for any more."""
        self.marks = {item: mark for item, mark in self.marks.items() if mark not in OPEN}

    def columns(self) -> dict[str, Any]:
        """As a candidate keeps it."""
        last = max(self.marks, default=-1)
        marks = "".join(self.marks.get(item, " ") for item in range(last + 1))
        return {"live_score": self.mean, "live_items": self.items, "marks": marks}


class LiveRows:
    """Answers and marks of a session's candidates. What is written during a step of a race is corrected at its end,
    if the outcome differs."""

    def __init__(self, session: OptimizationSession) -> None:
        self._session = session
        self._keys: dict[int, int] = {}  # of candidates, by number
        self._scores: dict[int, LiveScore] = {}
        self._changed: set[int] = set()
        self._new: dict[OnSplit, list[Outcome]] = {}
        self._written: dict[OnSplit, dict[int, Outcome]] = {}

    def asked(self, event: Asked) -> None:
        """These rows are waited for, and no others."""
        if live := self._moving(event.number, event.split):
            live.close()
            live.marks.update(dict.fromkeys(event.items, Mark.WAITING))

    def unjudged(self, event: Unjudged) -> None:
        """A row is answered, and its score is waited for."""
        if live := self._moving(event.number, event.split):
            live.marks[event.item] = Mark.UNJUDGED

    def answered(self, event: Answered) -> None:
        """A row is answered and scored."""
        self._new.setdefault((event.number, event.split), []).append(event.outcome)
        if live := self._moving(event.number, event.split):
            live.marks[event.outcome.item] = Mark.of(event.outcome.score)
            live.mean, live.items = event.mean, event.items

    def dropped(self, number: int) -> None:
        """No row of the candidate is waited for any more."""
        if number in self._scores:
            self._scores[number].close()
            self._changed.add(number)

    def scored(self, event: Scored) -> dict[str, Any]:
        """Write the outcome of a step of a race. Returns the candidate's new columns."""
        run = event.number, event.split
        self._new.pop(run, None)
        written = self._written.pop(run, {})
        self._write_rows([(run, one) for one in event.outcomes if written.get(one.item) != one])
        live = self._moving(event.number, event.split)
        if live is None:
            return {}
        live.close()
        live.marks.update({one.item: Mark.of(one.score) for one in event.outcomes})
        live.mean, live.items = event.mean, event.items
        self._changed.discard(event.number)
        return live.columns()

    def write(self) -> None:
        """Write all that is new since the last time at once: each commit costs a write to the disk."""
        new, self._new = self._new, {}
        changed, self._changed = self._changed, set()
        if not new and not changed:
            return
        with transaction.atomic():
            self._write_rows([(run, outcome) for run, outcomes in new.items() for outcome in outcomes])
            self._write_scores(changed)
        for run, outcomes in new.items():
            self._written.setdefault(run, {}).update({one.item: one for one in outcomes})

    def _moving(self, number: int, split: str) -> LiveScore | None:
        """The candidate's live score, which is about to change; None on rows that are not of the search."""
        if split != Split.VALIDATION:
            return None
        self._changed.add(number)
        return self._scores.setdefault(number, LiveScore())

    def _write_rows(self, outcomes: Sequence[tuple[OnSplit, Outcome]]) -> None:
        rows: Iterable[Evaluation] = (
            Evaluation(candidate_id=self._key(number), split=split, **vars(outcome))
            for (number, split), outcome in outcomes
        )
        Evaluation.objects.bulk_create(
            rows,
            update_conflicts=True,
            unique_fields=["candidate", "split", "item"],
            update_fields=[field.name for field in fields(Outcome) if field.name != "item"],
        )

    def _write_scores(self, numbers: Iterable[int]) -> None:
        Candidate.objects.bulk_update(
            [Candidate(pk=self._key(number), **self._scores[number].columns()) for number in sorted(numbers)],
            ["live_score", "live_items", "marks"],
        )

    def _key(self, number: int) -> int:
        if number not in self._keys:
            self._keys[number] = Candidate.objects.only("pk").get(session=self._session, number=number).pk
        return self._keys[number]
