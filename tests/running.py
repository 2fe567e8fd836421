"""Pytest plugin: the tests run on embedded services of their own, apart from a running product."""

import fcntl
import itertools
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from promptevolver import embedded
from promptevolver.embedded.services.home import CHECKOUT


def free_home() -> tuple[Path, int]:
    """The first test home that no other test run holds: two runs at once share no database and no queue."""
    for number in itertools.count(1):
        home = CHECKOUT / ".local" / f"test{number}"
        home.mkdir(parents=True, exist_ok=True)
        handle = os.open(home / "tests.lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(handle)
        else:
            return home, handle
    raise AssertionError


# At import, because pytest-django reads the settings before any hook. A developer's own servers are not used.
for name in ("DATABASE_URL", "REDIS_URL", "OLLAMA_HOST"):
    os.environ.pop(name, None)
FOLDER, LOCK = free_home()
os.environ["PROMPTEVOLVER_HOME"] = str(FOLDER)
(FOLDER / "static").mkdir(exist_ok=True)  # whitenoise warns of a folder that is not there
HOME = embedded.resolve(os.environ, find_ollama=False)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionstart() -> Iterator[None]:
    try:
        embedded.ensure_running(HOME, os.environ)
    except embedded.ServiceError as error:
        pytest.exit(str(error), returncode=pytest.ExitCode.INTERNAL_ERROR)
    yield


@pytest.hookimpl(trylast=True)
def pytest_unconfigure() -> None:
    embedded.release(HOME)
