"""What changed between two texts, word by word."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

WORDS = re.compile(r"\s*\w+|\s*[^\w\s]|\s+")


@dataclass(frozen=True)
class Change:
    """A run of words: `kind` is same, removed or added."""

    kind: str
    text: str


def word_diff(before: str, after: str) -> list[Change]:
    """Runs in reading order; a removed run stands before what replaces it."""
    old, new = WORDS.findall(before), WORDS.findall(after)
    changes = []
    for tag, a, b, c, d in SequenceMatcher(None, old, new, autojunk=len(old) + len(new) > 4000).get_opcodes():
        if tag == "equal":
            changes.append(Change("same", "".join(old[a:b])))
            continue
        changes.append(Change("removed", "".join(old[a:b])))
        changes.append(Change("added", "".join(new[c:d])))
    return [change for change in changes if change.text]
