"""Starting and stopping optimizations."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import PurePath
from typing import Any

from celery import current_app
from django.db import IntegrityError, transaction
from django.utils import timezone

from optimizer import topics
from optimizer.engine import TaskRefusedError
from optimizer.models import (
    ACTIVE,
    Dataset,
    OptimizationSession,
    Prompt,
    PromptStatus,
    PromptTemplate,
    SessionStatus,
    User,
    Workspace,
)
from optimizer.models.states import AWAITING_APPROVAL, SessionQuerySet
from optimizer.services.access import require_writer
from optimizer.services.choices import Choices
from optimizer.services.datasets import create_dataset
from optimizer.services.estimates import forecast

STOPPED_UNBEGUN = "Stopped before it began."
STOPPED_AT_INPUTS = "Stopped after the test inputs were written, before the search began."


def start_optimization(*, by: User, workspace: Workspace, choices: Choices) -> OptimizationSession:
    """A new optimization, whose work is queued once this is committed. Submitting it twice starts only one."""
    require_writer(user=by, workspace_id=workspace.pk)
    estimate = _estimate(choices)
    try:
        with transaction.atomic():
            return _start(by, workspace, choices, estimate)
    except IntegrityError:
        if choices.submit_key is None or (started := _submitted(by, choices)) is None:
            raise
        return started


def _submitted(by: User, choices: Choices) -> OptimizationSession | None:
    return OptimizationSession.objects.filter(created_by=by, submit_key=choices.submit_key).first()


def _estimate(choices: Choices) -> dict[str, Any] | None:
    """What the run will take, to be shown beside what it took. A task that cannot be run is refused by the run."""
    with suppress(TaskRefusedError):
        if told := forecast(choices, as_told=True):
            return told.kept()
    return None


def _start(
    by: User, workspace: Workspace, choices: Choices, estimate: dict[str, Any] | None
) -> OptimizationSession:
    owned: dict[str, Any] = {"workspace": workspace, "created_by": by, "updated_by": by}
    prompt = Prompt.objects.create(
        original=choices.prompt,
        system_text=choices.system_text,
        context=choices.context,
        **_origin(choices),
        **owned,
    )
    asked = choices.show_inputs and not (choices.table or choices.dataset)
    dataset, version = _dataset(by, prompt, choices)
    session = OptimizationSession.objects.create(
        prompt=prompt,
        dataset=dataset,
        dataset_version=version,
        grader=choices.grader,
        grader_options=dict(choices.grader_options),
        literals=list(choices.literals),
        mapping=choices.assignment.stored(),
        continues=choices.continues,
        starts=choices.starts(),
        seen=choices.seen(),
        inputs_requested=asked,
        inputs=list(choices.inputs) or None if asked else None,
        estimate=estimate,
        submit_key=choices.submit_key,
        **choices.settings,
        **owned,
    )
    transaction.on_commit(lambda: ring(session.pk), robust=True)
    topics.publish(topics.history(session.workspace_id))
    return session


def _origin(choices: Choices) -> dict[str, Any]:
    """The template and version that the prompt comes from, whose use is counted; nothing if they are gone by now."""
    template = choices.template
    if template is None or not PromptTemplate.objects.filter(pk=template.pk).count_use():
        return {}
    topics.publish_template(template.pk, template.workspace_id, is_public=template.is_public)
    return {"template": template, "template_version": choices.template_version}


def resume_optimization(*, session: OptimizationSession, by: User, here: bool = False) -> bool:
    """Queue a stopped or failed session again. What it paid for stays in the ledger. False if it has not ended so.
    With `here`, no worker is told, because the caller does the work."""
    require_writer(user=by, workspace_id=session.workspace_id)
    with transaction.atomic():
        ended = _rows(session).filter(status__in=[SessionStatus.CANCELLED, SessionStatus.FAILED])
        resumed = ended.update(
            status=SessionStatus.PENDING,
            finished_at=None,
            stop_requested_at=None,
            attempts=0,
            finish_reason="",
            error_code="",
            error_message="",
            verdict="",
            chosen="",
            baseline_score=None,
            best_score=None,
            updated_by=by,
        )
        if resumed:
            topics.publish_session(session.pk, session.workspace_id)
        if resumed and not here:
            transaction.on_commit(lambda: ring(session.pk), robust=True)
    session.refresh_from_db()
    return bool(resumed)


def ring(session_id: int) -> None:
    """A doorbell only: if it is lost, the sweep finds the session."""
    current_app.send_task("optimizer.tasks.optimize", args=[session_id])


def _dataset(by: User, prompt: Prompt, choices: Choices) -> tuple[Dataset | None, int]:
    """The rows that it uses, and which version of them. New ones are named after their file."""
    if choices.dataset or not choices.table:
        return choices.dataset, choices.dataset.version if choices.dataset else 1
    file = PurePath(choices.table.source.name).stem if choices.table.source else ""
    name = file or f"Rows of “{prompt.title}”"
    kept = create_dataset(workspace=prompt.workspace, by=by, name=name, table=choices.table)
    return kept.dataset, kept.version


def approve_inputs(*, session: OptimizationSession, by: User, inputs: Sequence[str]) -> None:
    """Continue with these test inputs. Nothing happens if the session does not wait for any."""
    require_writer(user=by, workspace_id=session.workspace_id)
    with transaction.atomic():
        waiting = _rows(session).filter(AWAITING_APPROVAL)
        if waiting.update(inputs=list(inputs), inputs_requested=False, updated_by=by):
            transaction.on_commit(lambda: ring(session.pk), robust=True)
            topics.publish_session(session.pk, session.workspace_id)
    session.refresh_from_db()


def stop_optimization(*, session: OptimizationSession, by: User) -> None:
    """Ask a running optimization to stop, keeping the best so far. One that has not begun ends at once."""
    require_writer(user=by, workspace_id=session.workspace_id)
    with transaction.atomic():
        if _give_up_unclaimed_comparison(session):
            pass  # stopped as before
        elif _end_unclaimed(session):
            Prompt.objects.filter(pk=session.prompt_id).update(status=PromptStatus.FAILED)
        else:
            _rows(session).filter(status__in=ACTIVE, stop_requested_at=None).update(
                stop_requested_at=timezone.now(), updated_by=by
            )
            _call_back(session)
        topics.publish_session(session.pk, session.workspace_id)
    session.refresh_from_db()


def _call_back(session: OptimizationSession) -> None:
    """A session that waits for a model server has no worker: let one take it now, to end it."""
    waits = _rows(session).filter(status=SessionStatus.PROCESSING, lease_token=None)
    if waits.update(lease_until=timezone.now()):
        transaction.on_commit(lambda: ring(session.pk), robust=True)


def _give_up_unclaimed_comparison(session: OptimizationSession) -> bool:
    return bool(
        _unclaimed(session).filter(comparing=True).update(status=SessionStatus.CANCELLED, comparing=False)
    )


def _unclaimed(session: OptimizationSession) -> SessionQuerySet:
    return _rows(session).filter(status=SessionStatus.PENDING, lease_token=None, attempts=0)


def _end_unclaimed(session: OptimizationSession) -> bool:
    now = timezone.now()
    return bool(
        _unclaimed(session).update(
            status=SessionStatus.CANCELLED,
            stop_requested_at=now,
            finished_at=now,
            finish_reason=STOPPED_AT_INPUTS if session.inputs is not None else STOPPED_UNBEGUN,
        )
    )


def _rows(session: OptimizationSession) -> SessionQuerySet:
    return OptimizationSession.objects.filter(pk=session.pk)
