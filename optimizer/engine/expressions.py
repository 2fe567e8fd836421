"""Regular expressions of people, within bounds of memory. Time is bounded where they are searched."""

from __future__ import annotations

from functools import lru_cache

import regex

LARGEST = 100_000  # characters with the counts written out, as compiling does; about 270 bytes each
# Matches nothing. Beside it no text is required in every match; looking for one takes time that grows with the cube of
# its length where it repeats itself, and no time limit ends that.
NEVER = "(?!)"
TOKEN = regex.compile(
    r"\\.|\[(?:\\.|[^\]\\])*+\]|(?<group>[()])|\{\s*(?<count>[0-9]{1,9})[0-9,\s]*\}|.", regex.DOTALL
)


@lru_cache(512)
def expression(text: str) -> regex.Pattern[str]:
    """The expression. ValueError, RecursionError or regex.error where it is none, or is too large."""
    if _written_out(text) > LARGEST:
        raise ValueError(f"its counts make it longer than {LARGEST:,} characters")
    regex.compile(text)  # a fault is told of the text as it is
    return regex.compile(f"{NEVER}|{text}")


def _written_out(text: str) -> int:
    """The length with all counts written out: (ab{3}){2} has 8."""
    sums, last = [0], 0
    for token in TOKEN.finditer(text):
        if token["count"]:
            times = max(1, int(token["count"]))
            sums[-1] += last * (times - 1)
            last *= times
        elif token["group"] == "(":
            sums.append(0)
        elif token["group"] and len(sums) > 1:
            last = sums.pop()
            sums[-1] += last
        else:
            sums[-1], last = sums[-1] + 1, 1
    return sum(sums)
