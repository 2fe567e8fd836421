"""Rows with answers: read from what people paste or upload, and kept."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction

from optimizer.counts import counted, there_are
from optimizer.models import Dataset, Example, User, Workspace
from optimizer.models.base import TEXT_MAX
from optimizer.models.datasets import WEIGHT_MAX

INPUT_NAMES = ("input", "question", "text", "prompt", "query")
EXPECTED_NAMES = ("expected", "answer", "label", "completion", "output", "target")
WEIGHT_NAMES = ("weight",)
DELIMITERS = ",;\t"
ROWS_MIN = 4
ERRORS_SHOWN = 10


class Row(NamedTuple):
    """One example, and how much it counts."""

    input: str
    expected: str
    weight: float = 1.0


@dataclass(frozen=True)
class Record:
    """One row as it stood in the source. `where` names it to a person."""

    where: str
    names: Sequence[str]
    cells: Sequence[object]


class RepeatedKeys(dict[str, object]):
    """A JSON object that named a key more than once; `names` has them all."""

    names: Sequence[str]


@transaction.atomic
def create_dataset(
    *, workspace: Workspace, by: User, name: str, rows: Sequence[Row | tuple[str, str]]
) -> Dataset:
    """A dataset with these rows, in their order."""
    name = name.strip()[:100] or "Examples"
    dataset = Dataset.objects.create(workspace=workspace, name=name, created_by=by, updated_by=by)
    Example.objects.bulk_create(
        (Example(dataset=dataset, position=n, **Row(*row)._asdict()) for n, row in enumerate(rows)),
        batch_size=1000,
    )
    return dataset


def rows_of(dataset: Dataset) -> tuple[Row, ...]:
    """The dataset's rows, in their order."""
    return tuple(Row(*cells) for cells in dataset.examples.values_list("input", "expected", "weight"))


def parse_rows(content: bytes | str, name: str = "") -> list[Row]:
    """The rows of CSV, JSON or JSONL. ValidationError says what to mend, and where."""
    text = _decode(content)
    if not text.strip():
        raise ValidationError(_too_few(0))
    rows, errors = [], []
    for record in _read(text, name):
        try:
            rows.append(_row(record))
        except ValidationError as error:
            errors.extend(error.messages)
        if len(rows) + len(errors) > settings.DATASET_MAX_ROWS:
            raise ValidationError(f"There are more than {settings.DATASET_MAX_ROWS:,} rows. Leave some out.")
    _refuse(errors)
    if (different := len({row.input for row in rows})) < ROWS_MIN:
        raise ValidationError(_too_few(different))
    return rows


def _refuse(errors: list[str]) -> None:
    if len(errors) > ERRORS_SHOWN:
        errors = [*errors[:ERRORS_SHOWN], f"And {len(errors) - ERRORS_SHOWN} more."]
    if errors:
        raise ValidationError(errors)


def _too_few(count: int) -> str:
    found = {0: "There are no rows", 1: "There is 1 row"}.get(count, there_are(count, "different row"))
    return (
        f"{found}; at least {ROWS_MIN} are needed: some to search with, some to choose with, some to measure "
        "on. 20 or more make the measured gain worth trusting."
    )


# From bytes to text


def _decode(content: bytes | str) -> str:
    size = len(content) if isinstance(content, bytes) else len(content.encode(errors="surrogatepass"))
    if size > settings.DATASET_MAX_BYTES:
        limit = settings.DATASET_MAX_BYTES / 2**20
        raise ValidationError(
            f"The rows take {size / 2**20:.1f} MB; the limit is {limit:g} MB. Leave some out."
        )
    text = content if isinstance(content, str) else _utf8(content)
    if "\0" in text:
        line = text[: text.index("\0")].count("\n") + 1
        raise ValidationError(
            f"Line {line} holds a NUL character. Remove it, or save the file as plain text."
        )
    return text.removeprefix("\ufeff")


def _utf8(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise ValidationError(
            f"The file is not UTF-8 text: byte 0x{content[error.start]:02X} on line {line}. "
            "Save it again with the encoding UTF-8 (in a spreadsheet: “CSV UTF-8”)."
        ) from error


# From text to records


def _read(text: str, name: str) -> Iterator[Record]:
    """By the file's ending if it says CSV, else by the first character."""
    first = text.lstrip()[:1]
    if name.casefold().endswith((".csv", ".tsv")) or first not in ("[", "{"):
        return _read_csv(text)
    return _read_json(text) if first == "[" else _read_jsonl(text)


def _read_csv(text: str) -> Iterator[Record]:
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=_delimiter(text), strict=True)
    try:
        lines = (cells for cells in reader if any(cell.strip() for cell in cells))
        header = next(lines, [])
        _columns("The header", header)
        for number, cells in enumerate(lines, 1):
            yield Record(f"Row {number} (line {reader.line_num})", header, cells)
    except csv.Error as error:
        raise ValidationError(
            f"Line {reader.line_num} is not CSV: {error}. "
            "Text with quotes, line breaks or the delimiter stands in double quotes, its own quotes doubled."
        ) from error


def _delimiter(text: str) -> str:
    """The one under which the header has both columns, else the one that makes most cells of it."""
    header = next((line for line in text.splitlines() if line.strip()), "")
    splits = {d: next(csv.reader([header], delimiter=d), []) for d in DELIMITERS}
    both = (d for d, names in splits.items() if _find(names, INPUT_NAMES) and _find(names, EXPECTED_NAMES))
    return next(both, max(splits, key=lambda d: len(splits[d])))


def _read_json(text: str) -> Iterator[Record]:
    for number, value in enumerate(_loads(text, line=1), 1):
        yield _record(f"Row {number}", value)


def _read_jsonl(text: str) -> Iterator[Record]:
    lines = ((n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip())
    for number, (n, line) in enumerate(lines, 1):
        yield _record(f"Row {number} (line {n})", _loads(line, line=n))


def _loads(text: str, *, line: int) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        problem, line = error.msg, line + error.lineno - 1
    except (ValueError, RecursionError) as error:
        problem = str(error)
    raise ValidationError(
        f"Line {line} is not JSON: {problem}. Write one object a line, or one list of objects in [ ]."
    )


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    values = dict(pairs)
    if len(values) == len(pairs):
        return values
    repeated = RepeatedKeys(values)
    repeated.names = [key for key, _ in pairs]
    return repeated


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")


def _record(where: str, value: object) -> Record:
    if not isinstance(value, dict):
        raise ValidationError(f'{where} is not an object. Write {{"input": "…", "expected": "…"}}.')
    if isinstance(value, RepeatedKeys):
        _columns(where, value.names)
    return Record(where, list(value), list(value.values()))


# From a record to its row


def _row(record: Record) -> Row:
    i, e = _columns(record.where, record.names)
    _check_width(record)
    return Row(
        _text(record.where, record.names[i], record.cells[i]),
        _text(record.where, record.names[e], record.cells[e]),
        _weight(record),
    )


def _weight(record: Record) -> float:
    """1 where there is no such column, or nothing in it."""
    places = _find(record.names, WEIGHT_NAMES)
    cell = record.cells[_only(record.where, record.names, places)] if places else None
    if cell is None or not str(cell).strip():
        return 1.0
    try:
        weight = float(str(cell).strip())
    except ValueError:
        weight = 0.0
    if not 0 < weight <= WEIGHT_MAX:
        raise ValidationError(
            f"{record.where}: “weight” is “{str(cell)[:40]}”. Write a number above 0, at most {WEIGHT_MAX:,}, "
            "or leave it empty."
        )
    return weight


def _check_width(record: Record) -> None:
    have, want = len(record.cells), len(record.names)
    if have != want:
        raise ValidationError(
            f"{record.where} has {counted(have, 'cell')}, the header has {want}. "
            "Put text that contains the delimiter in double quotes."
        )


def _columns(where: str, names: Sequence[str]) -> tuple[int, int]:
    """Where the input and the expected answer stand."""
    return _column(where, names, INPUT_NAMES), _column(where, names, EXPECTED_NAMES)


def _column(where: str, names: Sequence[str], accepted: Sequence[str]) -> int:
    found = _find(names, accepted)
    if not found:
        have = ", ".join(f"“{name.strip()[:40]}”" for name in names[:10]) or "none"
        raise ValidationError(
            f"{where} has no column “{accepted[0]}” (or {', '.join(accepted[1:])}). Columns found: {have}."
        )
    return _only(where, names, found)


def _only(where: str, names: Sequence[str], places: Sequence[int]) -> int:
    if len(places) > 1:
        raise ValidationError(
            f"{where} has the column “{names[places[0]].strip()}” twice. Remove or rename one."
        )
    return places[0]


def _find(names: Sequence[str], accepted: Sequence[str]) -> list[int]:
    """The places of the first accepted name that occurs."""
    folded = [name.strip().casefold() for name in names]
    wanted = next((name for name in accepted if name in folded), None)
    return [place for place, name in enumerate(folded) if name == wanted]


def _text(where: str, column: str, value: object) -> str:
    """The cell as text that the database can hold: numbers, truth values and objects as compact JSON."""
    text = value if isinstance(value, str) else _compact(value)
    if not text.strip():
        raise ValidationError(f"{where}: “{column}” is empty. Fill it in, or remove the row.")
    if len(text) > TEXT_MAX:
        raise ValidationError(
            f"{where}: “{column}” has {len(text):,} characters; the limit is {TEXT_MAX:,}. Shorten it."
        )
    if "\0" in text or any("\ud800" <= c <= "\udfff" for c in text):
        raise ValidationError(
            f"{where}: “{column}” holds a broken character (NUL or half a pair). Remove it."
        )
    return text


def _compact(value: object) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False, separators=(",", ":"))
