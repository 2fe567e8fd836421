"""Commands that start at the same time on an installation that has no database yet."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from promptevolver.embedded.services.home import CHECKOUT


@pytest.fixture
def new_home() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="pe-", dir="/tmp"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


def test_one_makes_the_tables_and_the_others_wait(new_home: Path) -> None:
    environ = {
        "PATH": os.environ["PATH"],
        "PROMPTEVOLVER_HOME": str(new_home),
        "OLLAMA_HOST": "http://127.0.0.1:9",
    }
    command = [sys.executable, str(CHECKOUT / "manage.py"), "optimize", "--sample", "--estimate"]
    started = [
        subprocess.Popen(command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    for process in started:
        told, errors = process.communicate(timeout=120)
        assert process.returncode == 0, errors
        assert "calls" in told
