"""Rows with answers, read from whatever people have: what each column is for, and the rows as text."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeGuard

from optimizer.counts import there_are
from optimizer.engine.variables import shown
from optimizer.files.documents import read_sheet
from optimizer.files.excel import is_workbook, read_workbook
from optimizer.files.faults import FileFaultError, refuse, shortened
from optimizer.files.names import beside
from optimizer.files.records import Record, Sheet
from optimizer.files.roles import Assignment, expected_column, input_column, weight_column
from optimizer.files.shapes import Unpacked, plain_columns
from optimizer.files.text import Decoded, check_size, decoded

FEWEST_ROWS = 4
HEAVIEST = 1000
LONGEST_WHOLE = 1e16  # from here on a float no longer holds every whole number
UNSTORABLE = re.compile("[\0\ud800-\udfff]")


@dataclass(frozen=True)
class Limits:
    """How much is read: bytes of a file, rows, and characters of one cell."""

    most_bytes: int = 5 * 2**20
    most_rows: int = 10_000
    longest: int = 10_000


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


def read_table(
    content: bytes | str,
    name: str = "",
    *,
    limits: Limits | None = None,
    assignment: Assignment | None = None,
) -> Table:
    """The rows of a file or a pasted text. FileFaultError says what was seen and what to do."""
    limits, assigned = limits or Limits(), assignment or Assignment()
    sheet, encoding = _sheet(content, name, assigned, limits)
    if len(sheet.records) > limits.most_rows:
        raise FileFaultError(f"There are more than {limits.most_rows:,} rows. Leave some out.")
    if not (sheet.records or sheet.faults):
        raise FileFaultError(too_few(0))
    try:
        sheet = plain_columns(sheet)
        table = _table(sheet, assigned, limits)
    except FileFaultError:
        refuse(sheet.faults)
        raise
    different = len({tuple(row.cells[name] for name in table.others) for row in table.rows})
    if table.faults and not assigned.keep_good:
        refuse(table.faults, good=len(table.rows) if different >= FEWEST_ROWS else 0)
    if different < FEWEST_ROWS:
        raise FileFaultError(too_few(different), *shortened(table.faults))
    whole = content.encode(errors="replace") if isinstance(content, str) else content
    source = Source(whole, name, encoding, sheet.delimiter, not assigned.first_row_is_data)
    return replace(table, source=source)


def _sheet(content: bytes | str, name: str, assigned: Assignment, limits: Limits) -> tuple[Sheet, str]:
    """What it holds, and the encoding that it was read with; "" for a workbook."""
    if isinstance(content, bytes) and is_workbook(content):
        check_size(content, limits.most_bytes)
        first_is_data = assigned.first_row_is_data
        return read_workbook(content, most_rows=limits.most_rows, first_row_is_data=first_is_data), ""
    found: Decoded = decoded(content, most_bytes=limits.most_bytes, encoding=assigned.encoding)
    if not found.text.strip():
        raise FileFaultError(too_few(0))
    sheet = read_sheet(
        found.text, name, first_row_is_data=assigned.first_row_is_data, delimiter=assigned.delimiter
    )
    return sheet.but(sheet.columns, sheet.records, *found.notes), found.encoding


def row_of(cells: Mapping[str, str], header: Table, *, where: str, limits: Limits, listed: bool) -> Row:
    """One row as a person typed it, with the columns of `header`. FileFaultError if something is wrong with it. With
    `listed`, a JSON list of texts as the answer means that any of them is right."""
    values: dict[str, object] = {name: cells.get(name, "") for name in header.columns}
    if listed and _is_list(answers := _read_json(cells.get(header.expected, ""))):
        values[header.expected] = answers
    record = Record(where, values)
    if fault := _fault(record, header, limits):
        raise FileFaultError(fault)
    return replace(
        _row(record, header), cells=dict(cells) | {n: "" for n in header.columns if n not in cells}
    )


def _read_json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def table_of_pairs(pairs: Sequence[tuple[str, str]]) -> Table:
    """A table with the columns input and expected."""
    rows = tuple(Row({"input": text, "expected": answer}, answer) for text, answer in pairs)
    return Table(("input", "expected"), rows, expected="expected", input="input")


def reassigned(table: Table, assigned: Assignment, *, limits: Limits | None = None) -> Table:
    """The same rows, with the columns that a person chose for the answer, the input and the weight. FileFaultError if
    they cannot be used so."""
    if (assigned.expected or table.expected, assigned.weight or table.weight) == (
        table.expected,
        table.weight,
    ):
        chosen = assigned.input in ("", table.input)
        if chosen and (table.input_chosen or not assigned.input):
            return table
    sheet = Sheet(
        table.columns,
        tuple(Record(f"Row {n}", row.cells) for n, row in enumerate(table.rows, 1)),
        table.notes,
    )
    expected = expected_column(sheet, replace(assigned, expected=assigned.expected or table.expected))
    weight = weight_column(
        sheet, replace(assigned, weight=assigned.weight or _kept(table.weight, expected)), expected
    )
    kept = table.input if table.input_chosen and table.input not in (expected, weight) else ""
    said = replace(assigned, input=assigned.input or kept)
    changed = replace(
        table,
        expected=expected,
        weight=weight,
        input=input_column(sheet, said, expected, weight),
        input_chosen=bool(said.input),
    )
    refuse([fault for record in sheet.records if (fault := _fault(record, changed, limits or Limits()))])
    rows = zip(table.rows, sheet.records, strict=True)
    return replace(changed, rows=tuple(_reassigned_row(row, record, table, changed) for row, record in rows))


def _kept(weight: str, expected: str) -> str:
    return "" if weight == expected else weight


def _reassigned_row(row: Row, record: Record, before: Table, now: Table) -> Row:
    """The row with its answer and weight from the columns that hold them now."""
    weight = row.weight if now.weight == before.weight else _weight(record, now) or 1.0
    if now.expected == before.expected:
        return replace(row, weight=weight)
    return replace(row, expected=row.cells[now.expected].strip(), accepted=(), weight=weight)


def too_few(count: int) -> str:
    """What to say about so few rows."""
    found = there_are(count, "different row") if count else "There are no rows"
    return (
        f"{found}; at least {FEWEST_ROWS} are needed: some to learn from, some to choose by, some to measure "
        "on. 30 or more can prove a gain."
    )


# What each column is for


def _table(sheet: Sheet, assigned: Assignment, limits: Limits) -> Table:
    if any(UNSTORABLE.search(name) for name in sheet.columns):
        raise FileFaultError(
            "The name of a column holds a broken character (NUL or half a pair). Rename the column."
        )
    expected = expected_column(sheet, assigned)
    weight = weight_column(sheet, assigned, expected)
    chosen = input_column(sheet, assigned, expected, weight)
    columns, too_long = _storable(sheet, {expected, chosen, weight}, limits)
    notes = [
        f"“{name}” is left out: a cell has more than {limits.longest:,} characters." for name in too_long
    ]
    table = Table(columns, (), expected, chosen, weight, bool(assigned.input))
    rows, faults = _rows(sheet, table, limits)
    if any(row.accepted for row in rows):
        notes.append(
            f"“{expected}” holds lists: any answer in a list is right. (Only the json grader expects the whole list.)"
        )
    return replace(table, rows=rows, notes=(*sheet.notes, *notes), faults=(*sheet.faults, *faults))


def _storable(sheet: Sheet, needed: set[str], limits: Limits) -> tuple[tuple[str, ...], list[str]]:
    """The columns that are kept, and those with a cell that is too long. Needed columns are always kept."""
    too_long = [
        name
        for name in sheet.columns
        if name not in needed
        and any(len(text_of(r.values.get(name))) > limits.longest for r in sheet.records)
    ]
    return tuple(name for name in sheet.columns if name not in too_long), too_long


# From records to rows


def _rows(sheet: Sheet, table: Table, limits: Limits) -> tuple[tuple[Row, ...], list[str]]:
    """The rows that are in order, and what is wrong with the others."""
    rows, faults = [], []
    for record in sheet.records:
        if fault := _fault(record, table, limits):
            faults.append(fault)
        else:
            rows.append(_row(record, table))
    return tuple(rows), faults


def _row(record: Record, table: Table) -> Row:
    cells = {name: text_of(record.values.get(name)) for name in table.columns}
    accepted = _accepted(record.values.get(table.expected))
    expected = accepted[0] if accepted else cells[table.expected]
    return Row(cells, expected.strip(), accepted, _weight(record, table) or 1.0)


def _is_list(value: object) -> TypeGuard[list[object]]:
    """Whether it is a list of plain values."""
    return isinstance(value, list) and not any(isinstance(one, list | dict) for one in value)


def _accepted(value: object) -> tuple[str, ...]:
    """The answers in a list, each of them right; () for anything else."""
    if not _is_list(value):
        return ()
    return tuple(dict.fromkeys(text for one in value if (text := text_of(one)).strip()))


def _fault(record: Record, table: Table, limits: Limits) -> str:
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
    if not text_of(answer).strip() or (_is_list(answer) and not _accepted(answer)):
        return f"{record.where}: “{table.expected}” is empty. Fill it in, or remove the row."
    wanted = [table.input] if table.input else list(table.others)
    if not any(text_of(record.values.get(name)).strip() for name in wanted):
        return f"{record.where}: “{wanted[0]}” is empty. Fill it in, or remove the row."
    return ""


def _weight(record: Record, table: Table) -> float | None:
    """1 if there is no such column or nothing in it; None if the value is no weight."""
    cell = text_of(record.values.get(table.weight)).strip() if table.weight else ""
    try:
        weight = float(cell) if cell else 1.0
    except ValueError:
        return None
    return weight if 0 < weight <= HEAVIEST else None


def _weight_fault(record: Record, table: Table) -> str:
    if _weight(record, table) is not None:
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
