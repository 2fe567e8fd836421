"""What is measured on: rows in files, and a manifest that says what each file asks."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from optimizer.engine.components import Components
from optimizer.engine.graders import GRADERS
from optimizer.engine.scoring import SLACK
from optimizer.engine.task import Item

HERE = Path(__file__).parent
SHARED = HERE.parents[3] / "shared" / "data"
OWN = HERE / "tasks"
KNOWN = HERE / "manifest.json"
SEARCHED, HELD_OUT = 64, 40
LONGEST_ANSWER = 256
CUT = {"exact", "words"}  # graders under which an answer that runs on is wrong


@dataclass(frozen=True)
class BenchTask:
    """A prompt, a grader, the rows that a method may see, and the rows that it is measured on."""

    name: str
    prompt: str
    grader: str
    rows: tuple[Item, ...]
    held_out: tuple[Item, ...]

    @property
    def original(self) -> Components:
        return Components(self.prompt)

    @property
    def answer_tokens(self) -> int:
        """The limit for one answer, the same for all methods: cut where it can no longer be right."""
        longest = max(len(item.expected.encode()) for item in self.rows)
        return min(LONGEST_ANSWER, longest + SLACK) if self.grader in CUT else LONGEST_ANSWER

    def scores(self, outputs: Sequence[str], rows: Sequence[Item]) -> list[float]:
        """The grade of each output, 0 to 1."""
        return [self.score(output, row) for output, row in zip(outputs, rows, strict=True)]

    def score(self, output: str, row: Item) -> float:
        choices = "\n".join(sorted({item.expected for item in self.rows}))
        return GRADERS[self.grader](output, row.expected, {"choices": choices}).score


def folder() -> Path:
    """Where the tasks are by default."""
    return SHARED if SHARED.is_dir() else OWN


def read_tasks(where: Path, names: Sequence[str] = ()) -> list[BenchTask]:
    """The folder's tasks in the order of the manifest, or those named. ValueError for a name it does not have."""
    manifest = _manifest(where)
    there = [name for name in manifest if (where / f"{name}.jsonl").exists()]
    if missing := set(names) - set(there):
        raise ValueError(f"{where} has no task {', '.join(sorted(missing))}. It has: {', '.join(there)}.")
    return [_read(where, name, **manifest[name]) for name in there if not names or name in names]


def _manifest(where: Path) -> dict[str, dict[str, str]]:
    """Prompt and grader by file name; the folder's own comes first."""
    own = where / "manifest.json"
    known: dict[str, dict[str, str]] = json.loads((own if own.exists() else KNOWN).read_text())
    return known


def _read(where: Path, name: str, *, prompt: str, grader: str) -> BenchTask:
    lines = (where / f"{name}.jsonl").read_text().splitlines()
    items = tuple(Item(row["input"], row["expected"]) for row in map(json.loads, filter(None, lines)))
    searched = items[: min(SEARCHED, len(items) - HELD_OUT)]
    if len(searched) < 8:
        raise ValueError(f"{name}.jsonl has {len(items)} rows; at least {HELD_OUT + 8} are needed.")
    return BenchTask(name, prompt, grader, searched, items[-HELD_OUT:])
