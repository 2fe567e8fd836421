"""An optimization that ends its process is failed; its neighbours, and one that was only unlucky, are not."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

from django.test import Client

from optimizer import tasks
from optimizer.models import OptimizationSession, SessionStatus, User, Workspace
from optimizer.worker.claiming import MOST_ATTEMPTS
from tests import factories
from tests.processes import wait_for, worker
from tests.worker.test_worker_killed import a_small_run, person

__all__ = ["person"]


def child_of(session: OptimizationSession) -> int:
    """The process that works on it alone; 0 if there is none."""
    for entry in Path("/proc").iterdir():
        with suppress(OSError):
            words = (entry / "cmdline").read_bytes().split(b"\0") if entry.name.isdecimal() else []
            if b"work_alone" in words and str(session.pk).encode() in words:
                return int(entry.name)
    return 0


def test_a_suspect_dies_alone_and_is_failed(person: User) -> None:
    session = a_small_run(person)
    OptimizationSession.objects.filter(pk=session.pk).update(attempts=MOST_ATTEMPTS)
    with worker() as process:
        tasks.optimize.delay(session.pk)
        wait_for(lambda: child_of(session) > 0, 60)
        os.kill(child_of(session), signal.SIGKILL)
        wait_for(lambda: not OptimizationSession.objects.get().is_active, 30)
        assert process.poll() is None
    session.refresh_from_db()
    assert (session.status, session.error_code) == (SessionStatus.FAILED, "poison")


def test_a_suspect_that_gets_on_is_none(person: User) -> None:
    session = a_small_run(person)
    OptimizationSession.objects.filter(pk=session.pk).update(attempts=MOST_ATTEMPTS)
    with worker():
        tasks.optimize.delay(session.pk)
        wait_for(lambda: OptimizationSession.objects.get().attempts == 1, 120)
    session.refresh_from_db()
    assert session.status != SessionStatus.FAILED


def test_a_failed_one_is_resumed_from_its_page(user_client: Client, workspace: Workspace) -> None:
    session = factories.make_session(workspace, status="failed", calls=24, error_code="poison", attempts=4)
    page = user_client.get(f"/optimizations/{session.pk}/").content.decode()
    assert "24 calls to models are paid for, and kept" in page
    assert user_client.post(f"/optimizations/{session.pk}/resume/").status_code == 302
    session.refresh_from_db()
    assert (session.status, session.attempts, session.error_code) == (SessionStatus.PENDING, 0, "")
