"""A worker's hold on a session: record what the engine tells, end it."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import F
from django.utils import timezone

from optimizer import topics
from optimizer.briefing import components_of
from optimizer.engine import TaskRefusedError, events, finish
from optimizer.engine.graders import RUBRIC
from optimizer.llm.base import CallFailedError
from optimizer.models import (
    Candidate,
    Feedback,
    OperatorPrior,
    OptimizationSession,
    OutputRating,
    Prompt,
    PromptStatus,
    SessionStatus,
)
from optimizer.newest import hide, show
from optimizer.worker.record import Recorder
from optimizer.worker.storing import proof_of, results_of, scores_of
from optimizer.worker.waiting import counted_in, parked_ms, waiting_of

LEASE = timedelta(seconds=settings.LEASE_SECONDS)
STOPPED_WITH_BEST = "Stopped by you; the best so far is kept. It was not compared on held-out rows."
STOPPED_WITHOUT = "Stopped before anything better was found."
STOPPED_UNANSWERED = "Stopped before any model answered."
STOPPED_AND_COMPARED = "Stopped by you; the best so far was then compared on held-out rows."
TICK = 0.25  # seconds between two writes of what changes all the time
URGENT = events.Proposed | events.Scored | events.IterationDone | events.JudgeMeasured

log = logging.getLogger(__name__)


class Run:
    """A claimed session. Every write holds only while the lease is ours."""

    def __init__(self, session: OptimizationSession) -> None:
        self.session = session
        self.recorder = Recorder(session)
        self._next_tick = 0.0
        self._calls_before = self.recorder.spent()["calls"]
        self._worked_before = (session.processing_time_ms or 0) + parked_ms(session)
        session.waiting = counted_in(session.waiting)
        self._began = time.monotonic()

    def record(self, event: events.Event) -> bool:
        """Keep what the engine told. False when it is time to stop: a person asked, or another worker holds the
        session."""
        self.recorder.keep(event)
        if isinstance(event, events.Finished | events.Compared):
            return True
        if not isinstance(event, URGENT) and time.monotonic() < self._next_tick:
            return True
        self._next_tick = time.monotonic() + TICK
        return self._tick()

    @property
    def models_known(self) -> bool:
        """Whether both models have a name, and what was behind it is written down."""
        return (
            bool(self.session.target_model and self.session.optimizer_model)
            and self.session.digests is not None
        )

    def settle(self, **chosen: Any) -> None:
        """Write down what holds for the whole run."""
        self.recorder.update(**chosen)
        for name, value in chosen.items():
            setattr(self.session, name, value)

    def settle_past(self) -> None:
        """Fix what is known about earlier sessions: later changes there must not turn a replay into another run."""
        session = self.session
        if session.evidence is None:
            session.evidence = Feedback.objects.evidence_for(session)
            session.priors = OperatorPrior.objects.known_for(session)
            session.rated = OutputRating.objects.known_for(session) if session.grader == RUBRIC else []
            self.recorder.update(evidence=session.evidence, priors=session.priors, rated=session.rated)

    @contextmanager
    def failing_honestly(self) -> Iterator[None]:
        """Whatever goes wrong inside ends the session with its reason, never the worker."""
        try:
            yield
        except CallFailedError as error:
            self.fail(error.code, str(error))
        except TaskRefusedError as error:
            self.fail("bad_task", str(error))
        except (OperationalError, InterfaceError):
            log.warning(
                "session %s lost its database; the sweep sends it again", self.session.pk, exc_info=True
            )
        except Exception:
            log.exception("session %s failed", self.session.pk)
            self.fail(
                "internal",
                "Something went wrong on our side. The log of the worker has the details. Run it again.",
            )

    def finish(self) -> None:
        """The result, in one transaction; or test inputs, which a person has to approve before it continues."""
        if self.recorder.invented is not None:
            self._await_approval(list(self.recorder.invented))
        if compared := self.recorder.compared:
            self._end_comparison(compared)
        if result := self.recorder.result:
            self._end(
                SessionStatus.COMPLETED,
                text=result.components.as_text() if result.best else "",
                system_text=result.components.system_text if result.best else "",
                finish_reason=result.reason,
                results=results_of(result, self.recorder.across),
                **scores_of(result),
            )

    def _end_comparison(self, result: events.Compared) -> None:
        """Stopped as before, now with a verdict."""
        candidate = self.recorder.best_candidate()
        self._end(
            SessionStatus.CANCELLED,
            **_texts_of(candidate if result.proof.handed_over else None),
            finish_reason=STOPPED_AND_COMPARED,
            results={**self.session.results, **proof_of(result), **self._changes_of(result)},
            **scores_of(result),
        )

    def _changes_of(self, result: events.Compared) -> dict[str, Any]:
        """Tells what changed in the text that is ahead, not in one that lost."""
        kept = result.proof.handed_over or result.proof.ahead
        return {"improvements": self.session.results.get("improvements", []) if kept else []}

    def _await_approval(self, inputs: list[str]) -> None:
        """Wait for a person, unless one has just asked to stop."""
        waits = self.recorder.held().filter(stop_requested_at=None)
        if not waits.update(
            inputs=inputs,
            status=SessionStatus.PENDING,
            waiting=None,
            processing_time_ms=self.worked(),
            lease_until=None,
            lease_token=None,
            attempts=0,
            stage="",
            stage_done=0,
            stage_total=0,
        ):
            return self.stop()
        return self.publish()

    def stop(self, because: str = "") -> None:
        """End because a person asked, or for that reason, keeping the best so far. It was not compared on held-out
        rows."""
        if self.session.comparing:
            return self._give_up_comparison()
        if self.recorder.result:
            return self.finish()  # only other models were still running
        candidate = self.recorder.best_candidate()
        found = candidate if candidate and candidate.number else None
        if found and not found.is_best:
            self.recorder.keep(events.Leading(found.number))
        changed = [self._changed_in(found)] if found else []
        return self._end(
            SessionStatus.CANCELLED,
            **_texts_of(found),
            finish_reason=because or (STOPPED_WITH_BEST if found else self._stopped_without()),
            kept_original=found is None,
            score_kind="accuracy" if self.session.dataset_id else "win rate",
            results={"improvements": changed},
        )

    def _changed_in(self, found: Candidate) -> str:
        original = self.recorder.candidates().get(number=0)
        return finish.changes(components_of(original.components), components_of(found.components))

    def _stopped_without(self) -> str:
        return STOPPED_WITHOUT if self.recorder.spent()["calls"] else STOPPED_UNANSWERED

    def fail(self, code: str, message: str) -> None:
        """End with an error that says what happened and what to do."""
        if self.session.comparing:
            return self._give_up_comparison(f"The comparison on held-out rows failed: {message}")
        if self.recorder.result:
            return self.finish()
        return self._end(
            SessionStatus.FAILED, error_code=code, error_message=message, finish_reason="Failed."
        )

    def _give_up_comparison(self, *caveats: str) -> None:
        """Stopped as before: what the search found stays, without a verdict."""
        candidate = self.recorder.best_candidate()
        self._end(
            SessionStatus.CANCELLED,
            text=candidate.text if candidate else "",
            results={**self.session.results, "caveats": list(caveats)},
        )

    def release(self) -> None:
        """Give the session back, so that another worker can continue it."""
        self.recorder.live.write()
        self.recorder.update(lease_until=None, lease_token=None, attempts=F("attempts") - 1, stage="Queued")
        self.publish()

    @property
    def past_limit(self) -> bool:
        """Whether its minutes are over. While a server answers, the search itself checks that."""
        limit = self.session.max_minutes
        return limit is not None and self.worked() >= limit * 60_000

    @property
    def stop_requested(self) -> bool:
        """Whether a person asked to stop."""
        return self.recorder.held().exclude(stop_requested_at=None).exists()

    def publish(self) -> None:
        """Tell the pages that show this session."""
        topics.publish_session(self.session.pk, self.session.workspace_id)

    def _tick(self) -> bool:
        """Renew the lease, show where we are, and look whether to stop."""
        show(self.session.pk, self.recorder.follower.newest)
        stage, spent = self.recorder.stage, self.recorder.spent()
        held = self.recorder.update(
            **spent,
            **self._survived(spent["calls"]),
            waiting=self._waiting(spent["calls"]),
            lease_until=timezone.now() + LEASE,
            stage=stage.name,
            stage_done=stage.done,
            stage_total=stage.total,
            processing_time_ms=self.worked(),
        )
        if held:
            self.recorder.live.write()
        self.publish()
        return held and not self.stop_requested

    def _survived(self, calls: int) -> dict[str, int]:
        """A new answer since the claim shows that the session kills no worker: earlier deaths count no more."""
        if calls == self._calls_before or self.session.attempts <= 1:
            return {}
        self.session.attempts = 1
        return {"attempts": 1}

    def _waiting(self, calls: int) -> dict[str, Any] | None:
        """What it waits for; None once it was answered again."""
        if self.recorder.away:
            faults = (self.session.waiting or {}).get("faults") or {}
            self.session.waiting = waiting_of(self.session, self.recorder.away, faults, parked=False)
            return self.session.waiting
        if calls != self.session.calls:
            self.session.waiting = None
        return self.session.waiting

    def worked(self) -> int:
        """Milliseconds of work and of waiting for a server, without the time in which it lay stopped or queued."""
        return self._worked_before + int((time.monotonic() - self._began) * 1000)

    def _end(self, status: SessionStatus, *, text: str = "", system_text: str = "", **fields: Any) -> None:
        now = timezone.now()
        self.recorder.live.write()
        with transaction.atomic():
            ended = self.recorder.update(
                status=status,
                finished_at=now,
                processing_time_ms=self.worked(),
                lease_until=None,
                lease_token=None,
                stage="",
                comparing=False,
                waiting=None,
                **self.recorder.spent(),
                **fields,
            )
            if ended:
                completed = status == SessionStatus.COMPLETED or self.session.comparing or bool(text)
                prompt_status = PromptStatus.COMPLETED if completed else PromptStatus.FAILED
                Prompt.objects.filter(pk=self.session.prompt_id).update(
                    status=prompt_status, optimized=text, optimized_system_text=system_text
                )
            self.publish()
        hide(self.session.pk)


def _texts_of(candidate: Candidate | None) -> dict[str, str]:
    """What the prompt becomes: the candidate's texts, if there is one."""
    return {"text": candidate.text, "system_text": candidate.system_text} if candidate else {}
