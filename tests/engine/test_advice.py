"""Where every answer was wrong: which grader would have found some right."""

from __future__ import annotations

import pytest

from optimizer.engine.advice import advice


@pytest.mark.parametrize(
    ("answers", "grader", "right"),
    [
        ([("I say positive.", "positive"), ("It is negative", "negative"), ("Hm", "positive")], "choice", 2),
        ([("The answer is 12.", "12"), ("So we get 7", "7"), ("No idea", "3")], "numeric", 2),
        ([("York New", "New York"), ("de Rio", "Rio de Janeiro")], "words", 1),
        ([("It was Ada Lovelace.", "Ada Lovelace"), *(("?", f"No {n}") for n in range(20))], "contains", 1),
        ([("<think>positive</think> Hm", "positive"), ("?", "negative")], "", 0),
    ],
)  # fmt: skip
def test_the_grader_that_finds_most_is_advised(
    answers: list[tuple[str, str]], grader: str, right: int
) -> None:
    found = advice("exact", answers)
    assert found is not None
    assert (found.grader, found.right) == (grader, right)


def test_it_is_told_in_a_sentence() -> None:
    found = advice("exact", [("It is red.", "red"), ("Blue, I think.", "blue"), ("?", "red")])
    assert str(found) == (
        "The exact grader found none of 3 answers right. The choice grader would have found 2: it accepts an answer "
        "that names the right choice and no other."
    )
    assert "no other grader would help" in str(advice("exact", [("?", "red"), ("!", "blue")]))
    assert "none of 1 answer right" in str(advice("exact", [("?", "red")]))


def test_of_equals_the_strictest_is_advised() -> None:
    found = advice("exact", [("answer 4", "4"), ("answer 5", "5"), ("answer 6", "6")])
    assert found is not None
    assert found.grader == "numeric"


@pytest.mark.parametrize(("grader", "answers"), [("rubric", [("a", "b")]), ("exact", [])])
def test_where_there_is_nothing_to_go_by_nothing_is_said(grader: str, answers: list[tuple[str, str]]) -> None:
    assert advice(grader, answers) is None
