"""Text with one row a line: CSV with any delimiter, tables from a spreadsheet, Markdown tables."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import clevercsv

from optimizer.files.faults import FileFaultError, twice
from optimizer.files.names import has_answers, has_inputs, unnamed
from optimizer.files.records import Record, Sheet

DELIMITERS = ",;\t|"
SAMPLE = 4_000  # characters that tell the delimiter; the time to guess grows with their square at worst
RULE = re.compile(r"^\s*\|?(\s*:?-+:?\s*\|)+\s*(:?-+:?)?\s*$")  # the line below a Markdown header
PIPE = re.compile(r"(?<!\\)\|")
csv.field_size_limit(2**31 - 1)  # the reader of rows limits each cell, and tells which it is
DELIMITER_WORDS = {",": "Comma", ";": "Semicolon", "\t": "Tab", "|": "Bar |"}  # for people
QUOTE = "Put text that contains the delimiter in double quotes."


class Line(NamedTuple):
    """The cells of one row, and the number of the line on which it ends."""

    number: int
    cells: list[str]


def read_table_text(text: str, *, first_row_is_data: bool = False, delimiter: str = "") -> Sheet:
    """The rows of a table, with this delimiter or else the one that is recognised. FileFaultError if it is no table."""
    above = None if delimiter else _above_markdown(text)
    chosen = "" if above is not None else delimiter or _delimiter(text)
    lines = _csv(text, chosen) if above is None else _markdown(text, above)
    return of_lines(lines, first_row_is_data=first_row_is_data, delimiter=chosen)


def of_lines(lines: Iterable[Line], *, first_row_is_data: bool, delimiter: str = "") -> Sheet:
    """The lines as records, without those that are empty."""
    filled = [line for line in lines if any(cell.strip() for cell in line.cells)]
    if not filled:
        return Sheet((), (), tabular=True)
    return replace(headed(filled, first_row_is_data=first_row_is_data), delimiter=delimiter)


def headed(lines: Sequence[Line], *, first_row_is_data: bool) -> Sheet:
    """The lines as records. The first line names the columns, unless it is data too."""
    names = _numbered(lines[0]) if first_row_is_data else _names(lines[0])
    rows = lines if first_row_is_data else lines[1:]
    faults: list[str] = []
    records = []
    for number, line in enumerate(rows, 1):
        where = f"Row {number} (line {line.number})"
        cells, fault = _fitted(where, line.cells, len(names))
        if fault:
            faults.append(fault)
        else:
            records.append(Record(where, dict(zip(names, cells, strict=True))))
    sheet = _without_empty(names, records, headed=not first_row_is_data)
    return replace(sheet, faults=tuple(faults))


def begins_with_header(text: str) -> bool:
    """Whether the first line names columns of answers, even if it begins as JSON does."""
    header = next(iter(_first_lines(text)), "")
    if ":" in header:
        return False
    return any(has_answers(names) for names in (_split(header, d) for d in DELIMITERS) if len(names) > 1)


def _above_markdown(text: str) -> int | None:
    """How many lines stand above the header of a Markdown table; None if there is no such table."""
    lines = text[:SAMPLE].split("\n")
    rule = next((n for n, line in enumerate(lines) if n and RULE.match(line) and "|" in lines[n - 1]), None)
    return None if rule is None else rule - 1


def _first_lines(text: str) -> list[str]:
    """Lines as the CSV reader sees them: other separators of Unicode are part of a cell."""
    return [line for line in re.split(r"\r\n|\r|\n", text[:SAMPLE]) if line.strip()]


def _csv(text: str, delimiter: str) -> Iterator[Line]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    try:
        for cells in reader:
            yield Line(reader.line_num, cells)
    except csv.Error as error:
        raise FileFaultError(
            f"Line {reader.line_num} is not CSV: {error}. "
            "Put text with quotes, line breaks or the delimiter in double quotes, and double its own quotes."
        ) from error


def _delimiter(text: str) -> str:
    """The delimiter with which the header names input and answer, or else the one that fits the lines best."""
    header = next(iter(_first_lines(text)), "")
    splits = {delimiter: _split(header, delimiter) for delimiter in DELIMITERS}
    for delimiter, names in splits.items():
        if has_inputs(names) and has_answers(names):
            return delimiter
    try:
        found = clevercsv.Sniffer().sniff(text[:SAMPLE], delimiters=DELIMITERS)
    except clevercsv.Error:
        found = None
    if found and found.delimiter in splits:
        return str(found.delimiter)
    return max(splits, key=lambda delimiter: len(splits[delimiter]))


def _split(header: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([header], delimiter=delimiter), [])
    except csv.Error:  # reading the whole text reports it
        return []


def _markdown(text: str, above: int) -> Iterator[Line]:
    """The rows of the table, without the lines above it, its rule, and what stands below it."""
    for number, line in enumerate(text.split("\n")[above:], above + 1):
        if line.strip() and "|" not in line:
            return
        if line.strip() and not RULE.match(line):
            inner = line.strip().removeprefix("|")
            inner = inner[:-1] if inner.endswith("|") and not inner.endswith("\\|") else inner
            yield Line(number, [cell.strip().replace("\\|", "|") for cell in PIPE.split(inner)])


def _numbered(line: Line) -> list[str]:
    return [f"column {number}" for number in range(1, len(line.cells) + 1)]


def _names(line: Line) -> list[str]:
    """The header's names; a column without one is called by its place."""
    names = [cell.strip() or unnamed(number) for number, cell in enumerate(line.cells, 1)]
    for name in names:
        if names.count(name) > 1:
            raise FileFaultError(twice("The header", name))
    return names


def _fitted(where: str, cells: list[str], width: int) -> tuple[list[str], str]:
    """As many cells as the header has: empty ones at the end may be missing, or too many."""
    while len(cells) > width and not cells[-1].strip():
        cells = cells[:-1]
    if len(cells) > width:
        return cells, f"{where} has {len(cells)} cells, the header has {width}. {QUOTE}"
    return [*cells, *[""] * (width - len(cells))], ""


def _without_empty(names: Sequence[str], records: Sequence[Record], *, headed: bool) -> Sheet:
    """Without columns that have neither a name of their own nor a single value."""
    kept = [
        name
        for number, name in enumerate(names, 1)
        if name != unnamed(number) or any(str(record.values[name]).strip() for record in records)
    ]
    shorn = tuple(Record(r.where, {name: r.values[name] for name in kept}) for r in records)
    return Sheet(tuple(kept), shorn, headed=headed, tabular=True)
