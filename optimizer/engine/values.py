"""JSON as models write it: alone, in a fence, or with a sentence around it; and when two values are equal."""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Hashable, Iterator
from fractions import Fraction
from typing import Any

from optimizer.engine.normalizing import seen

FENCES = ("```", "~~~")
LANGUAGE = re.compile(r"[\w+.-]*")  # json, JSON, json5, behind the mark of a fence
OPENING = re.compile(r"[{\[]")
LIKE_JSON = re.compile(r"""[{\[]\s*+(?:["'{\[\d-]|true\b|false\b|null\b)|{\s*+\w++\s*+:""")
CLOSES = {"}": "{", "]": "["}
MOST_FAILED = 100  # beginnings of values in a text that are none, so that reading it stays linear


class NoValueError(ValueError):
    """The text has no JSON value, and why."""


def value_of(text: str) -> Any:
    """The value that the text is. NoValueError for NaN, numbers beyond any float, and a key that stands twice."""
    return _strictly(seen(text).strip())


def value_in(text: str, kind: type | None = None) -> Any:
    """The value that the text is or has: the last one where it has several, or the last of that kind (a citation such
    as [1] behind an object is none). NoValueError where that is broken.

    Within sentences only objects and arrays are values; alone in the text or in its only fence anything is.
    """
    text = seen(text).strip()
    for candidate in (text, *_fenced(text)):
        try:
            return _strictly(candidate)
        except NoValueError:
            pass
    return _last_within(text, kind)


def normal(value: Any) -> Hashable:
    """Equal for values that are equal: 1 is 1.0, true is not 1, and keys have no order."""
    if isinstance(value, bool) or value is None:
        return ("constant", value)
    if isinstance(value, int | float):
        return ("number", Fraction(value))
    if isinstance(value, str):
        return ("text", seen(value))
    if isinstance(value, list):
        return ("array", tuple(normal(one) for one in value))
    return ("object", frozenset((seen(key), normal(one)) for key, one in value.items()))


def _strictly(text: str) -> Any:
    value, end = _value_at(text, 0)
    if text[end:].strip():
        raise NoValueError("there is more text after the value")
    return value


def _value_at(text: str, place: int) -> tuple[Any, int]:
    try:
        return _decoder.raw_decode(text, place)
    except RecursionError:
        raise NoValueError("it is nested too deeply") from None
    except ValueError as error:
        raise NoValueError(str(error)) from None


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"{text} is not a JSON number")
    return number


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) < len(pairs):
        ((twice, _),) = Counter(key for key, _ in pairs).most_common(1)
        raise ValueError(f"the key {json.dumps(twice)[:80]} occurs twice")
    return value


_decoder = json.JSONDecoder(parse_float=_finite, parse_constant=_finite, object_pairs_hook=_object)


def _fenced(text: str) -> list[str]:
    """What the only fence of the text holds, with and without the word behind its mark."""
    mark = next((mark for mark in FENCES if mark in text), "")
    parts = text.split(mark) if mark else []
    if len(parts) != 3:
        return []
    inside = parts[1].strip(mark[0])
    found = LANGUAGE.match(inside)
    return [inside.strip(), inside[found.end() if found else 0 :].strip()]


def _last_within(text: str, kind: type | None) -> Any:
    last = None
    for found in _values(text):
        if found is None or kind is None or isinstance(found[0], kind):
            last = found
    if last is None:
        raise NoValueError("there is no JSON in it")
    return last[0]


def _values(text: str) -> Iterator[tuple[Any] | None]:
    """Each object or array that stands in no other; None for one that is broken, so that no earlier one counts."""
    ends, place, failed = _ends(text), 0, 0
    while found := OPENING.search(text, place):
        place = found.start()
        try:
            value, place = _value_at(text, place)
            yield (value,)
            continue
        except NoValueError:
            failed += 1
        broken = bool(LIKE_JSON.match(text, place))
        if broken or failed == MOST_FAILED:
            yield None
        if failed == MOST_FAILED or (broken and place not in ends):
            return
        place = ends.get(place, place + 1)


def _ends(text: str) -> dict[int, int]:
    """Where each bracket that is closed ends, by where it opens."""
    ends, opened = {}, []
    for found in re.finditer(r"[{}\[\]]", text):
        if found[0] not in CLOSES:
            opened.append(found)
        elif opened and opened[-1][0] == CLOSES[found[0]]:
            ends[opened.pop().start()] = found.end()
    return ends
