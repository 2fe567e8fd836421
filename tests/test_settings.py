"""Settings: each is documented, and a wrong value stops the start and is named."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from promptevolver.embedded.services.home import CHECKOUT

ROOT = Path(__file__).parents[1]
SET_BY_US = {"PROMPTEVOLVER_EMBEDDED"}


def test_every_variable_is_in_the_example() -> None:
    read = set(re.findall(r'env\.\w+\("(\w+)"', (ROOT / "promptevolver" / "settings.py").read_text()))
    shown = set(re.findall(r"^#?(\w+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert len(read) > 20
    assert read - SET_BY_US <= shown


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OLLAMA_PARALLEL", "many"),
        ("OLLAMA_CONTEXT", "1"),
        ("DATABASE_URL", "sqlite:///x"),
        ("DATABASE_URL", ""),
        ("REDIS_URL", "memory://"),
        ("LOG_LEVEL", "LOUD"),
    ],
)
def test_a_wrong_value_stops_the_start_and_is_named(name: str, value: str) -> None:
    code = "import django; django.setup()"
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, name: value},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert name in done.stderr.splitlines()[-1]


def test_a_mistyped_address_is_told_in_one_line() -> None:
    done = subprocess.run(
        [sys.executable, str(CHECKOUT / "manage.py"), "doctor"],
        env={**os.environ, "OLLAMA_HOST": "ftp://x"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert done.stderr == "OLLAMA_HOST: ftp:// is not supported. Write http:// or https://.\n"
