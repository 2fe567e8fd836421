"""Starts the embedded model server as its own process."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from promptevolver.embedded.services.home import CHECKOUT

START_SECONDS = 60


@dataclass(frozen=True)
class Served:
    """A running server: its address and its process."""

    url: str
    process: subprocess.Popen[str]


@contextmanager
def served(*arguments: str) -> Iterator[Served]:
    """A server on a free port, answering; it is gone afterwards."""
    port = free_port()
    process = start(port, *arguments)
    try:
        yield Served(_wait_until_it_answers(f"http://127.0.0.1:{port}", process), process)
    finally:
        process.kill()
        process.communicate()


def start(port: int, *arguments: str) -> subprocess.Popen[str]:
    """The server's process, which may not answer yet."""
    command = [sys.executable, str(CHECKOUT / "manage.py"), "serve_model", "--port", str(port), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def free_port() -> int:
    """A port that nobody listened on a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_it_answers(url: str, process: subprocess.Popen[str]) -> str:
    until = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < until:
        try:
            httpx.get(url, timeout=START_SECONDS)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return url
    raise AssertionError("the model server did not start")
