"""Rows out: CSV that a spreadsheet may open, and JSONL that gives everything back."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Iterable, Mapping, Sequence

FORMULA = re.compile(r"[\s]*[=+\-@\t\r]")  # how a cell begins that a spreadsheet might run
NUMBER = re.compile(r"[+-]?\d+([.,]\d+)*([eE][+-]?\d+)?%?")


def csv_of(columns: Sequence[str], rows: Iterable[Mapping[str, object]]) -> str:
    """The rows below a header, without cells that a spreadsheet would run: these begin with an apostrophe."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(map(defused, columns))
    for row in rows:
        writer.writerow([defused(_text(row.get(name))) for name in columns])
    return text.getvalue()


def jsonl_of(rows: Iterable[Mapping[str, object]]) -> str:
    """One object a line, exactly as it is kept."""
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def defused(cell: str) -> str:
    """The cell, as text even for a spreadsheet. A plain number stays as it is."""
    return f"'{cell}" if FORMULA.match(cell) and not NUMBER.fullmatch(cell.strip()) else cell


def _text(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, float):
        return f"{value:g}"
    return "" if value is None else str(value)
