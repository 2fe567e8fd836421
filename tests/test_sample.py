"""The sample: small, sound, believable."""

from __future__ import annotations

import re

from optimizer.sample import sample_form_data
from optimizer.services.datasets import parse_rows


def test_the_sample_has_eighty_different_rows() -> None:
    rows = parse_rows(sample_form_data()["rows"], "sample.jsonl")
    assert len(rows) == len({row.input for row in rows}) == len({row.expected for row in rows}) == 80


def test_each_answer_stands_in_its_message() -> None:
    for message, product, _ in parse_rows(sample_form_data()["rows"]):
        assert re.search(rf"\b{product}\b", message)
