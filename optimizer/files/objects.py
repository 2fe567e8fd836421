"""Text that holds JSON: one list, one object a line, objects one after another, or rows wrapped in an object."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from optimizer.files.delimited import Line, headed
from optimizer.files.faults import FileFaultError, twice
from optimizer.files.records import Record, Sheet, sheet_of

COMMENTS = ("//", "#")
DEEPEST = 4  # objects within objects that are searched for rows
HINT = "Write one object a line, or one list of objects in [ ]."
Placed = tuple[str, object]  # where it stands, and the value


class RepeatedKeys(dict[str, object]):
    """A JSON object that named a key more than once; `name` is the first of these."""

    name = ""


def read_json_text(text: str, *, first_row_is_data: bool = False) -> Sheet:
    """The rows of JSON or JSONL. FileFaultError if it is neither."""
    text, notes = _without_comments(text)
    values = list(_values(text))
    if len(values) == 1:
        where, value = values[0]
        return read_value(value, where=where, notes=notes, first_row_is_data=first_row_is_data)
    return _sheet(
        [(f"Row {n} ({where})", v) for n, (where, v) in enumerate(values, 1)], notes, first_row_is_data
    )


def read_value(
    value: object, *, where: str = "", notes: Sequence[str] = (), first_row_is_data: bool = False
) -> Sheet:
    """The rows in one value: a list, a list somewhere in an object, lists by column, or one lone row."""
    rows, note = unwrapped(value)
    notes = [*notes, note] if note else list(notes)
    if isinstance(rows, list):
        return _sheet([(f"Row {n}", row) for n, row in enumerate(rows, 1)], notes, first_row_is_data)
    return _sheet([(f"Row 1 ({where})" if where else "Row 1", rows)], notes, first_row_is_data)


def unwrapped(value: object) -> tuple[object, str]:
    """The list of rows that an object holds, with a note of where; the value itself if it holds none."""
    if not isinstance(value, dict):
        return value, ""
    if by_column := _transposed(value):
        return by_column, "The file holds one list per column; the lists were read side by side."
    lists = {name: rows for name, rows in value.items() if isinstance(rows, list) and _are_rows(name, rows)}
    if not lists and len(demos := list(_demos(value, DEEPEST))) == 1:
        return demos[0], "The rows are the examples of a DSPy program."
    if len(lists) != 1:
        return value, ""
    ((name, rows),) = lists.items()
    named = _with_label_names(rows, value.get("features"))
    return named, f"The rows were found under “{name}”."


def _demos(value: Mapping[str, object], depth: int) -> Iterator[list[object]]:
    """The lists of examples within a saved DSPy program."""
    for name, inner in value.items():
        if (
            name == "demos"
            and isinstance(inner, list)
            and inner
            and all(isinstance(one, dict) for one in inner)
        ):
            yield inner
        elif isinstance(inner, dict) and depth:
            yield from _demos(inner, depth - 1)


def _are_rows(name: str, rows: list[object]) -> bool:
    """Whether these are objects, but not a chat, the checks of a lone row, or a description of columns."""
    objects = bool(rows) and all(isinstance(row, dict) for row in rows)
    return objects and name not in {"messages", "assert", "features"}


def _transposed(value: Mapping[str, object]) -> list[object]:
    """Rows from lists by column, all of one length; [] if the object holds anything else."""
    columns = [cells for cells in value.values() if isinstance(cells, list)]
    if len(columns) < 2 or len(columns) < len(value) or len({len(cells) for cells in columns}) > 1:
        return []
    if any(isinstance(cell, dict) for cells in columns for cell in cells):
        return []
    return [dict(zip(value, cells, strict=True)) for cells in zip(*columns, strict=True)]


def _with_label_names(rows: list[Any], features: object) -> list[Any]:
    """Rows of a dataset server, which stand under `row`, with labels' names instead of their numbers."""
    if not isinstance(features, list) or not all(isinstance(row.get("row"), dict) for row in rows):
        return rows
    described = [feature for feature in features if isinstance(feature, dict)]
    names = {f.get("name"): _label_names(f.get("type")) for f in described}
    return [{key: _named(value, names.get(key)) for key, value in row["row"].items()} for row in rows]


def _label_names(kind: object) -> list[object]:
    names = kind.get("names") if isinstance(kind, dict) else None
    return names if isinstance(names, list) else []


def _named(value: object, names: list[object] | None) -> object:
    if not names or not isinstance(value, int) or isinstance(value, bool):
        return value
    return names[value] if 0 <= value < len(names) else value


def _sheet(values: Sequence[Placed], notes: Sequence[str], first_row_is_data: bool) -> Sheet:
    lists = [(where, value) for where, value in values if isinstance(value, list)]
    if lists and len(lists) == len(values):
        lines = [Line(n, list(map(_cell, value))) for n, (_, value) in enumerate(lists, 1)]
        return headed(lines, first_row_is_data=first_row_is_data)
    faults = [(n, fault) for n, (where, value) in enumerate(values) if (fault := _fault(where, value))]
    bad = {n for n, _ in faults}
    records = [
        Record(where, value)
        for n, (where, value) in enumerate(values)
        if n not in bad and isinstance(value, dict)
    ]
    return sheet_of(records, notes, [fault for _, fault in faults])


def _cell(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else json.dumps(value, ensure_ascii=False)


def _fault(where: str, value: object) -> str:
    """Why the value is no row, or ""."""
    if not isinstance(value, dict):
        return f'{where} is not an object. Write {{"input": "…", "expected": "…"}}.'
    return twice(where, value.name) if isinstance(value, RepeatedKeys) else ""


def _values(text: str) -> Iterator[Placed]:
    """Each JSON value of the text, with the line on which it begins."""
    decoder = json.JSONDecoder(object_pairs_hook=_object, parse_float=_finite, parse_constant=_no_constant)
    place, line = 0, 1
    while True:
        start = _after_blanks(text, place)
        line += text.count("\n", place, start)
        if start == len(text):
            return
        try:
            value, end = decoder.raw_decode(text, start)
        except json.JSONDecodeError as error:
            # Where something is missing, not where it was noticed.
            at = text[: error.pos].rstrip().count("\n") + 1
            raise FileFaultError(f"Line {at} is not JSON: {error.msg}. {HINT}") from error
        except (ValueError, RecursionError) as error:
            raise FileFaultError(f"Line {line} is not JSON: {error}. {HINT}") from error
        yield f"line {line}", value
        line += text.count("\n", start, end)
        place = end


def _after_blanks(text: str, place: int) -> int:
    """Where the next value begins; a comma between two values is skipped."""
    while place < len(text) and text[place] in " \t\r\n,":
        place += 1
    return place


def _without_comments(text: str) -> tuple[str, list[str]]:
    """Comment lines become empty, so that line numbers stay the same."""
    lines = text.split("\n")
    comments = [n for n, line in enumerate(lines) if line.lstrip().startswith(COMMENTS)]
    if not comments:
        return text, []
    for number in comments:
        lines[number] = ""
    return "\n".join(lines), ["Lines that begin with // or # were left out."]


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values = dict(pairs)
    if len(values) == len(pairs):
        return values
    keys = [key for key, _ in pairs]
    repeated = RepeatedKeys(values)
    repeated.name = next(key for key in keys if keys.count(key) > 1)
    return repeated


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text[:40]} is too large a number")
    return number


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")
