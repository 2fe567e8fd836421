"""A folder that cannot be written is reported with what to do: never a traceback, never blamed on another folder."""

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

ROOT = os.geteuid() == 0
# Root may write everywhere; without these rights it is like anybody else.
LIKE_ANYBODY = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if ROOT else []
MOUNTS = pytest.mark.skipif(
    not ROOT or subprocess.run(["unshare", "--mount", "true"], check=False).returncode != 0,
    reason="only root may mount a file system",
)


@pytest.fixture
def folder() -> Iterator[Path]:
    path = Path(tempfile.mkdtemp(prefix="pe-", dir="/tmp"))
    yield path
    subprocess.run(["chmod", "-R", "u+w", str(path)], check=True)
    shutil.rmtree(path)


def run(home: Path, *before: str) -> subprocess.CompletedProcess[str]:
    """`manage.py version`, which needs its home and nothing else."""
    environ = {**os.environ, "PROMPTEVOLVER_HOME": str(home)}
    command = [*before, sys.executable, str(CHECKOUT / "manage.py"), "version"]
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60, check=False)


def mounted(folder: Path, options: str, then: str = "true") -> list[str]:
    """A shell that mounts an empty file system there, for itself and its command alone."""
    script = f'mount -t tmpfs -o {options} none {folder} && {then}; exec "$@"'
    return ["unshare", "--mount", "sh", "-c", script, "sh"]


def check(result: subprocess.CompletedProcess[str], *words: str) -> None:
    assert result.returncode == 1
    assert "Traceback" not in result.stderr
    for word in ("cannot be written", "PROMPTEVOLVER_HOME", *words):
        assert word in result.stderr
    assert "belongs to" not in result.stderr


def test_a_folder_without_the_right_to_write_in(folder: Path) -> None:
    folder.chmod(0o500)
    check(run(folder / "home", *LIKE_ANYBODY), f"{folder}/home", "Permission denied")


def test_files_without_the_right_to_write(folder: Path) -> None:
    assert run(folder).returncode == 0
    for path in folder.iterdir():
        path.chmod(0o400)
    check(run(folder, *LIKE_ANYBODY), "Permission denied")


@MOUNTS
def test_a_read_only_file_system(folder: Path) -> None:
    check(run(folder / "home", *mounted(folder, "ro")), "Read-only file system")


@MOUNTS
def test_a_full_disk(folder: Path) -> None:
    fill = f"head -c 1M /dev/zero > {folder}/big 2>/dev/null"
    check(run(folder / "home", *mounted(folder, "size=64k", fill)), "No space left", "Make room")


@pytest.mark.skipif(not ROOT, reason="only root may give a folder away")
def test_a_folder_in_anothers_folder_names_whose_that_is(folder: Path) -> None:
    os.chown(folder, 12345, 12345)
    result = run(folder / "home", *LIKE_ANYBODY)
    os.chown(folder, 0, 0)
    assert result.returncode == 1
    for words in (
        f"{folder}/home cannot be written",
        f"{folder} belongs to user 12345",
        f"Make {folder} writable",
    ):
        assert words in result.stderr


@pytest.mark.skipif(not ROOT, reason="only root may give a folder away")
def test_anothers_folder_is_said_to_be_anothers(folder: Path) -> None:
    os.chown(folder, 12345, 12345)
    result = run(folder)
    assert result.returncode == 1
    assert "belongs to user 12345" in result.stderr
    assert "PROMPTEVOLVER_HOME" in result.stderr
