"""Rows with answers, as they are once they were read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from optimizer.engine.variables import shown
from optimizer.files.names import beside


@dataclass(frozen=True)
class Row:
    """The texts of one row by column, the expected answer, and how much the row counts.

    `accepted` holds all right answers, if the file had a list of them. `split` is where a person put the row:
    "search", "held_out", or "" for where the seed puts it.
    """

    cells: Mapping[str, str]
    expected: str
    accepted: tuple[str, ...] = ()
    weight: float = 1.0
    split: str = ""


@dataclass(frozen=True)
class Source:
    """What rows were read from, and how. `encoding` and `delimiter` are "" where the format has none."""

    content: bytes
    name: str = ""
    encoding: str = ""
    delimiter: str = ""
    has_header: bool = True


@dataclass(frozen=True)
class Table:
    """Rows with their columns. `expected` and `weight` are columns' names ("" for no weight); `input` is the column
    that a person chose (`input_chosen`), or the one called like an input, or "". `notes` say how it was read, `faults`
    which rows were left out and why, and `source` holds what it was read from."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    expected: str
    input: str = ""
    weight: str = ""
    input_chosen: bool = False
    notes: tuple[str, ...] = field(default=(), compare=False)
    faults: tuple[str, ...] = field(default=(), compare=False)
    source: Source | None = field(default=None, compare=False, repr=False)

    def with_rows(self, rows: Iterable[Row]) -> Table:
        """The same with these rows."""
        return replace(self, rows=tuple(rows))

    @property
    def digest(self) -> str:
        """Names the content: tables with the same columns, roles and rows have the same."""
        rows = [[list(r.cells.values()), r.expected, r.accepted, r.weight, r.split] for r in self.rows]
        content = json.dumps([self.columns, self.roles, rows], ensure_ascii=False)
        return hashlib.sha256(content.encode(errors="surrogatepass")).hexdigest()

    def shown(self, row: Row) -> str:
        """The row in one text: its input, or else all that may go into a prompt, by name."""
        if self.input:
            return row.cells.get(self.input, "").strip()
        return shown({name: text for name in self.others if (text := row.cells.get(name, "").strip())})

    @property
    def roles(self) -> dict[str, str | bool]:
        """What the columns are for, as it is stored."""
        return {
            "expected": self.expected,
            "input": self.input,
            "weight": self.weight,
            "input_chosen": self.input_chosen,
        }

    def answers(self, row: Row, *, as_list: bool = False) -> tuple[str, ...]:
        """All right answers. For a grader that takes it `as_list`, a list is one answer."""
        if row.accepted and as_list:
            return (row.cells[self.expected],)
        return row.accepted or (row.expected,)

    @property
    def others(self) -> tuple[str, ...]:
        """The columns that may go into a prompt: none of them holds the expected answer or is part of it."""
        return tuple(beside(self.columns, (self.expected, self.weight)))

    @property
    def whole(self) -> set[str]:
        """The columns in which every row has something."""
        return {name for name in self.columns if all(row.cells.get(name, "").strip() for row in self.rows)}


def table_of_pairs(pairs: Sequence[tuple[str, str]]) -> Table:
    """A table with the columns input and expected."""
    rows = tuple(Row({"input": text, "expected": answer}, answer) for text, answer in pairs)
    return Table(("input", "expected"), rows, expected="expected", input="input")
