"""pip is never silent for long, with a terminal or without; its failure is told with its own words."""

from __future__ import annotations

import io
import os
import pty
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from promptevolver import install
from tests.readme.pages import ROOT

INSTALL = [sys.executable, "-m", "promptevolver.install"]
PIP_SAYS = """\
Collecting django==5.2.19 (from -r requirements.txt (line 2))
  Downloading https://files.example.org/ab/Django-5.2.19-py3-none-any.whl (8.3 MB)
Requirement already satisfied: sqlparse>=0.3.1 in ./.venv/lib/python3.11/site-packages (from django)
Installing collected packages: asgiref, django
Successfully installed asgiref-3.9 django-5.2.19
"""


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def told(stream: io.StringIO) -> str:
    telling = install.Telling(stream)
    for line in PIP_SAYS.splitlines():
        telling.hear(line)
        telling.tick()
    telling.close(well=True)
    return stream.getvalue()


def test_a_terminal_has_one_line_that_moves() -> None:
    text = told(Terminal())
    assert text.count("\n") == 1
    lines = text.split("\r\033[K")
    for said in ("1 package found", "downloading Django (8.3 MB)", "unpacking 2 packages"):
        assert any(said in line for line in lines), said
    assert lines[-1] == "Installed 2 packages in 0 s.\n"


def test_without_a_terminal_a_line_comes_every_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    assert told(io.StringIO()).count("\n") == 2
    monkeypatch.setattr(install, "EVERY", 0.0)
    assert told(io.StringIO()).count("\n") == 6


def test_it_says_at_once_that_it_works_and_in_the_end_that_all_is_there() -> None:
    done = subprocess.run(
        [*INSTALL, "--no-deps", "pip"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    first, *_, last = done.stderr.splitlines()
    assert first == "Installing: looking for packages, 0 s"
    assert last == "All packages are here already."


def test_what_pip_could_not_do_is_told_in_its_words(tmp_path: Path) -> None:
    command = [*INSTALL, "--no-index", f"--find-links={tmp_path}", "no-such-package"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "ERROR: No matching distribution found for no-such-package" in done.stderr
    assert done.stderr.splitlines()[-1].endswith("Try again: make setup")


def test_a_real_terminal_is_written_to_in_one_line() -> None:
    ours, theirs = pty.openpty()
    subprocess.run([*INSTALL, "--no-deps", "pip"], cwd=ROOT, stderr=theirs, check=True)
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # which ends what a closed terminal has to give
        while part := os.read(ours, 10_000):
            shown += part
    os.close(ours)
    told = shown.decode()
    assert told.startswith("\r\033[KInstalling: looking for packages")
    assert told.count("\n") == 1


def test_no_pip_of_the_makefile_is_silent() -> None:
    makefile = (ROOT / "Makefile").read_text()
    assert "--quiet" not in makefile
    assert "pip install" not in makefile
