"""Rows of an Excel workbook (.xlsx). It is a zip of XML: it is unpacked within limits first, and read row by row."""

from __future__ import annotations

import datetime
import io
import warnings
import zipfile
from collections.abc import Iterator

from openpyxl import load_workbook

from optimizer.files.delimited import Line, of_lines
from optimizer.files.faults import FileFaultError
from optimizer.files.records import Sheet
from optimizer.files.shapes import MOST_COLUMNS
from optimizer.files.zips import reading_zip

LARGEST = 64 * 2**20  # bytes of all parts, unpacked
MOST_PARTS = 2_000
MOST_CELLS = 4_000_000  # also empty ones
CHUNK = 2**16
NO_WORKBOOK = "This is a zip archive, but no Excel workbook. Unpack it, and choose the file with the rows."
BROKEN = "The Excel file is broken. Open it in a spreadsheet, save it again, or save it as CSV."
TOO_LARGE = f"The Excel file unpacks to more than {LARGEST // 2**20} MB. Save the rows as CSV."


def is_workbook(content: bytes) -> bool:
    """Whether it is a zip, as an Excel workbook is."""
    return content.startswith((b"PK\x03\x04", b"PK\x05\x06"))


def read_workbook(content: bytes, *, most_rows: int, first_row_is_data: bool = False) -> Sheet:
    """The rows of the first sheet that has any; a sheet of more is read no further. FileFaultError if it cannot be
    read."""
    _check_parts(content)
    try:
        with warnings.catch_warnings(action="ignore"):  # about styles and the like
            sheet, title, others = _first_filled(content, most_rows, first_row_is_data)
    except FileFaultError:
        raise
    except Exception as error:  # whatever a broken or hostile file does to the library
        raise FileFaultError(BROKEN) from error
    notes = [f"The rows are those of the sheet “{title}”; the others were not read."] if others else []
    return sheet.but(sheet.columns, sheet.records, *notes)


def _check_parts(content: bytes) -> None:
    """Unpacks everything once without keeping it, because what a zip says about its sizes may be untrue."""
    with reading_zip(BROKEN), zipfile.ZipFile(io.BytesIO(content)) as parts:
        names = parts.namelist()
        if "[Content_Types].xml" not in names or "xl/workbook.xml" not in names:
            raise FileFaultError(NO_WORKBOOK)
        if len(names) > MOST_PARTS:
            raise FileFaultError(TOO_LARGE)
        size = 0
        for name in names:
            with parts.open(name) as part:
                while chunk := part.read(CHUNK):
                    size += len(chunk)
                    if size > LARGEST:
                        raise FileFaultError(TOO_LARGE)


def _first_filled(content: bytes, most_rows: int, first_row_is_data: bool) -> tuple[Sheet, str, bool]:
    book = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
    try:
        for sheet in book.worksheets:
            sheet.reset_dimensions()  # what it announces may be untrue
            found = of_lines(_lines(sheet, most_rows), first_row_is_data=first_row_is_data)
            if found.records or found.faults:
                return found, sheet.title, len(book.worksheets) > 1
        return Sheet((), (), tabular=True), "", False
    finally:
        book.close()


def _lines(sheet: object, most_rows: int) -> Iterator[Line]:
    """The filled rows, and one more than is allowed at most."""
    filled = cells = 0
    for number, values in enumerate(sheet.iter_rows(values_only=True), 1):  # type: ignore[attr-defined]
        cells += len(values) + 1
        if cells > MOST_CELLS:
            raise FileFaultError("The sheet has too many cells. Copy the rows into a new sheet.")
        texts = [_text(value) for value in values]
        while texts and not texts[-1].strip():
            texts.pop()
        if len(texts) > MOST_COLUMNS:
            raise FileFaultError(
                f"Row {number} has {len(texts)} columns; at most {MOST_COLUMNS} are allowed."
            )
        if texts:
            yield Line(number, texts)
            filled += 1
        if filled > most_rows + 1:  # the header is one of them
            return


def _text(value: object) -> str:
    """A cell as people see it, as far as that is known: a whole number without `.0`, a date in ISO 8601."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer() and abs(value) < 1e15:
            return str(int(value))
        case datetime.datetime() if value.time() == datetime.time():
            return value.date().isoformat()
        case datetime.datetime() | datetime.date() | datetime.time():
            return value.isoformat()
        case _:
            return str(value)
