"""Texts found in texts as whole words, in scripts with and without spaces between them; and the words of a text."""

from __future__ import annotations

from collections.abc import Iterator

import regex

from optimizer.engine.normalizing import folded, in_line

UNSPACED = (
    r"\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"  # words touch there
)
WORDY = r"\w\p{M}\p{N}\u200c\u200d\U0001f3fb-\U0001f3ff"  # with joiners, and the skin tones of emoji
DIGITS = r"(?<!\d)\d{1,3}"

# What stands before a place where no other word, number or sign begins.
BEGINS = regex.compile(
    rf"(?:(?<![{WORDY}])|(?<=[{UNSPACED}])|(?=[{UNSPACED}])|(?<!\u200d)(?=\p{{So}}))"
    r"(?!(?<=\d[.,]|(?<![\w.])\.|\^[({]?|(?<![\d/.,])\d{1,9}/)\d)"  # 3.5, .5, 2^5 and 1/5 are not 5
    rf"(?!(?<={DIGITS}[ '])\d{{3}}(?!\d))"  # 7 000 is not 000
    r"(?!(?<=(?<!\w)[-–](?:\p{Sc} ?)?)[.\d])(?!(?<=(?<!\w)[-–])\p{Sc})"  # -5 and -$5 are not 5
    r"(?!(?<=\p{L}-)\p{L})"  # non-toxic is not toxic
    r"(?!(?<=(?:^|[\s(])[!¬])\w)"  # !x is not x
)
ENDS = regex.compile(
    rf"(?:(?![{WORDY}])|(?<=[{UNSPACED}])|(?=[{UNSPACED}])|(?<=\p{{So}})(?![\p{{M}}\u200d\U0001f3fb-\U0001f3ff]))"
    r"(?!(?<=\d)(?:[.,](?!0{1,2}(?!\d))\d|\^[({]?[-+]?\d))"  # 5.2 and 5,000 are not 5, though 5.00 is
    rf"(?!(?<={DIGITS})[ ']\d{{3}}(?!\d))"
    r"(?!(?<=\w)(?:\+\+|\+(?!\w))|(?<=\p{L})#)"  # C++, A+ and C# are not C and A
    r"(?!(?<=\p{L})-\p{L}|(?<=(?<!\w)\p{L})-(?!\w))"  # toxic-free is not toxic, A- is not A
    r"(?!(?<=\p{L})'t(?!\w))"  # can't is not can
)
WORD = regex.compile(
    rf"(?<![{WORDY}])\p{{L}}-(?![\w-])"  # A-
    rf"|(?:(?<![{WORDY}])[-+](?=\.?\d))?(?:(?<![\w.])\.(?=\d))?\d++(?:,\d{{3}}(?!\d))*+(?:\.\d++)*+%?"
    rf"|(?:(?!_)[{WORDY}])++(?:\+\++|[+#](?!\w))?"
    r"|(?!\|)[\p{Sm}\p{Sc}^]++|(?=\p{So})\X"
)


def stands(wanted: str, text: str) -> bool:
    """Whether the wanted text, which is not empty, stands in the other as whole words. Both are in line."""
    return next(places(wanted, text), None) is not None


def without(wanted: str, text: str) -> str:
    """The text with a blank wherever the wanted one stands in it as whole words."""
    kept, last = [], 0
    for place in places(wanted, text):
        if place >= last:
            kept.append(text[last:place])
            last = place + len(wanted)
    return " ".join([*kept, text[last:]])


def places(wanted: str, text: str) -> Iterator[int]:
    """Where the wanted text begins, as whole words."""
    marked = "_" not in (wanted[0], wanted[-1])
    for place in _occurrences(wanted, text):
        first, last = place, place + len(wanted)
        while marked and first and text[first - 1] == "_" == text[last : last + 1]:  # _so_ is emphasis
            first, last = first - 1, last + 1
        if BEGINS.match(text, first) and ENDS.match(text, last):
            yield place


def words_of(text: str) -> list[str]:
    """The words, numbers with their signs, and symbols, sorted. A text of nothing but punctuation is one word."""
    found = sorted(WORD.findall(in_line(text)))
    return found or [whole for whole in [folded(text)] if whole]


def _occurrences(wanted: str, text: str) -> Iterator[int]:
    """All, also those that overlap, in linear time (Knuth, Morris and Pratt)."""
    start = text.find(wanted)
    if start < 0:
        return
    borders, length = _borders(wanted), 0
    for place in range(start, len(text)):
        while length and (length == len(wanted) or wanted[length] != text[place]):
            length = borders[length - 1]
        length += wanted[length] == text[place]
        if length == len(wanted):
            yield place - length + 1


def _borders(wanted: str) -> list[int]:
    """For each beginning of the text, the length of the longest shorter one that it ends with."""
    borders = [0]
    for character in wanted[1:]:
        length = borders[-1]
        while length and wanted[length] != character:
            length = borders[length - 1]
        borders.append(length + (wanted[length] == character))
    return borders
