"""`manage.py up` as a person runs it: one line with a link, and Ctrl-C leaves nothing behind."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from promptevolver.embedded import programs, supervisor
from promptevolver.embedded.home import CHECKOUT, Home

UP = [sys.executable, str(CHECKOUT / "manage.py"), "up"]


@pytest.fixture
def environ() -> Iterator[dict[str, str]]:
    """A home and a port of its own; the model server is the one that all tests use."""
    root = tempfile.mkdtemp(prefix="pe-", dir="/tmp")
    inherited = {
        name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "REDIS_URL"}
    }
    yield {**inherited, "PROMPTEVOLVER_HOME": root, "PORT": str(free_port())}
    supervisor.shut_down(Home(Path(root)))
    shutil.rmtree(root)


def free_port() -> int:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return int(server.getsockname()[1])


def start(environ: dict[str, str]) -> subprocess.Popen[str]:
    return subprocess.Popen(UP, env=environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)


def ready(up: subprocess.Popen[str]) -> str:
    """The address that it prints."""
    assert up.stdout
    found = re.search(r"ready: (\S+)", up.stdout.readline())
    assert found
    return found[1]


def test_one_line_with_a_link_that_works_and_ctrl_c_leaves_nothing(environ: dict[str, str]) -> None:
    home = Home(Path(environ["PROMPTEVOLVER_HOME"]))
    with start(environ) as up:
        with urllib.request.urlopen(ready(up), timeout=30) as page:
            assert page.status == 200
        again = subprocess.run(UP, env=environ, capture_output=True, text=True, timeout=60)
        assert again.stdout == f"Already running: http://127.0.0.1:{environ['PORT']}\n"
        assert again.returncode == 0
        up.send_signal(signal.SIGINT)
        assert up.wait(timeout=60) == 0
    assert supervisor.ours(home) == []


def test_a_start_after_everything_was_killed_recovers(environ: dict[str, str]) -> None:
    home = Home(Path(environ["PROMPTEVOLVER_HOME"]))
    with start(environ) as up:
        ready(up)
        up.kill()
    supervisor.call(home, "getPID")  # the services outlive a killed `up` …
    for process in supervisor.ours(home)[::2]:
        process.kill()  # … and lose some at random
    with start(environ) as up:
        ready(up)
        assert supervisor.running(home, programs.APP) == programs.APP
        up.terminate()
        assert up.wait(timeout=60) == 0
    assert supervisor.ours(home) == []


@pytest.mark.parametrize("port", ["0", "65536", "http"])
def test_a_port_that_is_none_is_named(environ: dict[str, str], port: str) -> None:
    result = subprocess.run(UP, env={**environ, "PORT": port}, capture_output=True, text=True, timeout=60)
    assert f"PORT must be a number from 1 to 65535, not '{port}'" in result.stderr
    assert result.returncode == 1
