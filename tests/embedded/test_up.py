"""`manage.py up` as a person runs it: one line with a link, and Ctrl-C leaves nothing behind."""

from __future__ import annotations

import contextlib
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
from contextlib import suppress
from pathlib import Path

import pytest
from psutil import NoSuchProcess

from promptevolver import product
from promptevolver.embedded.services import supervisor
from promptevolver.embedded.services.home import CHECKOUT, Home
from promptevolver.management.commands import up as up_command
from tests.processes import wait_for

# An optimization that a worker holds, for longer than this test takes.
CUT_OFF = """
from datetime import timedelta
from uuid import uuid4
from django.utils import timezone
from tests import factories
until = timezone.now() + timedelta(hours=1)
workspace = factories.make_user().personal_workspace
factories.make_session(workspace, status="processing", lease_token=uuid4(), lease_until=until)
"""
DEPLOYED = {"HTTPS": "true", "ALLOWED_HOSTS": "prompts.example.org", "TRUSTED_PROXIES": "1"}
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


@contextlib.contextmanager
def start(environ: dict[str, str]) -> Iterator[subprocess.Popen[str]]:
    """Killed if a test fails; otherwise it would be waited for forever."""
    with (
        progress(environ).open("w") as told,
        subprocess.Popen(UP, env=environ, text=True, stdout=subprocess.PIPE, stderr=told) as up,
    ):
        try:
            yield up
        finally:
            if up.poll() is None:
                up.kill()


def progress(environ: dict[str, str]) -> Path:
    """What `up` says beside the line with the link."""
    return Path(environ["PROMPTEVOLVER_HOME"]) / "told"


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
        told = progress(environ).read_text()
        assert told.splitlines() == [
            "Starting PostgreSQL, Valkey…",
            "Preparing the database…",
            "Starting the worker, the scheduler and the pages…",
        ]
        up.send_signal(signal.SIGINT)
        assert up.wait(timeout=60) == 0
    assert supervisor.ours(home) == []


def test_a_second_start_gives_a_link_to_the_first_and_says_how_to_stop_it(environ: dict[str, str]) -> None:
    with start(environ) as up:
        first = ready(up)
        another = {**environ, "PORT": str(free_port())}
        again = subprocess.run(UP, env=another, capture_output=True, text=True, timeout=60)
        assert again.returncode == 0
        link, how = again.stdout.splitlines()
        assert link.startswith(f"Already running: http://127.0.0.1:{environ['PORT']}/sign-in/")
        assert how == f"To stop it, press Ctrl-C in its terminal, or run: kill {up.pid}"
        address = link.removeprefix("Already running: ")
        assert address != first
        with urllib.request.urlopen(address, timeout=30) as page:
            assert page.status == 200
        subprocess.run(how.partition("run: ")[2].split(), check=True)
        assert up.wait(timeout=60) == 0


def test_a_second_start_while_the_first_begins_gives_its_address(environ: dict[str, str]) -> None:
    home = Home(Path(environ["PROMPTEVOLVER_HOME"]))
    home.make()
    with up_command.only_one(home):
        product.remember(home, environ, [])
        again = subprocess.run(UP, env=environ, capture_output=True, text=True, timeout=60)
    assert again.stdout.startswith(f"Already starting: http://127.0.0.1:{environ['PORT']}\n")
    assert again.returncode == 0


def test_when_all_but_up_was_killed_it_says_that_everything_comes_back(environ: dict[str, str]) -> None:
    home = Home(Path(environ["PROMPTEVOLVER_HOME"]))
    with start(environ) as up:
        ready(up)
        manage(environ, "shell", "--no-imports", "-c", CUT_OFF)
        for process in supervisor.ours(home):
            with suppress(NoSuchProcess):  # it ended with its parent
                process.kill()
        wait_for(lambda: "continues" in progress(environ).read_text(), 120)
        again, continues = progress(environ).read_text().splitlines()[-2:]
        assert again == "The process manager had stopped; everything was started again."
        assert continues.startswith("1 optimization that was running continues")
        assert continues.endswith("within 30 seconds. Nothing is lost.")
        assert product.healthy(f"http://127.0.0.1:{environ['PORT']}")
        up.terminate()
        assert up.wait(timeout=60) == 0


def manage(environ: dict[str, str], *arguments: str) -> None:
    subprocess.run([*UP[:-1], *arguments], env=environ, cwd=CHECKOUT, check=True, timeout=180)


def test_a_start_after_everything_was_killed_recovers_also_where_it_is_deployed(
    environ: dict[str, str],
) -> None:
    home = Home(Path(environ["PROMPTEVOLVER_HOME"]))
    with start(environ) as up:
        ready(up)
        up.kill()
    supervisor.call(home, "getPID")  # the services outlive a killed `up` …
    for process in supervisor.ours(home)[::2]:
        with suppress(NoSuchProcess):
            process.kill()  # … and lose some at random
    with start({**environ, **DEPLOYED}) as up:
        assert ready(up).startswith("https://prompts.example.org/sign-in/")
        assert supervisor.running(home, product.APP) == product.APP
        up.terminate()
        assert up.wait(timeout=60) == 0
    assert supervisor.ours(home) == []


@pytest.mark.parametrize("port", ["0", "65536", "http"])
def test_a_port_that_is_none_is_named(environ: dict[str, str], port: str) -> None:
    result = subprocess.run(UP, env={**environ, "PORT": port}, capture_output=True, text=True, timeout=60)
    assert f"PORT must be a number from 1 to 65535, not '{port}'" in result.stderr
    assert result.returncode == 1
