"""What changed between two texts, word by word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import Match, SequenceMatcher
from itertools import accumulate

from optimizer.models import Candidate

SHARED = 3  # words that must agree to stand as unchanged inside a change
UNLIKE = 0.2
LONG = 400  # from this many words on, frequent words anchor no match: repetition would take minutes
MOST_STEPS = 1_000_000  # of a comparison, about half a second; what is left then counts as changed
WORDS = re.compile(r"\s*\{\{\s*\w+\s*\}\}|\s*\w+|\s*[^\w\s]|\s+")  # a variable is one word


@dataclass(frozen=True)
class Change:
    """A run of words: `kind` is same, removed or added."""

    kind: str
    text: str


@dataclass(frozen=True)
class PartDiff:
    """A part of the prompt before and after. `title` names it if the prompt has two; `changes` are empty if there is
    nothing to compare."""

    title: str
    before: str
    after: str
    changes: list[Change]


def parts_of(original: Candidate, found: Candidate | None) -> list[PartDiff]:
    """The prompt's parts, each with what the search changed."""
    after = found or original
    text = (original.text, after.text)
    if not original.system_text:
        return [PartDiff("", *text, word_diff(*text) if found else [])]
    parts = {"System text": (original.system_text, after.system_text), "Text": text}
    return [
        PartDiff(title, *pair, word_diff(*pair) if pair[0] != pair[1] else [])
        for title, pair in parts.items()
    ]


class _Bounded(SequenceMatcher[str]):
    """Ends within MOST_STEPS. Some texts, such as a hundred marks in turn, would take a minute."""

    b2j: dict[str, list[int]]  # where each word stands in the second text

    def __init__(self, old: list[str], new: list[str], *, autojunk: bool) -> None:
        super().__init__(None, old, new, autojunk=autojunk)
        steps = (1 + len(self.b2j.get(word, ())) for word in old)
        self._until = list(accumulate(steps, initial=0))
        self._left = MOST_STEPS

    def find_longest_match(
        self, alo: int = 0, ahi: int | None = None, blo: int = 0, bhi: int | None = None
    ) -> Match:
        end = len(self._until) - 1 if ahi is None else ahi
        self._left -= self._until[end] - self._until[alo]
        if self._left < 0:
            return Match(alo, blo, 0)
        return super().find_longest_match(alo, end, blo, bhi)


def word_diff(before: str, after: str) -> list[Change]:
    """Runs in reading order; a removed run stands before what replaces it."""
    old, new = WORDS.findall(before), WORDS.findall(after)
    changes: list[Change] = []
    removed = added = ""
    for same, a, b in _runs(old, new):
        if not same:
            removed, added = removed + a, added + b
            continue
        changes += [Change("removed", removed), Change("added", added), Change("same", a)]
        removed = added = ""
    changes += [Change("removed", removed), Change("added", added)]
    return [change for change in changes if change.text]


def _runs(old: list[str], new: list[str]) -> Iterator[tuple[bool, str, str]]:
    """(same, old text, new text). A word or two that two changes happen to share counts as changed."""
    matcher = _Bounded(old, new, autojunk=len(old) + len(new) > LONG)
    unlike = matcher.ratio() < UNLIKE
    for tag, a, b, c, d in matcher.get_opcodes():
        between = a > 0 and b < len(old)
        by_chance = b - a < SHARED and (between or unlike)
        yield tag == "equal" and not by_chance, "".join(old[a:b]), "".join(new[c:d])
