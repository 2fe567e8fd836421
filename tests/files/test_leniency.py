"""What a person may say of a file: its encoding, its delimiter, and that rows with faults are left out."""

from __future__ import annotations

import json

import pytest

from optimizer.files import Assignment, FileFaultError, read_table
from optimizer.files.writing import csv_of, defused

GOOD = "question,answer\n" + "".join(f"q{n},a\n" for n in range(5))
KEEP = Assignment(keep_good=True)


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        (GOOD + "one,two,three\n", ["Row 6 (line 7) has 3 cells, the header has 2"]),
        (GOOD + "q9,\n,a\n", ["Row 6 (line 7): “answer” is empty", "Row 7 (line 8): “question” is empty"]),
        (GOOD + "q9," + "x" * 10_001 + "\n", ["Row 6 (line 7): “answer” has 10,001 characters"]),
        (
            json.dumps([*({"question": f"q{n}", "answer": "a"} for n in range(5)), 7, {"question": "q"}]),
            ["Row 6 is not an object", "Row 7 has no “answer”"],
        ),
    ],
)
def test_rows_with_faults_are_told_by_number_and_left_out_if_wished(text: str, faults: list[str]) -> None:
    with pytest.raises(FileFaultError) as caught:
        read_table(text)
    assert caught.value.good == 5
    assert len(caught.value.messages) == len(faults)
    table = read_table(text, assignment=KEEP)
    assert len(table.rows) == 5
    for told in (caught.value.messages, table.faults):
        assert all(said.startswith(fault) for said, fault in zip(told, faults, strict=True))


def test_too_few_good_rows_are_not_offered() -> None:
    text = "question,answer\nq1,a\nq2,\n"
    with pytest.raises(FileFaultError) as caught:
        read_table(text)
    assert caught.value.good == 0
    with pytest.raises(FileFaultError, match="at least 4 are needed"):
        read_table(text, assignment=KEEP)


def test_the_chosen_encoding_and_delimiter_count() -> None:
    content = ("größe;answer\n" + "".join(f"{n}|x;ja\n" for n in range(5))).encode("cp1252")
    table = read_table(content, assignment=Assignment(encoding="cp1252", delimiter=";"))
    assert table.columns == ("größe", "answer")
    assert table.source
    assert (table.source.encoding, table.source.delimiter) == ("cp1252", ";")
    with pytest.raises(FileFaultError, match="is not UTF-8: see line 1"):
        read_table(content, assignment=Assignment(encoding="utf-8"))
    with pytest.raises(FileFaultError, match="no encoding that is known here"):
        read_table(content, assignment=Assignment(encoding="rot13"))


def test_equal_content_has_an_equal_digest() -> None:
    assert read_table(GOOD).digest == read_table(GOOD.replace(",", ";"), "x.csv").digest
    assert read_table(GOOD).digest != read_table(GOOD + "q7,a\n").digest


@pytest.mark.parametrize("cell", ["=1+1", "+x", "-x", "@x", "\t=x", " =x", "-2+3", "+1(2)"])
def test_cells_that_a_spreadsheet_would_run_are_defused(cell: str) -> None:
    assert defused(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["-5", "+1,000.5", "-1e5", "-3 %", "text", "", "a=b", "1-2"])
def test_other_cells_stay(cell: str) -> None:
    assert defused(cell) == (f"'{cell}" if cell == "-3 %" else cell)


def test_a_hostile_header_is_defused_too() -> None:
    assert csv_of(["=a", "b"], [{"=a": "1", "b": None}]) == "'=a,b\r\n1,\r\n"
