"""What the engine tells, as rows. A replay tells the same again, and writes nothing twice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from functools import cached_property, singledispatchmethod
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from optimizer.engine import events
from optimizer.engine.components import Components, Shot
from optimizer.engine.variables import variables
from optimizer.models import Candidate, Evaluation, OptimizationSession, SessionEvent, SessionStatus, Split
from optimizer.models.sessions import SessionQuerySet

WAITING = "Waiting for Ollama"  # the stage; the page says what to do


class Recorder:
    """Keeps events of a session that a worker holds: `stage`, `text` and `result` as they are now, the rest as rows."""

    def __init__(self, session: OptimizationSession) -> None:
        self.session = session
        self.stage = events.Stage("")
        self.text = ""
        self.result: events.Finished | None = None
        self.invented: tuple[str, ...] | None = None
        self._seq = 0

    def held(self) -> SessionQuerySet:
        """The session's row, while the lease is ours."""
        return OptimizationSession.objects.filter(
            pk=self.session.pk, lease_token=self.session.lease_token, status=SessionStatus.PROCESSING
        )

    def update(self, **fields: Any) -> bool:
        """Change the session's row; False when another worker holds it or it has ended."""
        return bool(self.held().update(**fields))

    def candidates(self) -> QuerySet[Candidate]:
        """What the search has tried."""
        return Candidate.objects.filter(session=self.session)

    def best_candidate(self) -> Candidate | None:
        """The best so far."""
        return self.candidates().filter(is_best=True).first()

    @cached_property
    def _spent_before(self) -> dict[str, int]:
        return self.session.spent_before

    # Each kind of event

    @singledispatchmethod
    def keep(self, event: Any) -> None:
        """Write down what has to stay, and remember what changes all the time."""
        raise TypeError(f"unknown event {event!r}")

    @keep.register
    def _stage_is(self, event: events.Stage) -> None:
        self.stage = event
        self.text = ""

    @keep.register
    def _writing(self, event: events.Writing) -> None:
        self.text = event.text

    @keep.register
    def _beat(self, event: events.Beat) -> None:
        if event.waiting:
            self.stage = events.Stage(WAITING, self.stage.done, self.stage.total)

    @keep.register
    def _spent(self, event: events.Spent) -> None:
        self.update(**{name: spent + self._spent_before[name] for name, spent in asdict(event).items()})

    @keep.register
    def _proposed(self, event: events.Proposed) -> None:
        candidate, new = Candidate.objects.update_or_create(
            session=self.session,
            number=event.number,
            defaults={
                "operator": event.operator,
                "components": asdict(event.components),
                "text": event.components.as_text(),
                "messages": [asdict(message) for message in event.components.messages()],
            },
        )
        if new and event.parents:
            candidate.parents.set(self.candidates().filter(number__in=event.parents))

    @keep.register
    def _scored(self, event: events.Scored) -> None:
        candidate = self.candidates().get(number=event.number)
        Evaluation.objects.bulk_create(
            [
                Evaluation(candidate=candidate, split=event.split, **asdict(outcome))
                for outcome in event.outcomes
            ],
            ignore_conflicts=True,
        )
        if event.split == Split.VALIDATION:
            self.candidates().filter(pk=candidate.pk).update(score=event.mean, scored_items=event.items)

    @keep.register
    def _dropped(self, event: events.Dropped) -> None:
        self.candidates().filter(number=event.number).update(dropped=True)

    @keep.register
    def _leading(self, event: events.Leading) -> None:
        with transaction.atomic():
            self.candidates().filter(is_best=True).exclude(number=event.number).update(is_best=False)
            self.candidates().filter(number=event.number).update(is_best=True, dropped=False)
        self._log("leading", f"Candidate {event.number} is the best so far.")

    @keep.register
    def _rejected(self, event: events.Rejected) -> None:
        self._log("rejected", f"Refused a proposal ({event.reason}): {event.text}")

    @keep.register
    def _noted(self, event: events.Noted) -> None:
        self._log("noted", event.text)

    @keep.register
    def _iteration_done(self, event: events.IterationDone) -> None:
        self.update(iterations_completed=event.number)
        self._log("iteration", f"Iteration {event.number} of {self.session.iterations} is done.")

    @keep.register
    def _invented(self, event: events.Invented) -> None:
        self.invented = event.inputs

    @keep.register
    def _finished(self, event: events.Finished) -> None:
        self.result = event

    def _log(self, kind: str, text: str) -> None:
        """Lines are numbered by the search, so a replay writes none twice."""
        self._seq += 1
        SessionEvent.objects.bulk_create(
            [SessionEvent(session=self.session, seq=self._seq, kind=kind, data={"text": text})],
            ignore_conflicts=True,
        )


def results_of(result: events.Finished) -> dict[str, Any]:
    """The open-ended part of a result, as it is stored."""
    return {
        "improvements": list(result.improvements),
        "metrics": result.rating and asdict(result.rating),
        "original_metrics": result.original_rating and asdict(result.original_rating),
        "comparison": result.comparison and asdict(result.comparison),
        "rejected": dict(result.rejected),
        "caveats": list(result.caveats),
        "used_feedback": list(result.used_evidence),
        "operators": [asdict(operator) for operator in result.operators],
        "position_bias": result.position_bias,
    }


def components_of(stored: Mapping[str, Any]) -> Components:
    """A candidate's components, from how they are stored."""
    shots = tuple(_shot_of(shot) for shot in stored["shots"])
    names = stored.get("variables", variables(stored["instruction"]))
    return Components(
        **{**stored, "shots": shots, "keywords": tuple(stored["keywords"]), "variables": tuple(names)}
    )


def _shot_of(stored: Mapping[str, Any]) -> Shot:
    values = tuple((name, text) for name, text in stored.get("values", ()))
    return Shot(**{**stored, "values": values})
