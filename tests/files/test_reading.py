"""Rows from files: what is read as it should be, and what is said about the rest."""

from __future__ import annotations

import json
from typing import Any

import pytest

from optimizer.files import Assignment, FileFaultError, Limits, read_table

ROWS = [
    ("Lovely tea.", "positive"),
    ("Cold soup.", "negative"),
    ("Great, thanks!", "positive"),
    ("No.", "no"),
]
CSV = 'input,expected\nLovely tea.,positive\nCold soup.,negative\n"Great, thanks!",positive\nNo.,no\n'
JSONL = "\n".join(json.dumps({"input": i, "expected": e}) for i, e in ROWS)


def pairs(content: bytes | str, name: str = "", **assigned: Any) -> list[tuple[str, str]]:
    """Inputs and answers, as they are read."""
    table = read_table(content, name, assignment=Assignment(**assigned))
    return [(row.cells[table.input], row.expected) for row in table.rows]


def said_of(content: bytes | str, name: str = "", limits: Limits | None = None) -> str:
    with pytest.raises(FileFaultError) as caught:
        read_table(content, name, limits=limits)
    return "\n".join(caught.value.messages)


def of_answers(*answers: Any) -> str:
    return json.dumps([{"input": f"row {n}", "expected": a} for n, a in enumerate(answers)])


def numbered(line: str, count: int = 4) -> str:
    """This many CSV lines, with a number for #."""
    return "".join(line.replace("#", str(number)) + "\n" for number in range(count))


def joined(delimiter: str, header: tuple[str, str] = ("input", "expected")) -> str:
    return "\n".join(delimiter.join(cells) for cells in [header, *ROWS])


@pytest.mark.parametrize(
    "content",
    [
        CSV,
        CSV.encode(),
        b"\xef\xbb\xbf" + CSV.encode(),
        CSV.encode("utf-16"),
        CSV.encode("utf-16-le"),
        CSV.encode("utf-16-be"),
        CSV.encode("utf-16-be").join([b"\xfe\xff", b""]),
        CSV.replace("\n", "\r\n"),
        CSV.replace("\n", "\r"),
        CSV.replace("\n", "\n\n") + ",\n",
        CSV.replace("input,expected", " Question , ANSWER "),
        CSV.replace("input,expected", "text,label"),
        CSV.replace("input,expected", "prompt,completion"),
        CSV.replace("input,expected", "country,correct_answer"),
        CSV.replace("input,expected", "question,__expected"),
        CSV.replace("input,expected", "Question,Expected output"),
        joined(";"),
        joined("|"),
        joined("\t"),
        joined("\t").replace("\n", "\t\n") + "\t",
        "\n".join(f"{n}\t{i}\t{e}" for n, (i, e) in enumerate(ROWS)).join(["\tinput\texpected\n", ""]),
        "\n".join(f"| {i} | {e} |" for i, e in ROWS).join(["| Input | Expected |\n|:---|---|\n", ""]),
        "\n".join(f"| {i} | {e} |" for i, e in ROWS).join(
            ["# Rows\n\nAs asked:\n\n| Input | Expected |\n|---|---|\n", "\n\nEnd."]
        ),
        f"```json\n[{','.join(JSONL.splitlines())}]\n```\n",
        CSV.replace("input,expected", "[input],expected"),
        "\n".join(f"{i} | {e}" for i, e in ROWS).join(["input | expected\n--- | ---\n", ""]),
        "\n".join(f"{e}\tx, y; z\t{i}" for i, e in [("input", "expected"), *ROWS]),
        JSONL,
        JSONL + "\n\n",
        JSONL.replace("\n", "\r\n"),
        JSONL.replace("\n", " "),
        "// my rows\n# and more\n" + JSONL,
        "\n".join(json.dumps(json.loads(line), indent=1) for line in JSONL.split("\n")),
        f"[{','.join(JSONL.splitlines())}]",
        json.dumps([{"Text": i, "note": 1, "label": e} for i, e in ROWS], indent=2),
        json.dumps({"data": [{"input": i, "target": e} for i, e in ROWS]}, indent=2),
        json.dumps({"name": "x", "examples": [{"input": i, "ideal": e} for i, e in ROWS], "tags": []}),
        json.dumps({"input": [i for i, _ in ROWS], "expected": [e for _, e in ROWS]}),
    ],
)
def test_rows_are_read_whatever_wrote_them(content: bytes | str) -> None:
    assert pairs(content) == ROWS


def chat(*turns: tuple[str, str]) -> list[dict[str, str]]:
    return [{"role": role, "content": content} for role, content in turns]


def cases(check: str = "equals", **more: Any) -> list[dict[str, Any]]:
    return [{"vars": {"question": i}, "assert": [{"type": check, "value": e}], **more} for i, e in ROWS]


FEATURES = [
    {"name": "text", "type": {"dtype": "string"}},
    {"name": "label", "type": {"names": ["no", "yes"]}},
]
YAML = "".join(
    f"  - vars:\n      question: '{i}'\n    assert:\n      - type: equals\n        value: '{e}'\n"
    for i, e in ROWS
).join(["tests:\n", ""])


@pytest.mark.parametrize(
    "content",
    [
        json.dumps([{"messages": chat(("system", "Say."), ("user", i), ("assistant", e))} for i, e in ROWS]),
        json.dumps([{"input": chat(("system", "Say."), ("user", i)), "ideal": e} for i, e in ROWS]),
        json.dumps([{"messages": [{"role": "user", "content": [{"type": "text", "text": i}]},
                                  {"role": "assistant", "content": e}]} for i, e in ROWS]),
        json.dumps([{"id": n, "input": {"question": i}, "expectedOutput": e, "metadata": None}
                    for n, (i, e) in enumerate(ROWS)]),
        "id,input,expectedOutput\n" + "".join(
            '{},"{}","{}"\n'.format(n, json.dumps({"q": i}).replace('"', '""'), json.dumps(e).replace('"', '""'))
            for n, (i, e) in enumerate(ROWS)),
        json.dumps([{"input": i, "expected_output": e} for i, e in ROWS]),
        json.dumps(cases()),
        json.dumps({"tests": cases("contains", description="x")}),
        YAML,
        json.dumps([{"question": i, "answers": {"text": [e], "answer_start": [0]}} for i, e in ROWS]),
        json.dumps([{"question": i, "answer": f"Because.\n#### {e}"} for i, e in ROWS]),
        json.dumps([{"question": i, "answer": "Reason.", "final_answer": e} for i, e in ROWS]),
        json.dumps([{"prompt": f"{i}", "completion": f" {e}\n"} for i, e in ROWS]),
        json.dumps([{"instruction": i, "input": "", "output": e} for i, e in ROWS]),
        json.dumps([{"instruction": i, "output": e} for i, e in ROWS]),
    ],
)  # fmt: skip
def test_what_other_tools_write_is_read(content: str) -> None:
    assert pairs(content) == ROWS


def test_labels_of_a_dataset_server_have_their_names() -> None:
    rows = [{"row_idx": n, "row": {"text": f"t{n}", "label": n % 2}} for n in range(4)]
    assert pairs(json.dumps({"features": FEATURES, "rows": rows}))[:2] == [("t0", "no"), ("t1", "yes")]


def test_a_file_without_a_header_is_refused_with_the_offer_to_take_its_first_row() -> None:
    content = "Is tea wet?,yes\nIs it cold?,no\nIs ice hot?,no\nIs fire hot?,yes\n"
    with pytest.raises(FileFaultError, match="say that the first row is data") as caught:
        read_table(content)
    assert (caught.value.columns, caught.value.headless) == (("Is tea wet?", "yes"), True)
    assert pairs(content, first_row_is_data=True)[0] == ("Is tea wet?", "yes")
    lists = "\n".join(json.dumps(line.split(",")) for line in content.splitlines())
    assert pairs(lists, first_row_is_data=True)[0] == ("Is tea wet?", "yes")


def test_yaml_stays_as_it_is_written() -> None:
    answers = ["no", "010", "2020-01-01", "~"]
    rows = "".join(f"- {{at: 1{n}:30, expected: {answer}}}\n" for n, answer in enumerate(answers))
    table = read_table(rows, "rows.yaml", assignment=Assignment(input="at"))
    assert [row.expected for row in table.rows] == answers
    assert table.rows[0].cells["at"] == "10:30"
    read_table("".join(f"- {{1: a{n}, true: b, expected: !!binary aGk=}}\n" for n in range(4)), "rows.yaml")


def test_assertions_in_cells_lose_their_type() -> None:
    table = read_table("question,__expected\na,contains: x\nb,equals:y\nc,z: w\nd,v\n")
    assert [row.expected for row in table.rows] == ["x", "y", "z: w", "v"]
    assert any("choose the contains grader" in note for note in table.notes)


def test_columns_may_be_chosen() -> None:
    content = "输入,期望输出\n" + numbered("水#,是")
    with pytest.raises(FileFaultError, match="Columns found: “输入”, “期望输出”"):
        read_table(content)
    assert pairs(content, expected="期望输出")[0] == ("水0", "是")
    table = read_table("text,input,answer\n" + numbered("a#,b,c"), assignment=Assignment(input="text"))
    assert (table.input, table.input_chosen) == ("text", True)
    with pytest.raises(FileFaultError, match=r"There is no column “nothing”\. Columns found: “输入”"):
        read_table(content, assignment=Assignment(expected="nothing"))


def test_all_columns_are_kept() -> None:
    table = read_table("team,question,answer\n" + numbered("red,why #?,so"))
    assert table.columns == ("team", "question", "answer")
    assert table.rows[0].cells == {"team": "red", "question": "why 0?", "answer": "so"}


def test_objects_have_a_column_for_each_of_their_values() -> None:
    rows = [{"input": {"题": f"水{n}", "more": {"a": ["是"]}}, "expected": "x"} for n in range(4)]
    table = read_table(json.dumps(rows))
    assert table.columns == ("input", "input.题", "input.more", "input.more.a", "expected")
    assert table.rows[1].cells["input"] == '{"题":"水1","more":{"a":["是"]}}'
    assert table.rows[1].cells["input.more.a"] == '["是"]'


def test_json_in_a_cell_stays_as_it_was_typed() -> None:
    rows = [{"input": json.dumps({"user": "kai", "n": n}), "expected": '{"a": 1}'} for n in range(4)]
    table = read_table(json.dumps(rows))
    assert table.rows[0].cells["input"] == '{"user": "kai", "n": 0}'
    assert (table.rows[0].cells["input.user"], table.rows[0].expected) == ("kai", '{"a": 1}')


def test_any_answer_of_a_list_is_right_but_for_a_grader_that_wants_the_list() -> None:
    table = read_table(of_answers(["Paris", "paris"], ["Rome"], [4, "four"], "one"))
    assert [table.answers(row) for row in table.rows] == [
        ("Paris", "paris"),
        ("Rome",),
        ("4", "four"),
        ("one",),
    ]
    assert table.answers(table.rows[0], as_list=True) == ('["Paris","paris"]',)
    assert any("any answer in a list is right" in note for note in table.notes)


def test_numbers_and_truth_values_become_text() -> None:
    answers = [row.expected for row in read_table(of_answers(1, 2.5, True, "04", 1.0, False, -0.5)).rows]
    assert answers == ["1", "2.5", "true", "04", "1", "false", "-0.5"]


def test_formulas_right_to_left_emoji_and_rare_line_ends_are_just_text() -> None:
    found = pairs('input,expected\n=1+1,@x\nשלום,👩‍👩‍👧\n"a\nb",c\n-2,+3\nx\u2028y\x85z,d\n')
    assert found == [("=1+1", "@x"), ("שלום", "👩‍👩‍👧"), ("a\nb", "c"), ("-2", "+3"), ("x\u2028y\x85z", "d")]


def test_a_name_that_says_csv_is_believed() -> None:
    assert pairs("[input],input,expected\n" + numbered("a,b#,c"), "x.CSV")[0] == ("b0", "c")


def test_exact_names_win_over_synonyms() -> None:
    assert pairs("text,input,label,expected\n" + numbered("a,b#,c,d"))[0] == ("b0", "d")
    assert pairs("question,label,answer\n" + numbered("a#,0,yes"))[0] == ("a0", "yes")


@pytest.mark.parametrize(
    ("encoding", "text", "name"),
    [
        ("cp1252", "Schöne Grüße aus der Küche, es war heiß und süß", "Windows-1252"),
        ("cp1252", "São João não é ação, mas coração", "Windows-1252"),
        ("cp1252", "naïve café à la crème, déjà vu", "Windows-1252"),
        ("cp1250", "Zażółć gęślą jaźń, proszę", "Windows-1250"),
        ("koi8-r", "Съешь ещё этих мягких французских булок, да выпей чаю", "koi8_r"),
        ("gb18030", "今天天气很好，我们去公园散步", "gb18030"),
    ],
)
def test_another_encoding_is_read_and_told(encoding: str, text: str, name: str) -> None:
    table = read_table(("input;expected\n" + numbered(f"{text} #;ja", 8)).encode(encoding))
    assert table.rows[0].cells["input"] == f"{text} 0"
    assert f"The file is not UTF-8: it was read as {name}" in table.notes[0]


def test_an_encoding_that_is_not_clear_is_refused_with_what_it_may_be() -> None:
    few = "input,expected\n水是湿的吗？,是\n火是冷的吗？,否\n冰是冷的吗？,是\n太阳热吗？,是\n"
    said = said_of(few.encode("gbk"))
    assert "on line 2); it may be cp949 or gb18030." in said
    assert "Save it again with the encoding UTF-8" in said


def test_what_was_done_to_read_it_is_told() -> None:
    assert read_table(json.dumps({"data": json.loads(f"[{','.join(JSONL.splitlines())}]")})).notes == (
        "The rows were found under “data”.",
    )


def cases_json(check: str) -> str:
    return json.dumps(cases(check))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "There are no rows; at least 4"),
        (" \n", "There are no rows"),
        ("input,expected\n", "There are no rows"),
        ("input,expected\na,b\n", "There is 1 different row;"),
        ("[]", "There are no rows"),
        (of_answers(1, 2, 3), "There are 3 different rows;"),
        ("input,result\na,b", "No column is called expected (or ideal, answer, label"),
        ("input,result\na,b", "Columns found: “input”, “result”. Say which one holds the expected answers"),
        ("a,b\nc,d", "Columns found: “a”, “b”."),
        ("expected\n" + "a\n" * 4, "no column besides “expected”"),
        ("input,expected,Input\na,b,c", "the column “input” twice"),
        ("input,expected\na,b\nc\n", "Row 2 (line 3): “expected” is empty. Fill it in"),
        (cases_json("regex"), "has: regex"),
        ("question,__expected\na,llm-rubric: kind\n", "has: llm-rubric"),
        ("- vars: {q: a}\n  vars: {q: b}", "The YAML object on line 1 has the column “vars” twice"),
        (of_answers([], ["x"], ["y"], ["z"]), "Row 1: “expected” is empty"),
        (of_answers([None, ""], ["x"], ["y"], ["z"]), "Row 1: “expected” is empty"),
        (
            cases_json("llm-rubric"),
            "Row 1: it needs one assertion of the type equals or contains, but has: llm",
        ),
        ("tests: &a\n  - vars: *a\n", "aliases (*name), which are not read"),
        ("tests:\n  - vars: {\n", "The file is not YAML"),
        (
            '[{"messages": [{"role": "user", "content": "a"}]}, {"x": 1}]',
            "Row 2 has no chat under “messages”",
        ),
        ('{"input": "a", "expected": 1e999}', "1e999 is too large a number"),
        ("input,expected\na,b,c\n", "Row 1 (line 2) has 3 cells"),
        ('input,expected\n"a\nb",c\nd, \n', "Row 2 (line 4): “expected” is empty"),
        ("input,expected\n,b\n", "Row 1 (line 2): “input” is empty"),
        ('input,expected\n"a,b\n', "is not CSV"),
        (f"input,expected\n{'a' * 10_001},b\n", "Row 1 (line 2): “input” has 10,001 characters; the limit"),
        (f"input,expected\n{'a' * 200_000},b\n", "characters; the limit is 10,000. Shorten it."),
        ("input,expected\na,b\nc\0,d\n", "Line 3 holds a NUL"),
        ("input,expected\n\ud800,d\n", "Row 1 (line 2): “input” holds a broken character"),
        ('{"input": "\\ud800", "expected": "b"}', "Row 1 (line 1): “input” holds a broken character"),
        ('{"input": "\\u0000a", "expected": "b"}', "broken character"),
        ('{"input": "a", "expected": "b", "\\u0000": "c"}', "The name of a column holds a broken character"),
        ('{"input": "a", "expected": {"": 1, "\\u0000": 2}}', "broken character"),
        ('{"input": "a", "expected": null}', "“expected” is empty"),
        ('{"input": "a", "expected": "b"}\n{"input": "a",\n', "Line 2 is not JSON: "),
        ('[\n{"input": "a", "expected": "b"},\n{"input" "a"}]', "Line 3 is not JSON: "),
        ('{"input": "a", "expected": NaN}', "Line 1 is not JSON: NaN"),
        ('{"input": "a", "expected": ' + "1" * 5000 + "}", "Line 1 is not JSON: "),
        ("[" * 200_000, "Line 1 is not JSON: "),
        ("[1]", "Row 1 is not an object"),
        ('["a", "b"]', 'Write {"input": "…", "expected": "…"}'),
        ('{"input": "a"}', "No column is called expected"),
        ('{"input": "a", "expected": "b"}\n{"input": "c"}', "Row 2 (line 2) has no “expected”"),
        ('{"input": "a", "expected": "b", "input": "c"}', "the column “input” twice"),
        ('[{"input": "a", "Input": "c", "expected": "b"}]', "the column “input” twice"),
        (b"\x89PNG\r\n\x1a\n\0\0", "This is a PNG image"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(content: bytes | str, said: str) -> None:
    assert said in said_of(content)


WEIGHTS = "input,expected,Weight\na,b,2\nc,d,\ne,f, 0.5 \ng,h,1000\n"


def test_a_row_may_have_a_weight() -> None:
    assert [row.weight for row in read_table(WEIGHTS).rows] == [2, 1, 0.5, 1000]


def test_weights_of_json_may_be_numbers_text_or_missing() -> None:
    weights: list[Any] = [{"weight": 2}, {"weight": "3.5"}, {"weight": None}, {}]
    rows = [{"input": f"row {n}", "expected": "x"} | weight for n, weight in enumerate(weights)]
    assert [row.weight for row in read_table(json.dumps(rows)).rows] == [2, 3.5, 1, 1]


@pytest.mark.parametrize("weight", ["0", "-1", "1001", "nan", "inf", "heavy"])
def test_a_weight_that_is_none_is_said_with_its_place(weight: str) -> None:
    said = said_of(f"input,expected,weight\na,b,{weight}\n")
    assert f"Row 1 (line 2): “weight” is “{weight}”. Write a number above 0" in said


def test_errors_of_several_rows_are_said_together_and_many_are_counted() -> None:
    said = said_of("input,expected\n" + "a,\n" * 15).splitlines()
    assert len(said) == 11
    assert said[-1] == "And 5 more."


def test_fifty_megabytes_are_refused_before_they_are_read() -> None:
    assert "take 50.0 MB; the limit is 5 MB" in said_of(b"\xff" * (50 * 2**20))


def test_too_many_rows_are_refused() -> None:
    few = Limits(most_rows=5)
    assert len(read_table("input,expected\n" + numbered("a#,b", 5), limits=few).rows) == 5
    assert "more than 5 rows" in said_of("input,expected\n" + "a,b\n" * 6, limits=few)


def test_a_long_cell_of_a_column_that_is_not_needed_costs_the_column_alone() -> None:
    table = read_table("input,expected,page\n" + numbered(f"a#,b,{'x' * 10_001}"))
    assert table.columns == ("input", "expected")
    assert "“page” is left out: a cell has more than 10,000 characters." in table.notes
