"""A suspect: an optimization at which workers died. It gets a process of its own, so that it takes nobody with it."""

from __future__ import annotations

import logging
import subprocess
import sys
from uuid import UUID

from django.conf import settings

from optimizer.models import OptimizationSession
from optimizer.worker import loop
from optimizer.worker.run import Run

log = logging.getLogger(__name__)

LOOKS = 0.5  # seconds between two looks whether the worker shuts down


def work_alone(run: Run) -> None:
    """Work on a claimed session in a child process. If a signal ends that, nothing else can be to blame: the session
    fails. If it could not begin, another worker tries once the lease has lapsed."""
    session = run.session
    command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "work_alone", str(session.pk)]
    with subprocess.Popen([*command, str(session.lease_token)]) as child:  # noqa: S603 (our own command)
        while child.poll() is None:
            if loop.shutting_down.wait(LOOKS):
                child.terminate()
                break
    if child.returncode < 0 and not loop.shutting_down.is_set():
        run.fail(
            "poison",
            "The process that worked on this optimization died, though it worked on nothing else. See the worker's "
            "log, then resume the optimization.",
        )
    elif child.returncode:
        log.error("the process for session %s ended with status %s", session.pk, child.returncode)


def work_as_child(session_id: int, token: UUID) -> None:
    """What the child does: the work on a session that its parent has claimed with this token."""
    held = OptimizationSession.objects.select_related("prompt", "dataset")
    session = held.filter(pk=session_id, lease_token=token).first()
    if session is not None:
        loop.work(Run(session), gives_back=True)
