"""Rows from files: what is taken, and what is said about the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest
from django.core.exceptions import ValidationError

from optimizer.models import User, Workspace
from optimizer.services.datasets import Row, create_dataset, parse_rows, rows_of

ROWS = [
    Row("Lovely tea.", "positive"),
    Row("Cold soup.", "negative"),
    Row("Great, thanks!", "positive"),
    Row("No.", "no"),
]
CSV = 'input,expected\nLovely tea.,positive\nCold soup.,negative\n"Great, thanks!",positive\nNo.,no\n'
JSONL = "\n".join(json.dumps({"input": i, "expected": e}) for i, e, _ in ROWS)


def messages(content: bytes | str, name: str = "") -> str:
    with pytest.raises(ValidationError) as caught:
        parse_rows(content, name)
    return "\n".join(caught.value.messages)


def of_answers(*answers: Any) -> str:
    return json.dumps([{"input": f"row {n}", "expected": a} for n, a in enumerate(answers)])


@pytest.mark.parametrize(
    "content",
    [
        CSV,
        CSV.encode(),
        b"\xef\xbb\xbf" + CSV.encode(),
        CSV.replace("\n", "\r\n"),
        CSV.replace("\n", "\n\n") + ",\n",
        CSV.replace("input,expected", " Question , ANSWER "),
        CSV.replace("input,expected", "text,label"),
        CSV.replace("input,expected", "prompt,completion"),
        "\n".join(f"{i};{e}" for i, e, _ in [Row("input", "expected"), *ROWS]),
        "\n".join(f"{e}\tx, y; z\t{i}" for i, e, _ in [Row("input", "expected"), *ROWS]),
        JSONL,
        JSONL + "\n\n",
        f"[{','.join(JSONL.splitlines())}]",
        json.dumps([{"Text": i, "note": 1, "label": e} for i, e, _ in ROWS], indent=2),
    ],
)
def test_rows_are_read_from_csv_json_and_jsonl(content: bytes | str) -> None:
    assert parse_rows(content) == ROWS


def numbered(line: str, count: int = 4) -> str:
    """So many CSV lines, with a number for #."""
    return "".join(line.replace("#", str(number)) + "\n" for number in range(count))


def test_a_name_that_says_csv_is_believed() -> None:
    assert parse_rows("[input],input,expected\n" + numbered("a,b#,c"), "x.CSV")[0] == Row("b0", "c")


def test_exact_names_win_over_synonyms() -> None:
    assert parse_rows("text,input,label,expected\n" + numbered("a,b#,c,d"))[0] == Row("b0", "d")


def test_numbers_and_truth_values_become_text() -> None:
    assert [row.expected for row in parse_rows(of_answers(1, 2.5, True, "04"))] == ["1", "2.5", "true", "04"]


def test_objects_stay_compact_json() -> None:
    rows = parse_rows(
        json.dumps([{"input": {"name": "Zoë", "age": age}, "expected": ["a"]} for age in (3, 4, 5, 6)])
    )
    assert rows[0] == Row('{"name":"Zoë","age":3}', '["a"]')


def test_formulas_right_to_left_and_emoji_are_just_text() -> None:
    rows = parse_rows('input,expected\n=1+1,@x\nשלום,👩‍👩‍👧\n"a\nb",c\n-2,+3\n')
    assert rows == [Row("=1+1", "@x"), Row("שלום", "👩‍👩‍👧"), Row("a\nb", "c"), Row("-2", "+3")]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "There are no rows; at least 4"),
        (" \n", "There are no rows"),
        ("input,expected\n", "There are no rows"),
        ("input,expected\na,b\n", "There is 1 row;"),
        ("[]", "There are no rows"),
        (of_answers(1, 2, 3), "There are 3 different rows;"),
        ("input,result\na,b", "The header has no column “expected” (or answer, label"),
        ("input,result\na,b", "Columns found: “input”, “result”."),
        ("a,b", "no column “input”"),
        ("input,expected,Input\na,b,c", "the column “input” twice"),
        ("input,expected\na,b\nc\n", "Row 2 (line 3) has 1 cell, the header has 2"),
        ("input,expected\na,b,c\n", "Row 1 (line 2) has 3 cells"),
        ('input,expected\n"a\nb",c\nd, \n', "Row 2 (line 4): “expected” is empty"),
        ("input,expected\n,b\n", "Row 1 (line 2): “input” is empty"),
        ('input,expected\n"a,b\n', "is not CSV"),
        (f"input,expected\n{'a' * 10_001},b\n", "Row 1 (line 2): “input” has 10,001 characters; the limit"),
        (f"input,expected\n{'a' * 200_000},b\n", "is not CSV: field larger than field limit"),
        ("input,expected\na,b\nc\0,d\n", "Line 3 holds a NUL"),
        ("input,expected\n\ud800,d\n", "Row 1 (line 2): “input” holds a broken character"),
        ('{"input": "\\ud800", "expected": "b"}', "Row 1 (line 1): “input” holds a broken character"),
        ('{"input": "\\u0000a", "expected": "b"}', "broken character"),
        ('{"input": "a", "expected": null}', "“expected” is empty"),
        ('{"input": "a", "expected": "b"}\n{"input": "a",\n', "Line 2 is not JSON: "),
        ('[\n{"input": "a", "expected": "b"},\n{"input" "a"}]', "Line 3 is not JSON: "),
        ('{"input": "a", "expected": NaN}', "Line 1 is not JSON: NaN"),
        ('{"input": "a", "expected": ' + "1" * 5000 + "}", "Line 1 is not JSON: "),
        ("[" * 200_000, "Line 1 is not JSON: "),
        ("[1]", "Row 1 is not an object"),
        ('["a", "b"]', 'Write {"input": "…", "expected": "…"}'),
        ('{"input": "a"}', "Row 1 (line 1) has no column “expected”"),
        ('{"input": "a", "expected": "b", "input": "c"}', "the column “input” twice"),
        ('[{"input": "a", "Input": "c", "expected": "b"}]', "Row 1 has the column “input” twice"),
        (
            "input,expected\ncafé,b\n".encode("latin-1"),
            "byte 0xE9 on line 2. Save it again with the encoding UTF-8",
        ),
        ("input,expected\na,b\n".encode("utf-16"), "not UTF-8"),
        (b"\x89PNG\r\n\x1a\n\0\0", "not UTF-8"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(content: bytes | str, said: str) -> None:
    assert said in messages(content)


WEIGHTS = "input,expected,Weight\na,b,2\nc,d,\ne,f, 0.5 \ng,h,1000\n"


def test_a_row_may_have_a_weight() -> None:
    assert [row.weight for row in parse_rows(WEIGHTS)] == [2, 1, 0.5, 1000]


def test_weights_of_json_may_be_numbers_text_or_missing() -> None:
    weights: list[Any] = [{"weight": 2}, {"weight": "3.5"}, {"weight": None}, {}]
    rows = [{"input": f"row {n}", "expected": "x"} | weight for n, weight in enumerate(weights)]
    assert [row.weight for row in parse_rows(json.dumps(rows))] == [2, 3.5, 1, 1]


@pytest.mark.parametrize("weight", ["0", "-1", "1001", "nan", "inf", "heavy"])
def test_a_weight_that_is_none_is_said_with_its_place(weight: str) -> None:
    said = messages(f"input,expected,weight\na,b,{weight}\n")
    assert f"Row 1 (line 2): “weight” is “{weight}”. Write a number above 0" in said


def test_a_dataset_keeps_the_weights(user: User, workspace: Workspace) -> None:
    dataset = create_dataset(workspace=workspace, by=user, name="x", rows=parse_rows(WEIGHTS))
    assert rows_of(dataset) == tuple(parse_rows(WEIGHTS))


def test_errors_of_several_rows_are_said_together_and_many_are_counted() -> None:
    said = messages("input,expected\n" + "a,\n" * 15).splitlines()
    assert len(said) == 11
    assert said[-1] == "And 5 more."


def test_fifty_megabytes_are_refused_before_they_are_read() -> None:
    assert "take 50.0 MB; the limit is 5 MB" in messages(b"\xff" * (50 * 2**20))


def test_too_many_rows_are_refused(settings: Any) -> None:
    settings.DATASET_MAX_ROWS = 5
    assert len(parse_rows("input,expected\n" + numbered("a#,b", 5))) == 5
    assert "more than 5 rows" in messages("input,expected\n" + "a,b\n" * 6)


def test_a_dataset_keeps_its_rows_in_order(user: User, workspace: Workspace) -> None:
    dataset = create_dataset(workspace=workspace, by=user, name="  Reviews ", rows=ROWS)
    assert (dataset.name, dataset.created_by) == ("Reviews", user)
    assert list(dataset.examples.values_list("position", "input", "expected")) == [
        (n, i, e) for n, (i, e, _) in enumerate(ROWS)
    ]
