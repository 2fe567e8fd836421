"""Declared variables: which values they take, and how they fill a text."""

from __future__ import annotations

import pytest

from optimizer.files.declared import Declared, asked_for, doubts, faults, filled_in, read_declared, unused


@pytest.mark.parametrize(
    ("kind", "right", "wrong"),
    [
        ("number", ["0", "-3.5", "1e3", "+7"], ["x", "1,5", "NaN", "Infinity", "1_000", "9" * 20, "1 2"]),
        ("date", ["2026-02-28"], ["2026-02-29", "28.2.2026", "20260228", "2026-W09-6", "x"]),
        ("yes_no", ["yes", "no"], ["true", "Yes", "1"]),
        ("choice", ["calm", "angry"], ["Calm", "calm "]),
        ("text", ["<b>", "\x1b[31m", "{{other}}"], ["\0", "\ud800", "x" * 10_001]),
    ],
)
def test_values(kind: str, right: list[str], wrong: list[str]) -> None:
    declared = Declared("x", kind, choices=("calm", "angry") if kind == "choice" else ())
    assert not declared.fault
    assert [value for value in (*right, "") if declared.fault_of(value)] == []
    assert [value for value in wrong if not declared.fault_of(value)] == []


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        (Declared("a b"), "no name for a variable"),
        (Declared(""), "no name for a variable"),
        (Declared("a" * 101), "at most 100"),
        (Declared("a", "spell"), "is not a kind"),
        (Declared("a", "choice"), "from 2 to 100 choices"),
        (Declared("a", "choice", choices=("x", "x")), "twice"),
        (Declared("a", "choice", choices=("x", " ")), "empty, or begins"),
        (Declared("a", "choice", "z", choices=("x", "y")), "{{a}}, default: “z” is not one of"),
        (Declared("a", "text", choices=("x", "y")), "only the kind choice"),
        (Declared("a", "number", "ten"), "default: “ten” is not a number"),
        (Declared("a", help="x" * 301), "at most 300"),
    ],
)
def test_a_declaration_that_cannot_be_says_why(declared: Declared, said: str) -> None:
    (told,) = faults([declared])
    assert said in told


def test_too_many_and_twice() -> None:
    assert faults([Declared("a"), Declared("a")]) == ["{{a}} is declared twice."]
    assert faults([Declared(f"a{n}") for n in range(101)]) == [
        "There are 101 variables; at most 100 are allowed."
    ]


def test_a_form_asks_for_what_stands_in_the_texts() -> None:
    declared = [Declared("date", "date"), Declared("gone"), Declared("mood", "choice", choices=("a", "b"))]
    asked = asked_for(declared, "{{topic}} {{mood}}", "Today is {{date}}.")
    assert [(one.name, one.kind) for one in asked] == [
        ("date", "date"),
        ("mood", "choice"),
        ("topic", "text"),
    ]
    assert unused(declared, "{{topic}} {{mood}}", "Today is {{date}}.") == ["gone"]


def test_a_value_is_never_read_for_variables() -> None:
    assert filled_in("{{a}}-{{ b }}-{{c}}", {"a": "{{b}}", "b": "B"}) == "{{b}}-B-{{c}}"
    assert filled_in("nothing", {}) == "nothing"


def test_what_is_stored_comes_back() -> None:
    declared = (Declared("mood", "choice", "a", "How?", ("a", "b")), Declared("x", "number", "3"))
    assert read_declared(one.stored() for one in declared) == declared


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("{{name}} and {{ other }}", []),
        ("fine\n{{name", ["Line 2"]),
        ("{{ a {{b}} }}", ["Line 1"]),
        ("{{two words}}", ["Line 1"]),
        ("{{}}", ["Line 1"]),
        ("{ x } }}", []),
        ("${{ github.sha }} {{{raw}}}", ["Line 1"]),
    ],
)
def test_what_looks_like_a_variable_and_is_not(text: str, lines: list[str]) -> None:
    assert [told.partition(":")[0] for told in doubts(text)] == lines
