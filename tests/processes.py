"""The product's own processes, started on the tests' database for tests that need them for real."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

from django.conf import settings

LEASE_SECONDS = "4"


def environment() -> dict[str, str]:
    """That of this test run, with the tests' database."""
    address = urlsplit(os.environ["DATABASE_URL"])
    database = address._replace(path=f"/{settings.DATABASES['default']['NAME']}").geturl()
    return {**os.environ, "DATABASE_URL": database, "LEASE_SECONDS": LEASE_SECONDS}


@contextmanager
def process(*command: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process in a group of its own, which is gone afterwards."""
    started = subprocess.Popen([sys.executable, *command], env=environment(), start_new_session=True)
    try:
        yield started
    finally:
        started.terminate()
        with suppress(subprocess.TimeoutExpired):
            started.wait(15)
        with suppress(ProcessLookupError):
            os.killpg(started.pid, signal.SIGKILL)  # what it started, too
        started.wait()


@contextmanager
def worker() -> Iterator[subprocess.Popen[bytes]]:
    """A Celery worker."""
    with process(
        "-m", "celery", "-A", "promptevolver", "worker", "--pool", "threads", "--concurrency", "2",
        "--without-mingle", "--without-gossip", "--loglevel", "WARNING",
    ) as started:  # fmt: skip
        yield started


@contextmanager
def web() -> Iterator[str]:
    """The site; its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with process("-m", "daphne", "-b", "127.0.0.1", "-p", str(port), "promptevolver.asgi:application"):
        address = f"http://127.0.0.1:{port}"
        wait_for(lambda: answers(f"{address}/healthz"), 60)
        yield address


def answers(url: str) -> bool:
    """Whether a page is served there."""
    try:
        with urllib.request.urlopen(url, timeout=5) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def wait_for(condition: Callable[[], bool], seconds: float) -> None:
    """Wait until it holds; AssertionError if it does not in time."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it took too long"
        time.sleep(0.1)
