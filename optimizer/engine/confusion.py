"""Expected answers that a grader takes for one another, found by their normal forms."""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise, zip_longest
from typing import Literal

import regex

from optimizer.engine.finding import UNSPACED, stands, words_of
from optimizer.engine.graders import apart, told
from optimizer.engine.normalizing import folded, in_line, seen
from optimizer.engine.numbers import is_number, last_number
from optimizer.engine.task import Grader, Options
from optimizer.engine.values import NoValueError, normal, value_of

# Characters of such scripts one by one, runs of others, and what is neither a letter nor a digit one by one.
ATOM = regex.compile(
    rf"[{UNSPACED}]|(?:(?![{UNSPACED}_])[\w\p{{M}}\p{{N}}\u200c\u200d\U0001f3fb-\U0001f3ff])++|\S"
)

Kind = Literal["meaning", "spelling", "tolerance", "inside"]
Form = tuple[Hashable, str]  # the normal form of an answer, and the answer
Entry = tuple[Fraction, str]  # a number and the answer that has it
Lengths = dict[
    str, dict[str, set[int]]
]  # of texts in atoms, by the first atom and by the second, "" where none is


@dataclass(frozen=True)
class Confusion:
    """`count` expected answers that are taken for others; `one` is such an answer, and right where `other` is expected.

    `kind` says how they differ: in meaning, as it seems; in spelling alone, which the grader means to overlook; by no
    more than the tolerance; or the other one stands `inside` the first.
    """

    kind: Kind
    count: int
    one: str
    other: str


def confusable(grader: str | Grader, answers: Iterable[str], options: Options) -> list[Confusion]:
    """What this grader cannot tell apart in the expected answers, at most one of a kind.

    Answers differ as they are typed, but for space around them, the encoding of characters and marks that nobody
    sees. It takes time in proportion to the text, and is empty for expressions, models and functions.
    """
    different = _different(answers)
    if grader == "numeric":
        return _numbers(different, {**told(grader, different), **options})
    if grader == "words":
        return _alike([(tuple(words_of(answer)), answer) for answer in different])
    if grader == "json":
        return _alike(list(_json(different)), spelled=lambda answer: "")
    if grader in ("exact", "contains", "choice"):
        alike = _alike([(folded(answer), answer) for answer in different])
        return [*_inside(different), *alike] if grader == "contains" else alike
    return []


def _different(answers: Iterable[str]) -> list[str]:
    typed = dict.fromkeys(seen(answer).strip() for answer in answers)
    return [answer for answer in typed if answer]


def _json(answers: Sequence[str]) -> Iterator[Form]:
    for answer in answers:
        try:
            yield normal(value_of(answer)), answer
        except (NoValueError, RecursionError):
            continue


def _alike(forms: Sequence[Form], spelled: Callable[[str], Hashable] = folded) -> list[Confusion]:
    """Answers that share a normal form: in spelling alone where `spelled` gives the same for all of them."""
    buckets: dict[Hashable, list[str]] = {}
    for form, answer in forms:
        buckets.setdefault(form, []).append(answer)
    kinds: dict[Kind, list[list[str]]] = {"meaning": [], "spelling": []}
    for bucket in buckets.values():
        if len(bucket) > 1:
            kinds["spelling" if len(set(map(spelled, bucket))) == 1 else "meaning"].append(bucket)
    return [_confusion(kind, those, spelled) for kind, those in kinds.items() if those]


def _confusion(kind: Kind, buckets: Sequence[list[str]], spelled: Callable[[str], Hashable]) -> Confusion:
    one, *others = buckets[0]
    other = next((answer for answer in others if spelled(answer) != spelled(one)), others[0])
    return Confusion(kind, sum(map(len, buckets)), one, other)


def _numbers(answers: Sequence[str], options: Options) -> list[Confusion]:
    values = [(last_number(answer, options.get("decimal", "")), answer) for answer in answers]
    ranked = sorted((value, answer) for value, answer in values if value is not None)
    firsts: list[Entry] = []  # of runs of numbers that are equal
    forms: list[Form] = []
    for value, answer in ranked:
        if not firsts or value - firsts[-1][0] > apart(firsts[-1][0], value, {}):
            firsts.append((value, answer))
        forms.append((firsts[-1][0], answer))
    return [
        *_alike(forms, spelled=lambda answer: is_number(answer) or folded(answer)),
        *_near(firsts, options),
    ]


def _near(values: Sequence[Entry], options: Options) -> list[Confusion]:
    """Different numbers that the tolerance makes equal."""
    near = [
        pair for pair in pairwise(values) if pair[1][0] - pair[0][0] <= apart(pair[0][0], pair[1][0], options)
    ]
    if not near:
        return []
    ((_, one), (_, other)), count = near[0], len({entry for pair in near for entry in pair})
    return [Confusion("tolerance", count, one, other)]


def _inside(answers: Sequence[str]) -> list[Confusion]:
    """Answers in which another one stands as whole words."""
    wanted = {form: answer for answer in reversed(answers) if (form := folded(answer))}
    lengths: Lengths = {}
    for form in wanted:
        first, second, *others = [*ATOM.findall(form), ""]
        lengths.setdefault(first, {}).setdefault(second, set()).add(len(others) + 1)
    found = [(answer, form) for answer in answers if (form := _part(answer, wanted, lengths))]
    return [Confusion("inside", len(found), found[0][0], wanted[found[0][1]])] if found else []


def _part(answer: str, wanted: Collection[str], lengths: Lengths) -> str:
    """The form of another answer that stands in this one, or ""."""
    text, tried = in_line(answer), {folded(answer)}
    for part in _parts(text, lengths):
        if part in wanted and part not in tried:
            if stands(part, text):
                return part
            tried.add(part)
    return ""


def _parts(text: str, lengths: Lengths) -> Iterator[str]:
    """What begins in the text as one of those texts does, and is as long."""
    spans = [found.span() for found in ATOM.finditer(text)]
    atoms = [text[start:end] for start, end in spans]
    for place, (atom, second) in enumerate(zip_longest(atoms, atoms[1:], fillvalue="")):
        of_atom = lengths.get(atom, {})
        for length in of_atom.get("", set()) | of_atom.get(second, set()):
            if place + length <= len(spans):
                yield text[spans[place][0] : spans[place + length - 1][1]]
