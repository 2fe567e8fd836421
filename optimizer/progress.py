"""What a worker may write: claim a session, record what the engine tells, finish. Nothing else writes these rows."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from datetime import timedelta
from functools import singledispatchmethod
from typing import Any
from uuid import uuid4

from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from optimizer.engine import events, finish
from optimizer.engine.components import Components, Shot
from optimizer.llm.base import CallFailed, Reply, Request
from optimizer.models import (
    Candidate,
    Evaluation,
    LLMCall,
    OptimizationSession,
    Prompt,
    PromptStatus,
    SessionEvent,
    SessionStatus,
    Split,
)
from optimizer.models.sessions import SessionQuerySet
from optimizer.topics import publish

LEASE = timedelta(seconds=settings.LEASE_SECONDS)
MOST_ATTEMPTS = 3
TICK = 0.25  # seconds between two writes of what changes all the time

log = logging.getLogger(__name__)


def live_text(session_id: int) -> str:
    """The text that a model is writing for the session now."""
    return str(cache.get(_text_key(session_id), ""))


def claim(session_id: int) -> Run | None:
    """The right to work on a session, until the lease lapses; None if it is not to be had."""
    token, now = uuid4(), timezone.now()
    taken = (
        OptimizationSession.objects.claimable()
        .filter(pk=session_id)
        .update(
            status=SessionStatus.PROCESSING,
            lease_token=token,
            lease_until=now + LEASE,
            attempts=F("attempts") + 1,
        )
    )
    if not taken:
        return None
    OptimizationSession.objects.filter(pk=session_id, started_at=None).update(started_at=now)
    session = OptimizationSession.objects.select_related("prompt", "dataset").get(pk=session_id)
    Prompt.objects.filter(pk=session.prompt_id).update(status=PromptStatus.PROCESSING)
    run = Run(session)
    if session.attempts > MOST_ATTEMPTS:
        run.fail(
            "poison",
            f"The worker died {MOST_ATTEMPTS} times at this optimization. See its log, then run it again.",
        )
        return None
    run.publish()
    return run


def reopen(session_id: int) -> bool:
    """Make a stopped or failed session claimable again. What it paid for stays in the ledger."""
    ended = OptimizationSession.objects.filter(
        pk=session_id, status__in=[SessionStatus.CANCELLED, SessionStatus.FAILED]
    )
    return bool(
        ended.update(
            status=SessionStatus.PENDING,
            finished_at=None,
            stop_requested_at=None,
            attempts=0,
            finish_reason="",
            error_code="",
            error_message="",
        )
    )


class Run:
    """A claimed session. Every write holds only while the lease is ours."""

    def __init__(self, session: OptimizationSession) -> None:
        self.session = session
        self.result: events.Finished | None = None
        self._seq = 0
        self._stage = events.Stage("")
        self._best = 0
        self._text = ""
        self._paid = False
        self._next_tick = 0.0

    def record(self, event: events.Event) -> bool:
        """Keep what the engine told. False when to stop: stop was asked for, or another worker holds the session."""
        self._keep(event)
        urgent = isinstance(event, events.Proposed | events.Scored | events.Finished | events.IterationDone)
        if not urgent and time.monotonic() < self._next_tick:
            return True
        self._next_tick = time.monotonic() + TICK
        return self._tick()

    @property
    def models_known(self) -> bool:
        """Whether both models have a name."""
        return bool(self.session.target_model and self.session.optimizer_model)

    def resolve_models(self, available: list[str]) -> None:
        """Fill in the models that were left to the server: the first it has, and the target's for the optimizer's."""
        if not available:
            raise CallFailed(
                "no_model", "Ollama has no model yet. Get one with `ollama pull`, then run this again."
            )
        target = self.session.target_model or settings.TARGET_MODEL or available[0]
        optimizer = self.session.optimizer_model or settings.OPTIMIZER_MODEL or target
        chosen = {"target_model": target, "optimizer_model": optimizer}
        self._update(**chosen)
        for name, model in chosen.items():
            setattr(self.session, name, model)

    @contextmanager
    def failing_honestly(self) -> Iterator[None]:
        """Whatever goes wrong inside ends the session with its reason, never the worker."""
        try:
            yield
        except CallFailed as error:
            self.fail(error.code, str(error))
        except ValueError as error:
            self.fail("bad_task", str(error))
        except Exception:
            log.exception("session %s failed", self.session.pk)
            self.fail(
                "internal",
                "Something went wrong on our side. The log of the worker has the details. Run it again.",
            )

    def finish(self) -> None:
        """The result, in one transaction."""
        result = self.result
        if result is None:
            return
        comparison = result.comparison
        self._end(
            SessionStatus.COMPLETED,
            text=result.components.as_text() if result.best else "",
            finish_reason=result.reason,
            kept_original=result.best == 0,
            score_kind=result.score_kind,
            quality_score=result.quality_score,
            baseline_score=comparison and comparison.baseline,
            best_score=comparison and (comparison.best if result.best else comparison.baseline),
            results=results_of(result),
        )

    def stop(self) -> None:
        """End because a person asked, keeping the best so far. It was not compared on held-out rows."""
        candidate = self._best_candidate()
        components = components_of(candidate.components) if candidate else None
        original = Components(self.session.prompt.original)
        found = bool(candidate and candidate.number and components)
        self._end(
            SessionStatus.CANCELLED,
            text=components.as_text() if found and components else "",
            finish_reason="Stopped by you; the best so far is kept. It was not compared on held-out rows.",
            kept_original=not found,
            results={"improvements": [finish.changes(original, components)] if found and components else []},
        )

    def fail(self, code: str, message: str) -> None:
        """End with an error that says what happened and what to do."""
        self._end(SessionStatus.FAILED, error_code=code, error_message=message, finish_reason="Failed.")

    def release(self) -> None:
        """Give the session back, for another worker to go on with."""
        self._update(lease_until=None, lease_token=None, attempts=F("attempts") - 1, stage="Queued")
        self.publish()

    @property
    def stop_requested(self) -> bool:
        """Whether a person asked to stop."""
        return self._rows().exclude(stop_requested_at=None).exists()

    def publish(self) -> None:
        """Tell the pages that show this session."""
        publish(self.session.topic, f"history:{self.session.workspace_id}")

    # Each kind of event

    @singledispatchmethod
    def _keep(self, event: Any) -> None:
        raise TypeError(f"unknown event {event!r}")

    @_keep.register
    def _stage_is(self, event: events.Stage) -> None:
        self._stage = event
        self._text = ""

    @_keep.register
    def _writing(self, event: events.Writing) -> None:
        self._text = event.text

    @_keep.register
    def _beat(self, event: events.Beat) -> None:
        if event.waiting:
            self._stage = events.Stage("Waiting for Ollama", self._stage.done, self._stage.total)

    @_keep.register
    def _spent(self, event: events.Spent) -> None:
        self._update(**asdict(event))

    @_keep.register
    def _proposed(self, event: events.Proposed) -> None:
        candidate, new = Candidate.objects.get_or_create(
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
            candidate.parents.set(self._candidates().filter(number__in=event.parents))

    @_keep.register
    def _scored(self, event: events.Scored) -> None:
        candidate = self._candidates().get(number=event.number)
        Evaluation.objects.bulk_create(
            [
                Evaluation(candidate=candidate, split=event.split, **asdict(outcome))
                for outcome in event.outcomes
            ],
            ignore_conflicts=True,
        )
        if event.split == Split.VALIDATION:
            self._candidates().filter(pk=candidate.pk).update(score=event.mean, scored_items=event.items)

    @_keep.register
    def _dropped(self, event: events.Dropped) -> None:
        self._candidates().filter(number=event.number).update(dropped=True)

    @_keep.register
    def _leading(self, event: events.Leading) -> None:
        self._best = event.number
        with transaction.atomic():
            self._candidates().filter(is_best=True).exclude(number=event.number).update(is_best=False)
            self._candidates().filter(number=event.number).update(is_best=True, dropped=False)
        self._log("leading", f"Candidate {event.number} is the best so far.")

    @_keep.register
    def _rejected(self, event: events.Rejected) -> None:
        self._log("rejected", f"Refused a proposal ({event.reason}): {event.text}")

    @_keep.register
    def _noted(self, event: events.Noted) -> None:
        self._log("noted", event.text)

    @_keep.register
    def _iteration_done(self, event: events.IterationDone) -> None:
        self._update(iterations_completed=event.number)
        self._log("iteration", f"Iteration {event.number} of {self.session.iterations} is done.")

    @_keep.register
    def _finished(self, event: events.Finished) -> None:
        self.result = event

    # Rows

    def _rows(self) -> SessionQuerySet:
        return OptimizationSession.objects.filter(
            pk=self.session.pk, lease_token=self.session.lease_token, status=SessionStatus.PROCESSING
        )

    def _candidates(self) -> QuerySet[Candidate]:
        return Candidate.objects.filter(session=self.session)

    def _best_candidate(self) -> Candidate | None:
        return self._candidates().filter(is_best=True).first()

    def _update(self, **fields: Any) -> bool:
        return bool(self._rows().update(**fields))

    def _log(self, kind: str, text: str) -> None:
        """Lines are numbered by the search, so a replay writes none twice."""
        self._seq += 1
        SessionEvent.objects.bulk_create(
            [SessionEvent(session=self.session, seq=self._seq, kind=kind, data={"text": text})],
            ignore_conflicts=True,
        )

    def _tick(self) -> bool:
        """Renew the lease, show where we are, and look whether to stop."""
        cache.set(_text_key(self.session.pk), self._text, 60)
        stage = self._stage
        held = self._update(
            lease_until=timezone.now() + LEASE,
            stage=stage.name,
            stage_done=stage.done,
            stage_total=stage.total,
        )
        self.publish()
        return held and not self.stop_requested

    def _end(self, status: SessionStatus, *, text: str = "", **fields: Any) -> None:
        now = timezone.now()
        started = self.session.started_at or now
        with transaction.atomic():
            ended = self._update(
                status=status,
                finished_at=now,
                processing_time_ms=int((now - started).total_seconds() * 1000),
                lease_until=None,
                lease_token=None,
                stage="",
                **fields,
            )
            if ended:
                completed = status == SessionStatus.COMPLETED or bool(text)
                prompt_status = PromptStatus.COMPLETED if completed else PromptStatus.FAILED
                Prompt.objects.filter(pk=self.session.prompt_id).update(status=prompt_status, optimized=text)
            self.publish()
        cache.delete(_text_key(self.session.pk))


class LedgerRows:
    """The ledger's store: LLMCall rows of one session."""

    def __init__(self, session: OptimizationSession) -> None:
        self._session = session

    def find(self, keys: Iterable[str]) -> Mapping[str, Reply]:
        """Replies that the session has paid for."""
        rows = LLMCall.objects.filter(session=self._session, key__in=list(keys))
        return {
            row.key: Reply(
                row.response, row.finish_reason, row.prompt_tokens, row.completion_tokens, row.duration_ms
            )
            for row in rows
        }

    def save(self, request: Request, reply: Reply) -> None:
        """Write a reply down before the search sees it. Progress clears the count of failed attempts."""
        LLMCall.objects.create(
            session=self._session,
            key=request.key,
            purpose=request.purpose,
            model=request.model,
            request=asdict(request),
            response=reply.text.replace("\x00", ""),
            finish_reason=reply.finish_reason,
            prompt_tokens=reply.prompt_tokens,
            completion_tokens=reply.completion_tokens,
            duration_ms=reply.duration_ms,
        )
        OptimizationSession.objects.filter(pk=self._session.pk, attempts__gt=1).update(attempts=1)


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
    }


def components_of(stored: Mapping[str, Any]) -> Components:
    """A candidate's components, from how they are stored."""
    shots = tuple(Shot(**shot) for shot in stored["shots"])
    return Components(**{**stored, "shots": shots, "keywords": tuple(stored["keywords"])})


def _text_key(session_id: int) -> str:
    return f"session:{session_id}:text"
