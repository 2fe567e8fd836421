"""The lines that are kept: one run each, and none is made twice."""

from __future__ import annotations

import json
import os
import platform
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

DOCS = Path(__file__).parents[3] / "docs"
BENCHMARKS = DOCS / "benchmarks"
KEY = ("method", "task", "seed", "model", "budget", "version")

Line = dict[str, Any]


def key(line: Mapping[str, Any]) -> tuple[object, ...]:
    """What makes two runs the same run."""
    return tuple(line[part] for part in KEY)


def file_for(model: str) -> Path:
    """Where runs with a model are kept by default."""
    name = re.sub(r"[^\w.-]+", "-", model.removesuffix(":latest"))
    return BENCHMARKS / f"runs-{name}.jsonl"


class Runs:
    """A file of lines. One that was cut off by an interruption counts as not there."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.lines = list(_lines(path))
        self._known = {key(line) for line in self.lines}

    def has(self, wanted: Mapping[str, Any]) -> bool:
        return key(wanted) in self._known

    def add(self, line: Line) -> None:
        """Keep it, on disk before anything else."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        cut = self.path.exists() and not self.path.read_text().endswith("\n")
        with self.path.open("a") as file:
            file.write("\n" * cut + json.dumps(line) + "\n")
        self.lines.append(line)
        self._known.add(key(line))


def kept(paths: Iterable[Path]) -> list[Line]:
    """All lines of the files, in order."""
    return [line for path in paths for line in _lines(path)]


def _lines(path: Path) -> list[Line]:
    lines = []
    for text in path.read_text().splitlines() if path.exists() else []:
        try:
            lines.append(json.loads(text))
        except ValueError:
            continue
    return lines


def machine() -> str:
    """Cores, processor, system and Python."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    named = re.search(r"model name\s*: (.*)", _processors())
    processor = named[1].strip() if named else platform.processor()
    return f"{cores} cores, {processor or platform.machine()}, {platform.system()}, Python {platform.python_version()}"


def _processors() -> str:
    """What Linux says about them; nothing elsewhere."""
    told = Path("/proc/cpuinfo")
    return told.read_text() if told.exists() else ""
