"""What the engine tells, as rows. A replay tells the same again, and writes nothing twice."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import Any, assert_never

from django.db import transaction
from django.db.models import Avg, Count, QuerySet, Sum
from django.utils import timezone

from optimizer.engine import events, guards
from optimizer.models import (
    Candidate,
    Evaluation,
    LLMCall,
    OptimizationSession,
    SessionEvent,
    SessionStatus,
)
from optimizer.models.states import SessionQuerySet
from optimizer.worker.following import Follower
from optimizer.worker.marks import LiveRows

WAITING = "Waiting for Ollama"  # the stage; the page says what to do


class Recorder:
    """Keeps events of a session that a worker holds: `stage`, `follower` and `result` as they are now, the rest as
    rows. What arrives between steps is collected in `live` until that is told to write."""

    def __init__(self, session: OptimizationSession) -> None:
        self.session = session
        self.stage = events.Stage("")  # as it is shown
        self.step = self.stage  # as the search is
        self.follower = Follower()
        self.live = LiveRows(session)
        self.result: events.Finished | None = None
        self.across: events.Across | None = None
        self.compared: events.Compared | None = None
        self.away = ""  # why no server answers
        self.away_since: datetime | None = None
        self.invented: tuple[str, ...] | None = None
        self._leader: int | None = None  # as the log says
        self._seq = SessionEvent.OF_COMPARISON if session.comparing else 0

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
        """The best so far: the leader, or whoever is ahead of the original in a race that has not ended."""
        leader = self.candidates().filter(is_best=True).first()
        return leader if leader and leader.number else self._ahead() or leader

    def _ahead(self) -> Candidate | None:
        """The best of those that ran on as many rows as the original, and were right on more."""
        original = self.candidates().filter(number=0).exclude(score=None).first()
        if original is None:
            return None
        rivals = self.candidates().filter(number__gt=0, dropped=False, score__gt=original.score)
        return rivals.filter(scored_items__gte=original.scored_items).order_by("-score", "number").first()

    def spent(self) -> dict[str, int]:
        """What the session has cost so far, by its ledger: a replayed search counts from 0."""
        return LLMCall.objects.filter(session=self.session).aggregate(
            calls=Count("pk"),
            prompt_tokens=Sum("prompt_tokens", default=0),
            completion_tokens=Sum("completion_tokens", default=0),
        )

    # Each kind of event

    def keep(self, event: events.Event) -> None:
        """Write down what has to stay, and remember what changes all the time."""
        match event:
            case events.Stage():
                self._stage_is(event)
            case events.Writing():
                self.follower.writing(event)
            case events.Beat():
                self._beat(event)
            case events.Tried():
                self._tried(event)
            case events.Spent():
                self._spent(event)
            case events.Proposed():
                self._proposed(event)
            case events.Asked():
                self.live.asked(event)
            case events.Unjudged():
                self.live.unjudged(event)
            case events.Answered():
                self._answered(event)
            case events.Scored():
                self._scored(event)
            case events.Dropped():
                self._dropped(event)
            case events.Leading():
                self._leading(event)
            case events.Rejected():
                self._rejected(event)
            case events.Noted():
                self._log("noted", event.text)
            case events.IterationDone():
                self._iteration_done(event)
            case events.Invented():
                self.invented = event.inputs
            case events.JudgeMeasured():
                self._judge_measured(event)
            case events.Compared():
                self.compared = event
            case events.Finished():
                self.result = event
            case events.Across():
                self.across = event
            case _:
                assert_never(event)

    def _stage_is(self, event: events.Stage) -> None:
        self.away, self.away_since = "", None
        if event.name != self.stage.name:
            self.follower.begin()
        self.stage = self.step = event

    def _beat(self, event: events.Beat) -> None:
        self.stage = self.step
        if event.waiting:
            name = WAITING if event.away else event.waiting[:60]
            self.stage = events.Stage(name, self.step.done, self.step.total)
        self.away = event.waiting if event.away else ""
        self.away_since = (self.away_since or timezone.now()) if event.away else None

    def _tried(self, event: events.Tried) -> None:
        """The log shows each try. They are numbered apart, because a replay has none."""
        tried = SessionEvent.objects.filter(session=self.session, kind="tried")
        if same := tried.filter(data__text=event.fault).first():
            same.data["times"] += 1
            same.save(update_fields=["data"])
            return
        seq = SessionEvent.OF_TRIES + tried.count()
        row = SessionEvent(
            session=self.session, seq=seq, kind="tried", data={"text": event.fault, "times": 1}
        )
        SessionEvent.objects.bulk_create([row], ignore_conflicts=True)

    def _spent(self, event: events.Spent) -> None:
        self.update(**self.spent())

    def _proposed(self, event: events.Proposed) -> None:
        candidate, new = Candidate.objects.update_or_create(
            session=self.session,
            number=event.number,
            defaults={
                "operator": event.operator,
                "components": asdict(event.components),
                "text": event.components.as_text(),
                "system_text": event.components.system_text,
                "messages": [asdict(message) for message in event.components.messages()],
            },
        )
        if new and event.parents:
            candidate.parents.set(self.candidates().filter(number__in=event.parents))

    def _answered(self, event: events.Answered) -> None:
        self.live.answered(event)
        self.follower.answered(event)

    def _scored(self, event: events.Scored) -> None:
        if columns := self.live.scored(event):
            taken = Evaluation.objects.filter(
                candidate__session=self.session, candidate__number=event.number, tokens__gt=0
            ).aggregate(answer_tokens=Avg("tokens"), answer_ms=Avg("ms"))
            self.candidates().filter(number=event.number).update(
                score=event.mean, scored_items=event.items, **taken, **columns
            )

    def _dropped(self, event: events.Dropped) -> None:
        self.live.dropped(event.number)
        self.candidates().filter(number=event.number).update(dropped=True)

    def _leading(self, event: events.Leading) -> None:
        with transaction.atomic():
            self.candidates().filter(is_best=True).exclude(number=event.number).update(is_best=False)
            self.candidates().filter(number=event.number).update(is_best=True, dropped=False)
        if event.number == self._leader:
            return
        self._leader = event.number
        told = (
            f"Candidate {event.number} is the best so far."
            if event.number
            else "The original is ahead of all candidates."
        )
        self._log("leading", told)

    def _rejected(self, event: events.Rejected) -> None:
        text = f" Its text: {event.text}" if event.text.strip() else ""
        self._log("rejected", f"Skipped a rewrite: {guards.in_words(event.reason)}.{text}")

    def _judge_measured(self, event: events.JudgeMeasured) -> None:
        measure = event.measure
        told = {"model": event.model, **asdict(measure), "trusted": measure.trusted, "told": str(measure)}
        self.update(judge=told)
        self._log("judge", str(measure))

    def _iteration_done(self, event: events.IterationDone) -> None:
        self.update(iterations_completed=event.number)
        self._log("iteration", f"Iteration {event.number} of {self.session.iterations} is done.")

    def _log(self, kind: str, text: str) -> None:
        """Lines are numbered by the search, so a replay writes none twice."""
        self._seq += 1
        SessionEvent.objects.bulk_create(
            [SessionEvent(session=self.session, seq=self._seq, kind=kind, data={"text": text})],
            ignore_conflicts=True,
        )
