"""`manage.py` runs with any Python, from anywhere: it finds the packages in `.venv` itself."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from promptevolver.embedded.services.home import CHECKOUT

# The Python that `.venv` was made from, without any packages.
BARE = [str(Path(sys.base_prefix) / "bin" / "python3"), "-I", "-S"]
OURS = pytest.mark.skipif(
    not (CHECKOUT / ".venv" / "bin" / "python").exists(), reason="there is no .venv here"
)
PLAIN = {"PATH": "/usr/local/bin:/usr/bin:/bin"}


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A checkout in which nothing was set up."""
    shutil.copy(CHECKOUT / "manage.py", tmp_path)
    (tmp_path / "promptevolver").symlink_to(CHECKOUT / "promptevolver")
    return tmp_path / "manage.py"


def run(*command: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    words = [*map(str, command), "version"]
    return subprocess.run(
        words, env=PLAIN, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )


@OURS
def test_any_python_will_do(tmp_path: Path) -> None:
    result = run(*BARE, CHECKOUT / "manage.py", folder=tmp_path)
    assert (result.stderr, result.returncode) == ("", 0)
    assert result.stdout.startswith("5.2")


@OURS
def test_it_runs_by_its_name(tmp_path: Path) -> None:
    assert run("./manage.py", folder=CHECKOUT).stdout.startswith("5.2")
    assert run(CHECKOUT / "manage.py", folder=tmp_path).stdout.startswith("5.2")


def test_without_an_environment_it_says_how_to_make_one(copy: Path, tmp_path: Path) -> None:
    result = run(*BARE, copy, folder=tmp_path)
    assert result.stderr == f"PromptEvolver is not set up in {tmp_path} yet. Run there: make setup\n"
    assert result.returncode == 1


def test_half_an_environment_is_none(copy: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / ".venv")], check=True)
    for python in (BARE, [str(tmp_path / ".venv" / "bin" / "python")]):
        assert "Run there: make setup" in run(*python, copy, folder=tmp_path).stderr
