"""The sample: small, sound, believable."""

from __future__ import annotations

import re

from optimizer.files import read_table
from optimizer.sample import sample_form_data


def test_the_sample_has_eighty_different_rows() -> None:
    rows = read_table(sample_form_data()["rows"], "sample.jsonl").rows
    assert len(rows) == len({row.cells["input"] for row in rows}) == len({row.expected for row in rows}) == 80


def test_each_answer_stands_in_its_message() -> None:
    for row in read_table(sample_form_data()["rows"]).rows:
        assert re.search(rf"\b{row.expected}\b", row.cells["input"])
