"""A terminal's run that is ended from outside: by timeout, systemd or a CI."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from optimizer.models import LLMCall, OptimizationSession, SessionStatus
from promptevolver.embedded.services.home import CHECKOUT
from tests.engine.world import ITEMS, PROMPT
from tests.llm.server import FakeOllama, Served, serving
from tests.processes import environment, wait_for


@pytest.fixture
def slow() -> Iterator[FakeOllama]:
    """A server that takes its time."""
    with serving(FakeOllama([Served("slow:1b")], latency=0.3)) as fake:
        yield fake


@pytest.fixture
def rows(tmp_path: Path) -> str:
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(json.dumps({"input": i.input, "expected": i.expected}) for i in ITEMS))
    return str(file)


@contextmanager
def optimizing(address: str, rows: str) -> Iterator[subprocess.Popen[str]]:
    """The command at work."""
    words = ["optimize", "--prompt", PROMPT, "--examples", rows, "--preset", "quick"]
    started = subprocess.Popen(
        [sys.executable, str(CHECKOUT / "manage.py"), *words],
        env={**environment(), "OLLAMA_HOST": address},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        wait_for(lambda: LLMCall.objects.count() >= 3 or started.poll() is not None, 90)
        yield started
    finally:
        started.kill()
        with suppress(subprocess.TimeoutExpired):
            started.communicate(timeout=10)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_stops_a_run_as_ctrl_c_does(
    number: signal.Signals, status: int, slow: FakeOllama, rows: str, transactional_db: None
) -> None:
    with optimizing(slow.address, rows) as command:
        command.send_signal(number)
        out, told = command.communicate(timeout=60)
    session = OptimizationSession.objects.get()
    assert command.returncode == status, told
    assert f"Stopped. Continue with: ./manage.py optimize --resume {session.pk}" in told
    assert out.strip()
    assert "Traceback" not in told
    assert (session.status, session.lease_token) == (SessionStatus.CANCELLED, None)
    assert session.finish_reason.startswith("Stopped")


def test_a_second_signal_does_not_end_what_the_first_asked_for(
    slow: FakeOllama, rows: str, transactional_db: None
) -> None:
    with optimizing(slow.address, rows) as command:
        for number in (signal.SIGTERM, signal.SIGTERM, signal.SIGHUP):
            command.send_signal(number)
        command.communicate(timeout=60)
    assert command.returncode in {143, 129}
    assert OptimizationSession.objects.get().status == SessionStatus.CANCELLED
