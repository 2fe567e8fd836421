"""What each grader overlooks, and what it may not: nothing that carries meaning."""

from __future__ import annotations

import time

import pytest

from optimizer.engine.graders import GRADERS, fault, folded, graded, told
from optimizer.engine.operators.parts import shared_format
from optimizer.engine.thinking import without_thinking

FENCE = "```"

RIGHT = [
    # invisible marks, and other encodings of the same
    ("exact", "positive", "\u200fpositive\u200e"),
    ("exact", "\ufeffposi\u00adtive\u200b", "positive"),
    ("exact", "❤", "❤\ufe0f"),
    ("exact", "می‌خواهم‌", "می‌خواهم"),
    ("exact", "well‑known", "well-known"),
    ("exact", "don’t", "don't"),
    ("contains", "It is \u200eyes\u200e.", "\u200fyes"),
    ("contains", "It is po\u00adsitive", "positive"),
    ("contains", "It is _positive_ indeed", "positive"),
    ("contains", "good😀", "😀"),
    ("choice", "I say \u200byes", "\u200fyes"),
    ("regex", "order 12\u200e34", r"^order \d{4}$"),
    ("regex", "yes", "\ufeff^yes$"),
    # numbers
    ("numeric", "1.234,56", "1234.56"),
    ("numeric", "7 000 000", "7000000"),
    ("numeric", "7\u00a0000\u00a0000", "7,000,000"),
    ("numeric", "7\u202f000\u202f000", "7000000"),
    ("numeric", "7’000’000", "7000000"),
    ("numeric", "7_000_000", "7000000"),
    ("numeric", "En 2024 1\u00a0234", "1234"),
    ("numeric", "−45", "-45"),
    ("numeric", "－４５", "-45"),
    ("numeric", "\u200e-\u200e45", "-45"),
    ("numeric", "١٬٢٣٤٫٥", "1234.5"),
    ("numeric", "3,5", "3.5"),
    ("numeric", "3 × 10⁵", "300000"),
    ("numeric", "1/2", "0.5"),
    ("numeric", "1½", "1.5"),
    ("numeric", r"\boxed{\frac{1}{2}}", "0.5"),
    ("numeric", "-$5", "-5"),
    ("numeric", "1,2,3", "3"),
    ("numeric", "it is.5", "5"),
    # the reading of an ambiguous number: by the text's own other numbers, then as it is expected
    ("numeric", "2,50 + 1.231,50 = 1.234", "1234"),
    ("numeric", "1.234", "1.234,00"),
    ("numeric", "3,500", "3,5"),
    # words
    # JSON
    ("json", f"{FENCE}JSON\n1\n{FENCE}", "1"),
    ("json", f'{FENCE}json5\n{{"a": 1}}\n{FENCE}', '{"a": 1}'),
    ("json", '~~~\n{"a": 1}\n~~~', '{"a": 1}'),
    ("json", 'Sure, here you are: {"a": [1, 2]}. Anything else?', '{"a": [1, 2]}'),
    ("json", 'First {"a": 2}, no: {"a": 1}', '{"a": 1}'),
    ("json", '\ufeff{"a": "caf\u0065\u0301"}', '{"a": "café"}'),
    ("json", '{"b": 1.0, "a": 1e2}', '\ufeff{"a": 100, "b": 1}'),
    ("json", 'It is {"a": "}"}', '{"a": "}"}'),
]

WRONG = [
    ("exact", "5", ".5"),
    ("exact", "<5", ">5"),
    ("exact", "<=", ">="),
    ("exact", "(0, 1)", "[0, 1]"),
    ("exact", ":D", "D"),
    ("exact", "!x", "x"),
    ("exact", "5!", "5"),
    ("exact", "5'", '5"'),
    ("exact", "Really?", "Really!"),
    ("exact", "*args", "**args"),
    ("exact", "Masse", "Maße"),
    ("contains", "The difference is -5", "5"),
    ("contains", "It is −5.", "5"),
    ("contains", "It costs -$5", "5"),
    ("contains", "about 3.5", "5"),
    ("contains", "about 5.2", "5"),
    ("contains", "7 000 000", "7"),
    ("contains", "5,000", "5"),
    ("contains", "about 1/5", "5"),
    ("contains", "about 5.01", "5"),
    ("contains", "about 5.000", "5"),
    ("contains", "x²", "x"),
    ("contains", "Use C++17", "C"),
    ("contains", "Use C#.", "C"),
    ("contains", "An A- it is", "A"),
    ("contains", "This is non-toxic.", "toxic"),
    ("contains", "I can't", "can"),
    ("contains", "👍🏽", "👍"),
    ("contains", "anything. at all", ""),
    ("choice", "This is non-toxic.", "toxic"),
    ("regex", "anything", ""),
    ("numeric", "9.999,56", "1.234,56"),
    ("numeric", "7 000 000", "1 000"),
    ("numeric", "7\u00a0000\u00a0000", "1\u00a0000"),
    ("numeric", "7'000", "1'000"),
    ("numeric", "7_000", "1_000"),
    ("numeric", "45", "−45"),
    ("numeric", "45", "-$45"),
    ("numeric", "35", "3,5"),
    ("numeric", "123", "1,2,3"),
    ("numeric", "2", "1/2"),
    ("numeric", "2", r"\frac{1}{2}"),
    ("numeric", "10", "10²"),
    ("numeric", "5", "10^5"),
    ("numeric", "9007199254740993", "9007199254740992"),
    ("numeric", "6.6e-34", "1.6e-19"),
    ("numeric", "1/0", "1/0"),
    ("words", "", "😀"),
    ("words", "-", "+"),
    ("words", "C", "C++"),
    ("words", "5 degrees", "-5 degrees"),
    ("words", "3.5", "5.3"),
    ("words", "$5", "€5"),
    ("words", "कि", "की"),
    ("words", "5", "5%"),
    ("json", "true", "1"),
    ("json", "0", "false"),
    ("json", "[true]", "[1]"),
    ("json", '{"a": NaN}', '{"a": NaN}'),
    ("json", "Infinity", "Infinity"),
    ("json", '{"a": 1e999}', '{"a": 1e999}'),
    ("json", '{"a": 2, "a": 1}', '{"a": 1}'),
]

# What held before numbers, words and values were read more closely, and must hold still.
STILL_RIGHT = [
    ("contains", "It was on 12/05/2024.", "2024"),
    ("contains", "I give it 4/5", "4"),
    ("contains", "It costs $30.00 in all", "$30"),
    ("choice", "1. yes", "yes"),
    ("contains", "Sentiment:positive", "positive"),
    ("contains", "That is x-5", "5"),
    ("exact", "5 µg", "5 μg"),
    ("exact", ": positive", "positive"),
    ("exact", "**(A).**", "a"),
    ("exact", '"He said "no"."', 'He said "no".'),
    ("numeric", "12,34,567", "1234567"),
    ("numeric", "٤٥", "45"),
    ("numeric", "-٤٥", "-45"),
    ("numeric", "१२", "12"),
    ("numeric", "1e5", "100,000"),
    ("numeric", "about 50 %", "50%"),
    ("numeric", "80 91 171", "171"),
    ("numeric", "0.1", "0.10"),
    ("numeric", "0.30000000000000004", "0.3"),
    ("words", "- ant\n- bee", "bee, ant"),
    ("words", "C++ and C#", "C# and C++"),
    ("words", "😀", "😀"),
    ("words", "-", "-"),
    ("json", f'As in [1]:\n{FENCE}json\n{{"a": 1}}\n{FENCE}\nSee [2].', '{"a": 1}'),
]
STILL_WRONG = [
    ("numeric", "\U0001ccf0", "0"),  # a digit that Python's tables do not have yet
    ("exact", "-5", "5"),
    ("exact", "sık", "sik"),
    ("exact", "x2", "x²"),
    ("exact", "C", "C++"),
    ("exact", "", "\u00ad."),
    ("contains", "👩\u200d💻", "💻"),
    ("contains", "", "x"),
    ("choice", "", "toxic"),
    ("numeric", "1e999", "1e999"),
    ("numeric", "9" * 400, "9" * 400),
    ("numeric", "9" * 100_000, "1"),
    ("numeric", "nan", "nan"),
    ("numeric", "inf", "inf"),
    ("json", '{"a": 1}, or rather {"a": 2}', '{"a": 1}'),
    ("json", '{"a": 1}, or rather {"a": 2,}', '{"a": 1}'),
    ("json", '{"b": {"a": 1}, "c', '{"a": 1}'),
    ("json", '[{"a": 1}, ', '{"a": 1}'),
    ("json", "It is true", "true"),
]


def grade(grader: str, output: str, expected: str) -> float:
    """As in a task whose other choices are these."""
    return graded(grader, output, expected, told(grader, [expected, "yes", "no"])).score


@pytest.mark.parametrize(("grader", "output", "expected"), [*RIGHT, *STILL_RIGHT])
def test_what_carries_no_meaning_is_overlooked(grader: str, output: str, expected: str) -> None:
    assert grade(grader, output, expected) == 1


@pytest.mark.parametrize(("grader", "output", "expected"), [*WRONG, *STILL_WRONG])
def test_what_carries_meaning_counts(grader: str, output: str, expected: str) -> None:
    assert grade(grader, output, expected) == 0


@pytest.mark.parametrize("grader", ["exact", "contains", "choice", "regex", "words"])
@pytest.mark.parametrize("nothing", ["", " ", "\u200b"])
def test_only_an_empty_answer_is_right_where_none_is_expected(grader: str, nothing: str) -> None:
    assert grade(grader, nothing, "") == 1
    assert grade(grader, "anything. at all", nothing) == 0
    assert grade(grader, nothing, "something") == 0


def test_an_ambiguous_number_has_one_reading_in_a_task() -> None:
    """Were each row read by its own, 3,500 would be right for both."""
    told_of = told("numeric", ["3,5", "3500"])
    assert graded("numeric", "3,500", "3,5", told_of).score == 1
    assert graded("numeric", "3,500", "3500", told_of).score == 0
    english = told("numeric", ["2.5", "1,234"])
    assert graded("numeric", "1.234", "1,234", english).score == 0
    assert graded("numeric", "1234", "1,234", english).score == 1
    assert told("numeric", ["2.5", "3,5"])["decimal"] == "."


def test_the_tolerance_is_exact() -> None:
    assert graded("numeric", "2.5", "2.4", {"tolerance": "0.1"}).score == 1
    assert graded("numeric", "2.51", "2.4", {"tolerance": "0.1"}).score == 0


def test_answers_of_held_out_rows_are_choices_too() -> None:
    assert graded("choice", "It is b", "b", told("choice", ["a", "b"])).score == 1
    assert told("exact", ["two\nlines", "one"])["choices"] == "two lines\none"


@pytest.mark.parametrize(
    ("grader", "expected", "said"),
    [
        ("numeric", "none", "no number"),
        ("numeric", "1e999", "no number"),
        ("json", "NaN", "NaN is not a JSON number"),
        ("json", '{"a": 1, "a": 2}', 'the key "a" occurs twice'),
        ("json", "[1e999]", "1e999 is not a JSON number"),
        ("regex", "a{10000000}", "longer than 100,000 characters"),
        ("regex", r"(?:[a-z]{2000}\d){2000}", "longer than 100,000 characters"),
    ],
)
def test_an_answer_that_no_output_can_match_is_a_fault(grader: str, expected: str, said: str) -> None:
    assert said in fault(grader, expected)


@pytest.mark.parametrize("expected", ['\ufeff{"a": 1}', "[1]"])
def test_a_byte_order_mark_is_no_fault(expected: str) -> None:
    assert fault("json", expected) == ""


@pytest.mark.parametrize(
    "expression", [r"\d{4}-\d{2}", "(?:ab{3}){0,99999}", r"[{]{2}\{99999999\}", "(" * 50 + ")" * 50]
)
def test_usual_expressions_are_small_enough(expression: str) -> None:
    assert fault("regex", expression) == ""


def test_an_expression_that_cannot_be_compiled_is_wrong_and_no_error() -> None:
    assert grade("regex", "x", "(" * 3_000 + ")" * 3_000) == 0
    assert grade("regex", "x", "a{10000000}") == 0


LONG = 100_000


@pytest.mark.parametrize(
    ("grader", "output", "expected"),
    [
        ("contains", "a" * 9_999 + "b", "a" * 5_000),
        ("contains", "ab " * LONG, "ab " * 9_999 + "a"),
        ("contains", "_" * LONG + "x", "x"),
        ("choice", "a" * 9_999 + "b", "a" * 5_000),
        ("json", "```" + "\n" * LONG, "1"),
        ("json", "[" * LONG, "1"),
        ("json", '{"a":' * LONG, "1"),
        ("json", '["x] ' * LONG, "1"),
        ("json", "[" + ",".join(["{}"] * LONG) + "]", "1"),
        ("numeric", "1 " * LONG, "2"),
        ("numeric", "1" * LONG + "x", "2"),
        ("numeric", "1/" * LONG, "2"),
        ("numeric", "1.234," * LONG, "2"),
        ("exact", ": " * LONG + "x", "2"),
        ("exact", "(" * LONG + "x" + ")" * LONG, "2"),
        ("exact", "*_" * LONG + "x" + "_*" * LONG, "2"),
        ("exact", "é" + "\u200c" * LONG + "é", "2"),
        ("words", "+" * LONG + "1," * LONG, "2"),
    ],
)
def test_grading_takes_time_in_proportion_to_the_text(grader: str, output: str, expected: str) -> None:
    started = time.process_time()
    assert grade(grader, output, expected) == 0
    assert time.process_time() - started < 3


def test_deep_json_is_wrong_and_no_error() -> None:
    deep = "[" * 900 + "]" * 900
    assert grade("json", deep, "[]") == 0
    assert grade("json", "[]", deep) == 0


@pytest.mark.parametrize("text", ["**X**", ": x.", "(X)", '"x."', "“x”", "`x`", "¿x?", "x ;", "X)", "__x__"])
def test_outer_marks_are_left_out(text: str) -> None:
    assert folded(text) == "x"


@pytest.mark.parametrize("text", [".", "()", "?", "...", ":)", "-", "*", '"', "''", "+", "<="])
def test_what_is_nothing_but_punctuation_stays(text: str) -> None:
    assert folded(text) == text


def test_answers_that_are_not_finite_are_not_asked_for_as_numbers() -> None:
    assert shared_format(["nan", "inf", "infinity", "-inf"]).startswith("Answer with one word only.")
    assert shared_format(["1,5", "−3", "1 000", "٤٥"]).startswith("Answer with the number only.")


@pytest.mark.parametrize(
    ("output", "right"),
    [
        ("Not positive.", set()),
        ("It isn't positive but negative", {"negative"}),
        ("positive, not negative", {"positive"}),
        ("Positive", {"positive"}),
    ],
)
def test_a_choice_that_is_denied_is_not_named(output: str, right: set[str]) -> None:
    options = {"choices": "positive\nnegative"}
    named = {one for one in ("positive", "negative") if GRADERS["choice"](output, one, options).score == 1}
    assert named == right


def test_a_citation_behind_an_object_is_not_the_answer() -> None:
    assert GRADERS["json"]('{"a": 1}\nNote: see [1].', '{"a": 1}', {}).score == 1
    assert GRADERS["json"]('[1] as in {"a": 2}', "[1]", {}).score == 1
    assert GRADERS["json"]('{"a": 1} {"b": 2', '{"a": 1}', {}).score == 0


@pytest.mark.parametrize(
    "output",
    [
        "Let me look.\n</think>\n\npositive",
        "<think>Hm.</think>positive",
        "<|channel|>analysis<|message|>We answer.<|end|><|start|>assistant<|channel|>final<|message|>positive",
        "positive<|im_end|>",
        "positive<|return|>\n",
    ],
)
def test_thoughts_and_marks_of_a_template_are_no_answer(output: str) -> None:
    assert without_thinking(output) == "positive"


def test_a_thought_without_an_end_is_no_answer() -> None:
    assert without_thinking("<|channel|>analysis<|message|>We need") == ""
    assert without_thinking("<think>We need") == ""


@pytest.mark.parametrize("text", ["x" * 200_000, " " * 200_000, "<|" * 100_000, "<think>" * 30_000])
def test_thoughts_are_left_out_at_once(text: str) -> None:
    began = time.monotonic()
    without_thinking(text)
    assert time.monotonic() - began < 0.5
