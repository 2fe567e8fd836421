"""Numbers as people and models write them, in any script, and what they are worth exactly.

One comma or dot with three digits behind it (1,234) is ambiguous. It is read as the other numbers of the same text are
written, else as the expected answers are, else as in English: a comma groups, a dot begins the decimals.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator
from fractions import Fraction

import regex

from optimizer.engine.normalizing import seen

MOST_DIGITS = 1_000  # of one number; a longer one is none
LARGEST_EXPONENT = 400  # beyond any float
SIGNS = dict.fromkeys(map(ord, "‐‑‒–−˗﹣－➖"), "-") | dict.fromkeys(map(ord, "﹢＋➕"), "+")
MARKS = str.maketrans(
    {"’": "'", "‘": "'", "ʼ": "'", "＇": "'", "٬": "'", "．": ".", "，": ",", "＿": "_", "／": "/", "＾": "^"}
    | {"⁄": "/", "∕": "/", "％": "%", "Ｅ": "e", "ｅ": "e"}
    | dict.fromkeys("\u2007\u2008\u2009\u202f", "\u00a0")
)
RAISED = regex.compile(r"(?<=[0-9])[⁺⁻]?[⁰¹²³⁴-⁹]++")
VULGAR = regex.compile(r"[¼-¾⅐-⅞↉]")
WHOLE_AND_VULGAR = regex.compile(r"([0-9])([¼-¾⅐-⅞↉])")
OTHER_DIGIT = regex.compile(r"(?![0-9])\p{Nd}")
AMBIGUOUS = regex.compile(r"[1-9][0-9]{0,2}[.,][0-9]{3}")
MARK = regex.compile("[.,٫]")
NUMBER = regex.compile(
    r"""
    (?=[-+.0-9\\])
    (?: (?<!\w) (?<sign>[-+]) (?:\p{Sc}[ \u00a0]?)? )?
    (?:
        \\[dt]?frac\ ?\{(?<top>[0-9]++)\}\ ?\{(?<bottom>[0-9]++)\}
      | (?<!/) (?:(?<whole>[0-9]++)[ \u00a0])? (?<top>[0-9]++)/(?<bottom>[0-9]++)(?![0-9]|[/.,][0-9])
      | (?:
            (?!0) (?<grouped>
                [0-9]{1,3} (?<gap>[\u00a0'_]|(?<![0-9][ ][0-9]{1,3})[ ]) [0-9]{3} (?:(?P=gap)[0-9]{3})*+
            )
            (?!(?P=gap)?[0-9]) (?:(?<decimal>[.,٫])(?<decimals>[0-9]++))?
          | (?<run>(?:(?<![\w.])\.)?[0-9]++(?:[.,٫][0-9]++)*+)
        )
        (?:[eE](?<exponent>[-+]?[0-9]++))?
        (?:[ ]?(?:[×x*·⋅]|\\times|\\cdot)[ ]?10[ ]?(?:\^|\*\*)\{?(?<ten>[-+]?[0-9]++)\}?)?
        (?:\^[({]?(?<power>[-+]?[0-9]++)[)}]?)?
    )
    """,
    regex.VERBOSE,
)


def last_number(text: str, fallback: str = "") -> Fraction | None:
    """The last number of the text; None where there is none, or where it is not finite.

    `fallback` is the mark that begins decimals where the text itself does not say.
    """
    plain = _plain(text)
    matches = list(NUMBER.finditer(plain))
    if not matches:
        return None
    mark = fallback or "."
    if _ambiguous(matches[-1]["run"] or ""):
        mark = _usual(Counter(filter(None, map(_decimal_mark, matches)))) or mark
    try:
        return _value(matches[-1], mark)
    except (OverflowError, ZeroDivisionError, ValueError):
        return None


def decimal_mark(texts: Iterable[str]) -> str:
    """What begins decimals in most numbers of the texts that show it: a comma or a dot; "" where none does."""
    return _usual(Counter(mark for text in texts for mark in _decimal_marks(text)))


def is_number(text: str) -> bool:
    """Whether the text is one number and nothing else."""
    plain = _plain(text).strip()
    found = NUMBER.fullmatch(plain)
    if not found or last_number(plain) is None:
        return False
    run = (found["run"] or "").lstrip(".")
    return not run or bool(_written(run, _own_mark(run)))


def _plain(text: str) -> str:
    """With ASCII digits, signs and marks, and powers and fractions in a row."""
    text = seen(text)
    if text.isascii():
        return text
    text = OTHER_DIGIT.sub(lambda found: str(unicodedata.decimal(found[0], found[0])), text.translate(MARKS))
    text = RAISED.sub(lambda found: "^" + unicodedata.normalize("NFKC", found[0]), text)
    text = WHOLE_AND_VULGAR.sub(r"\1 \2", text)
    text = VULGAR.sub(lambda found: unicodedata.normalize("NFKC", found[0]).replace("⁄", "/"), text)
    return text.translate(SIGNS)


def _decimal_marks(text: str) -> Iterator[str]:
    return filter(None, map(_decimal_mark, NUMBER.finditer(_plain(text))))


def _usual(counts: Counter[str]) -> str:
    if not counts:
        return ""
    return "," if counts[","] > counts["."] else "."


def _decimal_mark(number: regex.Match[str]) -> str:
    """What begins decimals in a number that shows it."""
    if number["decimal"]:
        return str(number["decimal"]).replace("٫", "")
    run = number["run"] or ""
    marks = [character for character in run if character in ",."]
    if not marks or "٫" in run or run.startswith(".") or _ambiguous(run):
        return ""
    if len(marks) == 1 or len(set(marks)) == 2:
        return marks[-1] if _written(run, marks[-1]) else ""
    return {",": ".", ".": ","}[marks[0]] if _written(run, "") else ""


def _ambiguous(run: str) -> bool:
    return bool(AMBIGUOUS.fullmatch(run))


def _value(number: regex.Match[str], mark: str) -> Fraction:
    """Its value. ValueError or OverflowError where that is not finite, ZeroDivisionError for 1/0."""
    if number["bottom"]:
        value = int(number["whole"] or 0) + Fraction(int(number["top"]), int(number["bottom"]))
    else:
        value = _plain_value(number, mark)
    if number["power"]:
        value = _power(value, _small(number["power"]))
    float(value)
    return -value if number["sign"] == "-" else value


def _plain_value(number: regex.Match[str], mark: str) -> Fraction:
    if number["grouped"]:
        written = f"{number['grouped'].replace(number['gap'], '')}.{number['decimals'] or 0}"
    else:
        written = _read(number["run"], mark)
    if len(written) > MOST_DIGITS:
        raise ValueError("a number that long is none")
    exponent = _small(number["exponent"] or "0") + _small(number["ten"] or "0")
    return Fraction(written) * Fraction(10) ** _small(exponent)


def _small(exponent: str | int) -> int:
    if len(str(exponent)) > 5 or abs(int(exponent)) > LARGEST_EXPONENT:
        raise OverflowError("beyond any float")
    return int(exponent)


def _power(base: Fraction, exponent: int) -> Fraction:
    float(base) ** exponent  # raises OverflowError before much is computed
    return base**exponent


def _read(run: str, mark: str) -> str:
    """Digits with marks between them as Python writes a number. Where they are no number but a list, its last."""
    if run.startswith("."):
        return f"0{run}" if run[1:].isdigit() else _read(run[1:], mark)
    written = _written(run, mark if _ambiguous(run) else _own_mark(run))
    if written:
        return written
    rest = run.rpartition("," if "," in run else "." if "." in run else "٫")[2]
    return _read(rest, mark)


def _own_mark(run: str) -> str:
    """What begins the decimals of a number that is not ambiguous, "" where all its marks group digits."""
    marks = [character for character in run if not character.isdigit()]
    return marks[-1] if marks and marks.count(marks[-1]) == 1 else ""


def _written(run: str, mark: str) -> str:
    """The number as Python writes it, where this mark begins the decimals; "" where the digits are not grouped so."""
    whole, _, decimals = run.rpartition(mark) if mark and mark in run else (run, "", "0")
    groups = MARK.split(whole)
    used = set(whole) & {".", ",", "٫"}
    if not decimals.isdigit() or len(used) > 1 or mark in used or not _grouped(groups, used == {","}):
        return ""
    return f"{''.join(groups)}.{decimals}"


def _grouped(groups: list[str], commas: bool) -> bool:
    """By thousands, or as in India by hundreds above the thousands."""
    first, *others = map(len, groups)
    if not others:
        return True
    western = first <= 3 and set(others) == {3}
    indian = commas and first <= 2 and others[-1] == 3 and set(others[:-1]) == {2}
    return western or indian
