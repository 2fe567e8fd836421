"""Graders: how right an output is, from 0 to 1, with a word on why."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import jsonschema
import regex

from optimizer.engine.expressions import expression
from optimizer.engine.finding import stands, without, words_of
from optimizer.engine.normalizing import folded as folded
from optimizer.engine.normalizing import in_line, seen
from optimizer.engine.numbers import decimal_mark, last_number
from optimizer.engine.schemas import check_schema, is_schema, misfit
from optimizer.engine.task import Grade, Grader, Options
from optimizer.engine.values import NoValueError, normal, value_in, value_of

REGEX_SECONDS = 0.5
SLACK = Fraction(1, 10**9)  # of numbers that were computed with floats
DENIALS = ("not", "not a", "not an", "not the", "isn't", "never")
EXPECTED = "expected "  # begins a reason that says no more than the answer and what was expected


def told(grader: str | Grader, answers: Iterable[str]) -> dict[str, str]:
    """What a grader is told of all expected answers of a task, besides the options that people set: the choices, and
    the mark that begins decimals where the answers show one."""
    each = list(dict.fromkeys(" ".join(answer.split()) for answer in answers))
    mark = decimal_mark(each) if grader == "numeric" or not isinstance(grader, str) else ""
    return {"choices": "\n".join(each)} | ({"decimal": mark} if mark else {})


def exact(output: str, expected: str, options: Options) -> Grade:
    """The whole output is the expected answer, but for case and outer punctuation."""
    return _verdict(folded(output) == folded(expected), output, expected)


def contains(output: str, expected: str, options: Options) -> Grade:
    """The expected answer stands in the output as whole words."""
    wanted = folded(expected)
    right = wanted == folded(output) or (bool(wanted) and stands(wanted, in_line(output)))
    return _verdict(right, output, expected)


def matches_regex(output: str, expected: str, options: Options) -> Grade:
    """The expected cell, a regular expression, is found in the output. A slow expression counts as not found, and an
    empty one is found in nothing but an empty output."""
    pattern, text = seen(expected), seen(output).strip()
    try:
        found = expression(pattern).search(text, timeout=REGEX_SECONDS) if pattern.strip() else not text
    except TimeoutError:
        return Grade(0.0, f"the expression took longer than {REGEX_SECONDS} s")
    except (regex.error, ValueError, RecursionError) as error:
        return Grade(0.0, f"the expression is not valid: {error}")
    return _verdict(bool(found), output, f"something matching {expected}")


def numeric(output: str, expected: str, options: Options) -> Grade:
    """The last number of the output equals that of the expected answer, within `tolerance` (0 by default). `decimal`
    is the mark that begins decimals in the expected answers, where they show one."""
    mark = options.get("decimal") or decimal_mark([expected])
    said, wanted = last_number(output, mark), last_number(expected, mark)
    if said is None or wanted is None:
        return Grade(0.0, f"no number in {output[:80]!r}")
    return _verdict(abs(said - wanted) <= apart(said, wanted, options), output, expected)


def apart(one: Fraction, other: Fraction, options: Options) -> Fraction:
    """How far apart two numbers may be that count as equal."""
    largest: Fraction = max(abs(one), abs(other))
    slack = SLACK * min(Fraction(1), largest)
    return max(slack, Fraction(str(options.get("tolerance") or 0)))


def json_equal(output: str, expected: str, options: Options) -> Grade:
    """The output is or has JSON that equals the expected value, or fits it where that is a JSON schema."""
    try:
        wanted = value_of(expected)
        said = value_in(output, _kind(wanted))
        if is_schema(wanted):
            fault = misfit(said, wanted)
            return Grade(0.0, fault) if fault else Grade(1.0)
        return _verdict(normal(said) == normal(wanted), output, expected)
    except (NoValueError, RecursionError):
        return Grade(0.0, f"not JSON: {output[:80]!r}")


def _kind(wanted: object) -> type | None:
    """What to look for among sentences: an object, or a list; None where either may be meant."""
    if is_schema(wanted):
        return {"object": dict, "array": list}.get(str(wanted.get("type")))  # type: ignore[attr-defined]
    return next((kind for kind in (dict, list) if isinstance(wanted, kind)), None)


def choice(output: str, expected: str, options: Options) -> Grade:
    """The output names the expected choice and no other; "not good" does not name good. `choices` are separated by
    line breaks."""
    choices, whole, wanted = _choices(options.get("choices", "")), folded(output), folded(expected)
    if whole in choices or not wanted:
        return _verdict(whole == wanted, output, expected)
    left, named = in_line(output), set()
    for one in choices:
        if one in left and stands(one, left):
            if stands(one, _affirmed(one, left)):
                named.add(one)
            left = without(one, left)  # "safe" is not named by "not safe", where both are choices
    return _verdict(named == {wanted}, output, expected)


def _affirmed(one: str, text: str) -> str:
    """The text without what denies the choice: "not good", "isn't good"."""
    for word in DENIALS:
        text = text.replace(f"{word} {one}", " ")
    return text


@lru_cache(16)
def _choices(lines: str) -> tuple[str, ...]:
    """The longest first."""
    return tuple(sorted({folded(one) for one in lines.splitlines()} - {""}, key=lambda one: (-len(one), one)))


def words(output: str, expected: str, options: Options) -> Grade:
    """The output has the words of the expected answer, each as often, in any order."""
    return _verdict(words_of(output) == words_of(expected), output, expected)


@dataclass(frozen=True)
class Weighted:
    """Several graders in one: the mean of their scores, each counting by its weight (> 0)."""

    parts: tuple[tuple[Grader, float], ...]

    def __call__(self, output: str, expected: str, options: Options) -> Grade:
        grades = [(grader(output, expected, options), weight) for grader, weight in self.parts]
        total = sum(weight for _, weight in grades)
        whys = "; ".join(grade.why for grade, _ in grades if grade.why)
        return Grade(sum(grade.score * weight for grade, weight in grades) / total, whys)


def graded(grader: str | Grader, output: str, expected: str, options: Options) -> Grade:
    """The grade, by a grader's name or by a function of one's own, between 0 and 1.

    With the option `threshold` (0 to 1) a score that reaches it is right and any other is wrong.
    """
    grade = (GRADERS[grader] if isinstance(grader, str) else grader)(output, expected, options)
    return Grade(passed(grade.score, options), grade.why)


def passed(score: float, options: Options) -> float:
    """The score within 0 to 1; with a `threshold`, 1 where it is reached and 0 where not."""
    threshold = options.get("threshold")
    if threshold in (None, ""):
        return min(1.0, max(0.0, score))
    return float(score >= float(threshold))


def fault(grader: str | Grader, expected: str) -> str:
    """Why this grader cannot grade against this expected answer, or ""."""
    try:
        if grader == "regex":
            expression(seen(expected))
        elif grader == "json" and is_schema(wanted := value_of(expected)):
            check_schema(wanted)
        elif grader == "numeric" and last_number(expected) is None:
            return "there is no number in it"
    except (ValueError, RecursionError, regex.error, jsonschema.SchemaError) as error:
        return str(error).splitlines()[0][:200]
    return ""


def _verdict(right: bool, output: str, expected: str) -> Grade:
    return Grade(1.0) if right else Grade(0.0, f"{EXPECTED}{expected[:120]!r}, got {output.strip()[:120]!r}")


RUBRIC = "rubric"  # graded by a model: see scoring.py
GRADERS: dict[str, Grader] = {
    "exact": exact,
    "contains": contains,
    "regex": matches_regex,
    "numeric": numeric,
    "json": json_equal,
    "choice": choice,
    "words": words,
}
GRADER_NAMES = (*GRADERS, RUBRIC)
