"""What of a text carries no meaning: marks that nobody sees, case, width, and punctuation around the whole."""

from __future__ import annotations

import re
import unicodedata

# Soft hyphen, zero-width space, byte order mark, marks of direction and presentation, invisible operators.
UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufe0e\ufe0f\ufeff]"
)
# Joiners shape words and emoji; they carry nothing beside ASCII or at an end.
JOINERS = re.compile("(?<![^\x00-\x7f])[\u200c\u200d]+|(?<![\u200c\u200d])[\u200c\u200d]++(?![^\x00-\x7f])")
SAME = str.maketrans(
    {"’": "'", "‘": "'", "ʼ": "'", "“": '"', "”": '"', "„": '"'}  # quotes
    | {"‐": "-", "‑": "-", "−": "-", "﹣": "-"}  # hyphens and the minus sign
    | {"ς": "σ", "µ": "μ"}
)
EDGES = " .,;:!?\"'`*_()[]{}<>«»¿¡。、「」『』【】《》〈〉،؛؟۔।"
BEGINNINGS = re.compile(r"(?:[:*;,.] )+")  # of an answer that continues the prompt, or stands in a list
ENDINGS = ".,;:!。、،؛۔।"  # a question mark is none of them: a question is no answer
LOOSE = " \u200c\u200d"  # at an end, once a mark beside them is gone
QUOTES = ("''", '""', "«»", "‹›", "「」", "『』")
BRACKETS = ("()", "[]", "{}", "<>", "【】", "《》", "〈〉", "¿?", "¡!")
# With one of them inside, brackets say more than "this is the answer".
INNER = frozenset("()[]{}<>【】《》〈〉,;")
MARKUP = "*_`"


def seen(text: str) -> str:
    """The text without marks that nobody sees, in one encoding (NFC) of its characters."""
    if text.isascii():
        return text
    return _composed(JOINERS.sub("", UNSEEN.sub("", _composed(text))))


def in_line(text: str) -> str:
    """Case, width and encoding of characters, and white space folded; and what nobody sees left out.

    Case is lower case and not Unicode's fold, which makes one of "Maße" and "Masse".
    """
    if not text.isascii():
        text = seen(_composed("".join(map(_usual_width, text))).lower().translate(SAME))
    return " ".join(text.lower().split())


def folded(text: str) -> str:
    """`in_line`, without the punctuation around the whole; what is nothing but punctuation stays.

    Signs, the dot of ".5", what stands on one side only ("<5") and the brackets of "[0, 1)" carry meaning and stay.
    """
    text, before = in_line(text), ""
    while text != before:
        before = text
        text = _unmarked(_unwrapped(_without_ends(text))).strip(LOOSE)
    return text


def _composed(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def _usual_width(character: str) -> str:
    """The usual form of a full-width or half-width character, or a ligature."""
    other = unicodedata.east_asian_width(character) in {"F", "H"} or "\ufb00" <= character <= "\ufb06"
    return unicodedata.normalize("NFKC", character) if other else character


def _says_something(text: str) -> bool:
    return bool(text.strip(EDGES))


def _without_ends(text: str) -> str:
    if not _says_something(text):
        return text
    text = text[found.end() :] if (found := BEGINNINGS.match(text)) else text
    bare = text.rstrip(ENDINGS + " ")
    factorial = text[len(bare) :][:1] == "!" and (bare[-1:].isnumeric() or len(bare) == 1)
    return f"{bare}!" if factorial else _without_a_stray_mark(bare)


def _without_a_stray_mark(text: str) -> str:
    """A quote without its other half, and the bracket of "A)"."""
    if text.count('"') == 1:
        return text[1:] if text[0] == '"' else text[:-1] if text[-1] == '"' and text[-2].isalpha() else text
    return text[:-1] if text.endswith(")") and text[:-1].isalnum() else text


def _unwrapped(text: str) -> str:
    """Without one pair of quotes or brackets around the whole."""
    inside = text[1:-1].strip()
    if not inside:
        return text
    pair = text[0] + text[-1]
    if pair in QUOTES and _nested(inside, pair):
        return inside
    if pair in BRACKETS and _says_something(inside) and not INNER & set(inside):
        return inside
    return text


def _nested(inside: str, pair: str) -> bool:
    """Whether quotes around this are of the whole, and not of its first and last part: "a" and "b"."""
    inner = re.sub(r"(?<=\w)'(?=\w)", " ", inside)  # an apostrophe
    first = min((place for mark in pair if (place := inner.find(mark)) >= 0), default=-1)
    last = max(inner.rfind(mark) for mark in pair)
    if first < 0:
        return True
    opens = inner[:first].endswith((" ", "(", "[", "{"))
    return opens and inner[first] == pair[0] and inner[last] == pair[1] and inner[last - 1] != " "


def _unmarked(text: str) -> str:
    """Without one pair of Markdown's marks around the whole."""
    mark = text[:1]
    inside = text.strip(mark) if mark and mark in MARKUP else ""
    count = (len(text) - len(inside)) // 2
    if not inside or text != f"{mark * count}{inside}{mark * count}" or mark * count in inside:
        return text
    inside = inside.strip()
    return inside if mark == "`" or _says_something(inside) else text
