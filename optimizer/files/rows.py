"""Rows with answers, read from whatever people have."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from optimizer.counts import there_are
from optimizer.files.cells import Limits, fault_in, is_list, row_from, text_of
from optimizer.files.documents import read_sheet
from optimizer.files.excel import is_workbook, read_workbook
from optimizer.files.faults import UNSTORABLE, FileFaultError, refuse, shortened
from optimizer.files.records import Record, Sheet
from optimizer.files.roles import Assignment, expected_column, input_column, weight_column
from optimizer.files.shapes import plain_columns
from optimizer.files.table import Row, Source, Table
from optimizer.files.text import Decoded, check_size, decoded

FEWEST_ROWS = 4


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
    if listed and is_list(answers := _read_json(cells.get(header.expected, ""))):
        values[header.expected] = answers
    record = Record(where, values)
    if fault := fault_in(record, header, limits):
        raise FileFaultError(fault)
    return replace(
        row_from(record, header), cells=dict(cells) | {n: "" for n in header.columns if n not in cells}
    )


def _read_json(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


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
        if fault := fault_in(record, table, limits):
            faults.append(fault)
        else:
            rows.append(row_from(record, table))
    return tuple(rows), faults
