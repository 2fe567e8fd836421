"""Graders: how right an output is, from 0 to 1, with a word on why."""

from __future__ import annotations

import json
import re
import unicodedata
from dataclasses import dataclass
from typing import Any

import jsonschema
import regex
from referencing import Registry

from optimizer.engine.task import Grade, Grader, Options

REGEX_SECONDS = 0.5
NUMBER = re.compile(r"(?:(?<!\w)[-+])?(?:\d[\d,]*(?:\.\d+)?|(?<!\d)\.\d+)(?:[eE][-+]?\d+)?")
EDGES = " \t\r\n.,;:!?\"'`*_()[]{}<>«»“”‘’¿¡。、「」『』【】《》〈〉،؛؟۔।"
UNSPACED = (
    r"[\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"  # words touch there
)
EXPECTED = "expected "  # begins a reason that says no more than the answer and what was expected
THINKING = re.compile(r"<think>.*?(</think>|\Z)", re.DOTALL)


def without_thinking(output: str) -> str:
    """The output without a reasoning model's `<think>` part."""
    return THINKING.sub("", output).strip()


def folded(text: str) -> str:
    """Case, width and encoding of characters, inner white space and outer punctuation folded; what is nothing but
    punctuation stays."""
    one_line = _in_line(text)
    return one_line.strip(EDGES) or one_line


def _in_line(text: str) -> str:
    text = text if text.isascii() else unicodedata.normalize("NFC", "".join(map(_usual_width, text)))
    return " ".join(text.casefold().split())


def _usual_width(character: str) -> str:
    """Of a full-width or half-width form."""
    wide = unicodedata.east_asian_width(character) in {"F", "H"}
    return unicodedata.normalize("NFKC", character) if wide else character


def exact(output: str, expected: str, options: Options) -> Grade:
    """The whole output is the expected answer, but for case and outer punctuation."""
    return _verdict(folded(output) == folded(expected), output, expected)


def contains(output: str, expected: str, options: Options) -> Grade:
    """The expected answer stands in the output as whole words."""
    found = _whole(folded(expected)).search(_in_line(output))
    return _verdict(bool(found), output, expected)


def matches_regex(output: str, expected: str, options: Options) -> Grade:
    """The expected cell, a regular expression, is found in the output. A slow expression counts as not found."""
    try:
        found = regex.search(expected, output.strip(), timeout=REGEX_SECONDS)
    except TimeoutError:
        return Grade(0.0, f"the expression took longer than {REGEX_SECONDS} s")
    except regex.error as error:
        return Grade(0.0, f"the expression is not valid: {error}")
    return _verdict(bool(found), output, f"something matching {expected}")


def numeric(output: str, expected: str, options: Options) -> Grade:
    """The last number of the output equals the expected one, within `tolerance` (0 by default)."""
    said, wanted = _last_number(output), _last_number(expected)
    if said is None or wanted is None:
        return Grade(0.0, f"no number in {output[:80]!r}")
    return _verdict(abs(said - wanted) <= float(options.get("tolerance") or 1e-9), output, expected)


def json_equal(output: str, expected: str, options: Options) -> Grade:
    """The output is JSON that equals the expected value, or fits it where that is a JSON schema."""
    try:
        said = json.loads(_fenced(output))
    except (ValueError, RecursionError):
        return Grade(0.0, f"not JSON: {output[:80]!r}")
    wanted = json.loads(expected)
    if _is_schema(wanted):
        fault = next(_validator(wanted).iter_errors(said), None)
        return Grade(0.0, fault.message[:200]) if fault else Grade(1.0)
    return _verdict(said == wanted, output, expected)


def choice(output: str, expected: str, options: Options) -> Grade:
    """Of the choices, the output names the expected one and no other. `choices` are separated by line breaks."""
    left, named = _in_line(output), set()
    for one in sorted({folded(c) for c in options.get("choices", "").splitlines()}, key=len, reverse=True):
        if one and one in left and (found := _whole(one)).search(left):
            named.add(one)
            left = found.sub(" ", left)  # "safe" is not named by "not safe", where both are choices
    return _verdict(named == {folded(expected)}, output, expected)


def words(output: str, expected: str, options: Options) -> Grade:
    """The output has the words of the expected answer, each as often, in any order."""
    return _verdict(_words(output) == _words(expected), output, expected)


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
            regex.compile(expected)
        elif grader == "json" and _is_schema(wanted := json.loads(expected)):
            _check_schema(wanted)
        elif grader == "numeric" and _last_number(expected) is None:
            return "there is no number in it"
    except (ValueError, RecursionError, regex.error, jsonschema.SchemaError) as error:
        return str(error).splitlines()[0][:200]
    return ""


def _whole(text: str) -> regex.Pattern[str]:
    """The text as whole words, where its language has spaces between words."""
    before, after = rf"(?<!\w)|(?<={UNSPACED})|(?={UNSPACED})", rf"(?!\w)|(?={UNSPACED})|(?<={UNSPACED})"
    return regex.compile(rf"(?:{before}){regex.escape(text)}(?:{after})")


def _words(text: str) -> list[str]:
    return sorted(re.findall(r"[^\W_]+", _in_line(text)))


def _is_schema(value: object) -> bool:
    return isinstance(value, dict) and "$schema" in value


def _check_schema(schema: dict[str, Any]) -> None:
    """ValueError or SchemaError for one that is not valid, looks elsewhere, or has patterns, which nothing bounds."""
    jsonschema.Draft202012Validator.check_schema(schema)
    text = json.dumps(schema)
    for word in ("$ref", "$dynamicRef", "pattern", "patternProperties"):
        if f'"{word}":' in text:
            raise ValueError(f"{word} is not supported in a schema")


def _validator(schema: dict[str, Any]) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema, registry=Registry())


def _verdict(right: bool, output: str, expected: str) -> Grade:
    return Grade(1.0) if right else Grade(0.0, f"{EXPECTED}{expected[:120]!r}, got {output.strip()[:120]!r}")


def _last_number(text: str) -> float | None:
    found = NUMBER.findall(text)
    return float(found[-1].replace(",", "")) if found else None


def _fenced(output: str) -> str:
    block = re.search(r"```(?:json)?\s*(.*?)```", output, re.DOTALL)
    return block[1] if block else output


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
