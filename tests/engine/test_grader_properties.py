"""What holds for any texts: an expected answer is right for itself, and no two are taken for one another unsaid."""

from __future__ import annotations

import json
import unicodedata
from itertools import permutations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from optimizer.engine.checks import warnings_of_answers
from optimizer.engine.confusion import confusable
from optimizer.engine.finding import words_of
from optimizer.engine.graders import GRADERS, fault, folded, graded, told
from optimizer.engine.normalizing import seen

many = settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=300,
    suppress_health_check=[HealthCheck.too_slow],
)

MARKS = [
    *"abAB5-+.,;:!?'\"`*_()[]{}<>/#%$^ =|\n",
    "ß",
    "ı",
    "İ",
    "Σ",
    "ς",
    "é",
    "e\u0301",
    "²",
    "½",
    "−",
    "٣",
    "\u066b",
]
MORE = [
    "C++",
    "1,234",
    "3.5",
    "\u00a0",
    "\u200f",
    "\u200b",
    "\u200d",
    "\u200c",
    "\ufe0f",
    "😀",
    "👩",
    "🏽",
    "正",
    "面",
    "ก",
    "ﬁ",
]
TEXT = st.one_of(
    st.lists(st.sampled_from([*MARKS, *MORE]), max_size=8).map("".join),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
)
DIGITS = st.text("0123456789", min_size=1, max_size=4)
NUMBER = st.lists(
    st.one_of(
        DIGITS,
        st.sampled_from([".", ",", "-", "−", " ", "\u202f", "'", "/", "^", "e", "km", "%", "$", "½", "²"]),
    ),
    min_size=1,
    max_size=7,
).map("".join)
VALUE = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(-3, 3), st.floats(allow_nan=False, allow_infinity=False), TEXT
    ),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(TEXT, inner, max_size=3)),
    max_leaves=5,
)


def as_json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False)


ANSWERS = {
    "exact": TEXT,
    "contains": TEXT,
    "choice": TEXT,
    "words": TEXT,
    "numeric": NUMBER.filter(lambda text: not fault("numeric", text)),
    "json": VALUE.map(as_json).filter(lambda text: not fault("json", text)),
}


def right(grader: str, output: str, expected: str, options: dict[str, str]) -> bool:
    return graded(grader, output, expected, options).score == 1


def is_the_same(one: str, other: str) -> bool:
    return seen(one).strip() == seen(other).strip()


@pytest.mark.parametrize("grader", ANSWERS)
@many
@given(data=st.data())
def test_an_expected_answer_is_right_for_itself(grader: str, data: st.DataObject) -> None:
    answers = data.draw(st.lists(ANSWERS[grader], min_size=1, max_size=4))
    options = told(grader, answers)
    assert all(right(grader, answer, answer, options) for answer in answers)


@pytest.mark.parametrize("grader", ANSWERS)
@many
@given(data=st.data())
def test_no_two_answers_are_taken_for_one_another_without_a_warning(grader: str, data: st.DataObject) -> None:
    answers = data.draw(st.lists(ANSWERS[grader], min_size=2, max_size=4))
    options = told(grader, answers)
    mistaken = [
        (one, other)
        for one, other in permutations(answers, 2)
        if not is_the_same(one, other) and other.strip() and right(grader, one, other, options)
    ]
    assert bool(mistaken) == bool(warnings_of_answers(grader, answers, {}))
    for found in confusable(grader, answers, {}):
        assert right(grader, found.one, found.other, options)
        assert not is_the_same(found.one, found.other)


@many
@given(st.lists(NUMBER, min_size=1, max_size=4), NUMBER, st.sampled_from(["", "0.5", "10"]))
def test_an_output_is_right_for_two_numbers_only_with_a_warning(
    answers: list[str], output: str, tolerance: str
) -> None:
    answers = [answer for answer in answers if not fault("numeric", answer)]
    options = {**told("numeric", answers), "tolerance": tolerance}
    accepted = {seen(answer).strip() for answer in answers if right("numeric", output, answer, options)}
    wider = {"tolerance": str(2 * float(tolerance or 0))} if tolerance else {}
    assert len(accepted) < 2 or warnings_of_answers("numeric", answers, wider)


@pytest.mark.parametrize("grader", sorted(GRADERS))
@many
@given(output=TEXT | NUMBER, expected=TEXT | NUMBER)
def test_no_text_makes_a_grader_fail(grader: str, output: str, expected: str) -> None:
    assert graded(grader, output, expected, told(grader, [expected, output])).score in {0, 1}
    assert isinstance(fault(grader, expected), str)


@many
@given(TEXT)
def test_a_normal_form_is_its_own(text: str) -> None:
    assert folded(folded(text)) == folded(text)
    assert folded(unicodedata.normalize("NFD", text)) == folded(text)
    assert folded(f"\ufeff{text}\u200f") == folded(text)


@many
@given(TEXT)
def test_only_nothing_has_no_words(text: str) -> None:
    assert bool(words_of(text)) == bool(folded(text))


@pytest.mark.parametrize("grader", ["exact", "contains", "choice", "words"])
@many
@given(expected=TEXT)
def test_silence_is_right_only_where_nothing_is_expected(grader: str, expected: str) -> None:
    assert right(grader, "", expected, told(grader, [expected])) == (not folded(expected))
