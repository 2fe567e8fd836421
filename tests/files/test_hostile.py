"""Whatever a file holds, it is read or refused with words; nothing else is raised."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from optimizer.engine.variables import filled, variables
from optimizer.files import Assignment, FileFaultError, Limits, Table, read_table
from optimizer.files.binding import bind

MANY = settings(max_examples=300, derandomize=True, deadline=None)
WORDS = st.sampled_from(
    ["input", "expected", "answer", "messages", "role", "user", "content", "assert", "vars", "rows", "row", "data",
     "features", "tests", "weight", "a.b", "", "####", "{{x}}", "|", "---", "\t", "\n", '"', "//", "[", "{", "\ufeff"]
)  # fmt: skip
NAMES = st.sampled_from(["", "x.csv", "x.json", "x.yaml", "x.md"])
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS, inner, max_size=4),
    max_leaves=20,
)


def read(content: bytes | str, name: str = "", assignment: Assignment | None = None) -> Table | None:
    """The table, of four rows at least; None if it is refused."""
    try:
        table = read_table(content, name, assignment=assignment)
    except FileFaultError:
        return None
    assert len(table.rows) >= 4
    return table


@MANY
@given(
    st.text() | st.lists(WORDS).map("".join),
    NAMES,
    st.booleans(),
)
def test_any_text(text: str, name: str, data: bool) -> None:
    read(text, name, Assignment(first_row_is_data=data))


@MANY
@given(st.binary(max_size=300))
def test_any_bytes(content: bytes) -> None:
    read(content)


@MANY
@given(VALUES, st.booleans())
def test_any_json(value: object, lines: bool) -> None:
    text = "\n".join(map(json.dumps, value)) if lines and isinstance(value, list) else json.dumps(value)
    table = read(text)
    if table:
        for row in table.rows:
            assert row.expected.strip()
            assert set(row.cells) == set(table.columns)
            json.dumps(row.cells)
        bind(table, ("input", "x")).in_words(table)


@MANY
@given(
    st.lists(st.sampled_from(["{", "}", "{{", "}}", "a", "{{a}}", "$", "\\frac", " ", "\n", "b_1"])).map(
        "".join
    )
)
def test_only_variables_change_when_a_prompt_is_filled(text: str) -> None:
    item = type("Row", (), {"input": "", "values": (("a", "A"), ("b_1", "B"))})()
    assert filled(text, item).count("{") == text.count("{") - 2 * sum(
        text_of_place in ("a", "b_1") for text_of_place in places(text)
    )


def places(text: str) -> list[str]:
    """The name at each place that is filled, found by marking one after another."""
    found = []
    for name in variables(text):
        marked = filled(text, type("Row", (), {"input": "", "values": ((name, "\0"),)})())
        found += [name] * marked.count("\0")
    return found


@pytest.mark.parametrize(
    "content",
    [
        "input,expected\n" + '"' * 200_000,
        "|" * 100_000 + "\n" + "|-" * 100_000,
        "{" * 100_000,
        '{"a":' * 3000 + "1" + "}" * 3000,
        '[{"input": ' + '{"x":' * 200 + "1" + "}" * 200 + ', "expected": "a"}]',
        "- " * 50_000,
        "tests:\n" + "  - vars: {a: b}\n" * 9000,
        "//" + "\n//" * 200_000,
        "a" * (5 * 2**20),
        ",".join(f"c{n}" for n in range(5000)) + "\n" + "x,y\n" * 100,
        "input,expected\n" + "a,####\n" * 9000,
        "\n" * (4 * 2**20),
    ],
    ids=range(12),
)
def test_hostile_files_are_read_or_refused_soon(content: str) -> None:
    read(content)
    with pytest.raises(FileFaultError, match=r"MB; the limit is 0\.125 MB"):
        read_table(content.ljust(200_000), limits=Limits(most_bytes=2**17))
