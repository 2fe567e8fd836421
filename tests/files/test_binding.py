"""Which column fills which variable of a prompt."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping

import pytest

from optimizer.engine.variables import variables
from optimizer.files import Assignment, FileFaultError, Table, read_table, reassigned
from optimizer.files.binding import Binding, bind

TEAMS = "team,question,expected\n" + "".join(f"red,why {n}?,so\n" for n in range(4))


def bound(table: Table, prompt: str) -> Binding:
    return bind(table, variables(prompt))


def shown(table: Table, prompt: str) -> str:
    return bound(table, prompt).shown(table.rows[0])


def objects(**input_: object) -> Table:
    return read_table(json.dumps([{"input": {**input_, "n": n}, "expected": "x"} for n in range(4)]))


def records(*rows: Mapping[str, object]) -> Table:
    return read_table(json.dumps(rows))


def test_each_variable_takes_the_column_of_its_name() -> None:
    table = read_table(TEAMS)
    found = bound(table, "For {{team}} answer {{Question}}.")
    assert found.values(table.rows[0]) == (("team", "red"), ("Question", "why 0?"))
    assert found.shown(table.rows[0]) == "team: red\nQuestion: why 0?"
    assert (found.unbound, found.ignored, found.fault) == ((), (), "")
    assert (
        found.in_words(table)
        == "“team” fills {{team}}; “question” fills {{Question}}; “expected” is the expected answer."
    )


def test_the_only_variable_left_takes_the_only_column_left() -> None:
    table = read_table(TEAMS)
    assert bound(table, "{{team}}: {{mail}}").variables == (("team", "team"), ("mail", "question"))
    one = read_table("id,input,expected\n" + "".join(f"{n},a{n},b\n" for n in range(4)))
    assert bound(one, "{{mail}}").variables == (("mail", "input"),)
    assert bound(one, "{{mail}}").ignored == ("id",)


def test_a_variable_that_no_column_fills_is_told_with_what_to_do() -> None:
    found = bound(read_table(TEAMS), "{{mail}}")
    assert found.unbound == ("mail",)
    assert found.fault == (
        "No column fills {{mail}}. Columns without a variable: “team”, “question”. Write {{team}} in the prompt, "
        "name a column “mail”, or say that {{mail}} is text."
    )
    too_many = bound(read_table(TEAMS), "{{team}} {{question}} {{more}}")
    assert "All columns are in use. Add a column “more”" in too_many.fault


def test_a_person_may_say_which_column_is_the_input() -> None:
    table = read_table(TEAMS, assignment=Assignment(input="team"))
    assert bound(table, "{{mail}}").variables == (("mail", "team"),)
    assert shown(table, "Say.") == "red"


def test_a_prompt_without_variables_has_the_input_below_it_and_names_what_is_not_used() -> None:
    found = bound(read_table(TEAMS), "Answer.")
    assert (found.below, found.ignored) == (("question",), ("team",))
    assert found.in_words(read_table(TEAMS)).endswith("is the expected answer; not used: “team”.")


def test_without_a_hint_a_person_is_asked_for_the_input() -> None:
    table = read_table("a,b,expected\n" + "".join(f"x{n},y,z\n" for n in range(4)))
    assert bound(table, "Answer.").fault.startswith("Which column is the input? Columns found: “a”, “b”.")


def test_the_expected_answer_never_goes_into_the_prompt() -> None:
    found = bound(read_table(TEAMS), "Is {{expected}} right for {{question}}?")
    assert found.answers == ("expected",)
    assert "{{expected}} has the name of the expected answer" in found.fault


def test_an_object_that_holds_the_answer_never_goes_into_the_prompt() -> None:
    rows = [{"input": {"q": f"why {n}?", "answer": "so"}} for n in range(4)]
    table = records(*rows)
    assert (table.expected, table.others) == ("input.answer", ("input.q",))
    assert shown(table, "Say.") == shown(table, "{{x}}") == "why 0?"
    squad = records(
        *({"question": f"q{n}", "answers": {"text": ["x"], "answer_start": [n]}} for n in range(4))
    )
    assert squad.others == ("question",)
    assert bound(squad, "{{question}} {{hint}}").unbound == ("hint",)
    assert bound(squad, "{{question}} {{answers}}").unbound == ("answers",)
    whole = records(*({"question": f"q{n}", "expected": {"label": "x"}} for n in range(4)))
    assert whole.others == ("question",)


def test_a_chosen_input_fills_one_variable_only() -> None:
    table = read_table(TEAMS, assignment=Assignment(input="question"))
    assert bound(table, "For {{nobody}} answer {{question}}.").unbound == ("nobody",)


def test_the_answer_cannot_be_the_input() -> None:
    with pytest.raises(FileFaultError, match="cannot be the input: the expected answer is “expected”"):
        read_table(TEAMS, assignment=Assignment(input="expected"))


def test_a_value_that_is_missing_in_some_rows_is_told() -> None:
    table = read_table("a,b,expected\n" + "".join(f"x{n},{'y' * (n > 1)},z\n" for n in range(5)))
    assert bound(table, "{{a}} {{b}}").blanks(table) == ["{{b}} stays empty in 2 of 5 rows."]


def test_an_object_in_one_row_spoils_no_column() -> None:
    rows: list[dict[str, object]] = [{"q": f"a{n}", "expected": "x"} for n in range(4)]
    assert shown(records({"q": {"z": 1}, "expected": "y"}, *rows), "Say.") == '{"z":1}'


def test_instructions_that_differ_from_row_to_row_stand_before_the_input() -> None:
    varied = records(*({"instruction": f"Do {n}.", "input": "kettle", "output": "x"} for n in range(4)))
    assert shown(varied, "Be brief.") == "Do 0.\n\nkettle"
    assert shown(varied, "{{input}}") == "kettle"
    same = records(*({"instruction": "Do it.", "input": f"kettle {n}", "output": "x"} for n in range(4)))
    assert (shown(same, "Be brief."), bound(same, "Be brief.").ignored) == ("kettle 0", ("instruction",))


def test_values_of_objects_fill_variables_by_their_own_name() -> None:
    table = objects(user="kai", 题="是")
    assert bound(table, "{{user}}: {{题}}").values(table.rows[0]) == (("user", "kai"), ("题", "是"))
    assert shown(table, "{{input}}") == shown(table, "{{text}}") == '{"user":"kai","题":"是","n":0}'
    assert shown(table, "Say.") == '{"user":"kai","题":"是","n":0}'


def test_two_columns_of_one_name_fill_nothing() -> None:
    table = records(*({"a": {"x": f"1{n}"}, "b": {"x": "2"}, "expected": "y"} for n in range(4)))
    assert bound(table, "{{x}}").unbound == ("x",)


def test_a_row_with_nothing_for_the_prompt_is_named() -> None:
    table = read_table("a,b,expected\nx,y,z\n,y,z\nw,y,z\nv,y,z\nu,y,z\n")
    assert bound(table, "{{a}}").gaps(table) == ["Row 2: “a” is empty. Fill it in, or remove the row."]
    assert bound(table, "{{a}} {{b}}").gaps(table) == []


# By hand


def test_a_chosen_column_fills_its_variable_whatever_its_name() -> None:
    table = read_table("Abteilung,Frage,expected\n" + "".join(f"rot,warum {n}?,so\n" for n in range(4)))
    chosen = {"team": "Abteilung", "question": "Frage"}
    found = bind(table, ("team", "question"), chosen)
    assert found.values(table.rows[1]) == (("team", "rot"), ("question", "warum 1?"))
    assert (found.chosen, found.fault) == (("team", "question"), "")
    assert bind(table, ("team", "question"), {"team": "abteilung"}).column_of("team") == "Abteilung"


def test_a_chosen_column_goes_before_the_one_of_the_same_name_and_may_fill_two() -> None:
    table = read_table(TEAMS)
    found = bind(table, ("team", "question"), {"team": "question"})
    assert found.variables == (("team", "question"), ("question", "question"))


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("expected", "“expected” is the expected answer or the weight"),
        ("no", "There is no column “no” for {{mail}}"),
    ],
)
def test_a_chosen_column_that_cannot_fill_a_variable_is_told(column: str, said: str) -> None:
    found = bind(read_table(TEAMS), ("mail",), {"mail": column})
    assert said in found.fault == found.fault_of("mail")
    assert not found.variables


def test_a_column_that_is_always_empty_is_told() -> None:
    table = read_table("a,b,expected\n" + "".join(f"x{n},,z\n" for n in range(4)))
    assert bind(table, ("a", "b")).empty(table) == {"b": "“b” is empty in every row. Choose another column."}


def test_saved_rows_take_another_column_as_the_answer_and_the_weight() -> None:
    table = read_table("q,answer,other,points\n" + "".join(f"q{n},a{n},b{n},{n + 1}\n" for n in range(4)))
    now = reassigned(table, Assignment(expected="other", weight="points"))
    assert [(row.expected, row.weight) for row in now.rows] == [(f"b{n}", n + 1.0) for n in range(4)]
    assert (now.expected, now.weight, now.others) == ("other", "points", ("q", "answer"))
    assert reassigned(table, Assignment(expected="answer")) is table
    with pytest.raises(FileFaultError, match="Row 1: “points” is “a0”"):
        reassigned(
            read_table("q,answer,points\n" + "q,b,a0\nw,b,2\ne,b,3\nr,b,4\n"), Assignment(weight="points")
        )
    with pytest.raises(FileFaultError, match="cannot be the weight"):
        reassigned(table, Assignment(weight="answer"))


def test_what_was_chosen_is_stored_and_read_again() -> None:
    chosen = Assignment("a", "b", "c", (("x", "d"),))
    assert Assignment.of(chosen.stored()) == chosen
    assert Assignment().stored() == {}


def test_many_variables_meet_many_columns_soon() -> None:
    columns = tuple(f"column {number}" for number in range(199))
    table = Table((*columns, "expected"), (), expected="expected", input="")
    begun = time.process_time()
    assert bind(table, [f"name_{number}" for number in range(1_000)]).fault
    assert time.process_time() - begun < 2


def test_a_row_that_makes_an_endless_prompt_is_named() -> None:
    table = read_table(f"text,expected\nshort,a\n{'x' * 9_000},b\nthird,c\nfourth,d\n")
    prompt = "{{text}} " * 1_000
    assert "Row 2 makes a prompt of 9,000,000 characters" in bound(table, prompt).overlong(table, prompt)
    assert not bound(table, "{{text}}").overlong(table, "{{text}}")
