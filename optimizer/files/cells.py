"""One record as a row: what is wrong with it, and its cells as texts."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, TypeGuard

from optimizer.files.faults import UNSTORABLE
from optimizer.files.records import Record
from optimizer.files.shapes import Unpacked
from optimizer.files.table import Row, Table

HEAVIEST = 1000
LONGEST_WHOLE = 1e16  # from here on a float no longer holds every whole number


@dataclass(frozen=True)
class Limits:
    """How much is read: bytes of a file, rows, and characters of one cell."""

    most_bytes: int = 5 * 2**20
    most_rows: int = 10_000
    longest: int = 10_000


def row_from(record: Record, table: Table) -> Row:
    """The record as a row. Call it on one without a fault."""
    cells = {name: text_of(record.values.get(name)) for name in table.columns}
    accepted = _accepted(record.values.get(table.expected))
    expected = accepted[0] if accepted else cells[table.expected]
    return Row(cells, expected.strip(), accepted, weight_in(record, table) or 1.0)


def is_list(value: object) -> TypeGuard[list[object]]:
    """Whether it is a list of plain values."""
    return isinstance(value, list) and not any(isinstance(one, list | dict) for one in value)


def _accepted(value: object) -> tuple[str, ...]:
    """The answers in a list, each of them right; () for anything else."""
    if not is_list(value):
        return ()
    return tuple(dict.fromkeys(text for one in value if (text := text_of(one)).strip()))


def fault_in(record: Record, table: Table, limits: Limits) -> str:
    """What is wrong with the row, or ""."""
    for name in table.columns:
        text = text_of(record.values.get(name))
        if len(text) > limits.longest:
            return (
                f"{record.where}: “{name}” has {len(text):,} characters; the limit is {limits.longest:,}. "
                "Shorten it."
            )
        if UNSTORABLE.search(text):
            return f"{record.where}: “{name}” holds a broken character (NUL or half a pair). Remove it."
    return _gap(record, table) or _weight_fault(record, table)


def _gap(record: Record, table: Table) -> str:
    if table.expected not in record.values:
        return f"{record.where} has no “{table.expected}”. Add it, or remove the row."
    answer = record.values[table.expected]
    if not text_of(answer).strip() or (is_list(answer) and not _accepted(answer)):
        return f"{record.where}: “{table.expected}” is empty. Fill it in, or remove the row."
    wanted = [table.input] if table.input else list(table.others)
    if not any(text_of(record.values.get(name)).strip() for name in wanted):
        return f"{record.where}: “{wanted[0]}” is empty. Fill it in, or remove the row."
    return ""


def weight_in(record: Record, table: Table) -> float | None:
    """1 if there is no such column or nothing in it; None if the value is no weight."""
    cell = text_of(record.values.get(table.weight)).strip() if table.weight else ""
    try:
        weight = float(cell) if cell else 1.0
    except ValueError:
        return None
    return weight if 0 < weight <= HEAVIEST else None


def _weight_fault(record: Record, table: Table) -> str:
    if weight_in(record, table) is not None:
        return ""
    said = text_of(record.values.get(table.weight))[:40]
    return (
        f"{record.where}: “{table.weight}” is “{said}”. Write a number above 0, at most {HEAVIEST:,}, "
        "or leave it empty."
    )


def text_of(value: Any) -> str:
    """A cell as text: numbers, truth values and objects as compact JSON, a whole number without `.0`."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, Unpacked):
        return value.text
    if isinstance(value, float) and value.is_integer() and abs(value) < LONGEST_WHOLE:
        value = int(value)
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
