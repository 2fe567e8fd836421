"""Expected answers that a grader takes for one another are named, in proportion to what they differ in."""

from __future__ import annotations

import time

import pytest

from optimizer.engine.checks import warnings_of_answers
from optimizer.engine.confusion import confusable
from optimizer.engine.task import Grade, Item
from tests.engine.world import ITEMS, result_of, task

SAYS = [
    (
        "words",
        ["a b", "b a", "c"],
        "The words grader cannot tell apart 2 of your expected answers, such as “a b” and “b a”. "
        "Choose the exact grader.",
    ),
    (
        "numeric",
        ["5 km", "5 m", "6 m"],
        "The numeric grader cannot tell apart 2 of your expected answers, such as “5 km” and “5 m”. "
        "Choose the exact grader.",
    ),
    (
        "numeric",
        ["1,000", "1000", "1"],
        "2 of your expected answers differ only in how they are written, such as “1,000” and “1000”. "
        "The numeric grader accepts one in place of the other.",
    ),
    (
        "exact",
        ["US", "us", "us.", "them"],
        "3 of your expected answers differ only in how they are written, such as “US” and “us”. "
        "The exact grader accepts one in place of the other.",
    ),
    (
        "json",
        ['{"a": 1, "b": 2}', '{"b": 2.0, "a": 1}', "[]"],
        "2 of your expected answers differ only in how they are written, such as “{\"a\": 1, \"b\": 2}” and "
        "“{\"b\": 2.0, \"a\": 1}”. The json grader accepts one in place of the other.",
    ),
    (
        "contains",
        ["same", "not the same"],
        "1 of your expected answers contains another one: the contains grader accepts “not the same” "
        "where “same” is expected. Choose the exact or the choice grader.",
    ),
    (
        "regex",
        [r"\d+", r"\d*"],
        r"An empty answer matches the expression “\d*” too: it counts as right there.",
    ),
]  # fmt: skip

TOLD_APART = [
    ("exact", ["-5", "5", ".5", "<5", ">5", "5%"]),
    ("exact", ["Maße", "Masse", "x²", "x2", "()", "[]", "?", "!"]),
    ("words", ["C", "C++", "C#", "😀", "🙂", "+", "-", "कि", "की"]),
    ("numeric", ["1.234,56", "9.999,56", "7 000 000", "1 000", "−45", "45", "3,5", "35"]),
    ("json", ["true", "1", "0", "false", "null", '"1"', "[1]"]),
    ("contains", ["toxic", "non-toxic", "5", "-5", "5.5", "C", "C++", "", "A", "A-"]),
    ("choice", ["safe", "not safe"]),
    ("regex", ["a", "b"]),
    ("words", ["the same", "the same ", "cafe\u0301", "café"]),  # the same as typed
]


@pytest.mark.parametrize(("grader", "answers", "said"), SAYS)
def test_a_warning_says_which_answers_and_what_to_do(grader: str, answers: list[str], said: str) -> None:
    assert warnings_of_answers(grader, answers, {}) == [said]


@pytest.mark.parametrize(("grader", "answers"), TOLD_APART)
def test_there_is_no_warning_about_answers_that_are_told_apart(grader: str, answers: list[str]) -> None:
    assert warnings_of_answers(grader, answers, {}) == []


def test_a_tolerance_that_is_too_wide_is_said() -> None:
    said = warnings_of_answers("numeric", ["1", "1.4", "2"], {"tolerance": "0.5"})
    assert said == [
        "With a tolerance of 0.5 the numeric grader cannot tell apart 2 of your expected answers, such as “1” and "
        "“1.4”. Choose a smaller tolerance."
    ]


def test_what_a_function_or_a_model_confuses_is_not_known() -> None:
    assert warnings_of_answers(lambda *_: Grade(1.0), ["a", "b"], {}) == []
    assert warnings_of_answers("rubric", ["a", "A"], {}) == []


@pytest.mark.parametrize("grader", ["exact", "contains", "choice", "words", "numeric", "json", "regex"])
def test_ten_thousand_answers_are_compared_in_seconds(grader: str) -> None:
    answers = [
        f"{number} the answer to question {number} is {number * 7919 % 10_007}" for number in range(10_000)
    ]
    started = time.process_time()
    confusable(grader, answers, {})
    assert time.process_time() - started < 10


def test_a_finished_run_says_it() -> None:
    rows = tuple(Item(item.input, item.expected + (" so" if n else "")) for n, item in enumerate(ITEMS))
    swapped = (*rows[:-1], Item(ITEMS[-1].input, "so " + ITEMS[-1].expected))
    caveats = result_of(task(items=swapped, grader="words")).caveats
    assert any("The words grader cannot tell apart 2 of your expected answers" in text for text in caveats)


def test_rows_that_are_held_out_count_too() -> None:
    held_out = tuple(Item(f"word{number}", "EVEN" if number % 4 else "odd") for number in range(100, 116))
    caveats = result_of(task(held_out=held_out)).caveats
    assert any("differ only in how they are written, such as “even” and “EVEN”" in text for text in caveats)
