"""How numbers read. Each is rounded once, here, so that a sentence, a bar and the terminal say the same."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal

from optimizer.counts import agreeing

MINUS = "\N{MINUS SIGN}"
NOTHING = 1e-9  # a mean by weights is not exact: less than this is 0
MOST_DIGITS = 2  # after the point of a percentage


@dataclass(frozen=True)
class Pair:
    """Two scores and their difference in points, as they are told together."""

    before: str
    after: str
    difference: str


def percent(score: float, digits: int = 0) -> str:
    """A score from 0 to 1: `0.714` reads `71 %`."""
    return f"{_hundredths(score, digits)} %"


def whole(score: float) -> int:
    """A score from 0 to 1 as a whole number up to 100: what `percent` says, without its sign."""
    return int(_hundredths(score, 0))


def signed(difference: float) -> str:
    """A difference of scores in points: `+25`; with as many digits as it takes not to read as 0 where it is not."""
    return _signed(_hundredths(difference, _digits(difference)))


def points(difference: float) -> str:
    """The same with its unit: `+25 points`."""
    return _with_unit(signed(difference))


def pair(baseline: float, best: float) -> Pair:
    """Both with as many digits as it takes to tell them apart, and the difference of what is shown."""
    digits = _digits_apart(baseline, best)
    before, after = _hundredths(baseline, digits), _hundredths(best, digits)
    return Pair(f"{before} %", f"{after} %", _with_unit(_signed(after - before)))


def interval(baseline: float, best: float, low: float, high: float) -> tuple[str, str]:
    """The ends of the difference's interval, which holds the difference that `pair` shows."""
    digits = _digits_apart(baseline, best)
    shown = _hundredths(best, digits) - _hundredths(baseline, digits)
    lowest = min(_hundredths(low, max(digits, _digits(low))), shown)
    highest = max(_hundredths(high, max(digits, _digits(high))), shown)
    return _signed(lowest), _signed(highest)


def _digits_apart(baseline: float, best: float) -> int:
    """The fewest with which two scores that differ are not shown alike."""
    for digits in range(MOST_DIGITS):
        alike = _hundredths(baseline, digits) == _hundredths(best, digits)
        if not alike or abs(best - baseline) < NOTHING:
            return digits
    return MOST_DIGITS


def _digits(difference: float) -> int:
    """The fewest with which what is not 0 is not shown as 0."""
    for digits in range(MOST_DIGITS):
        if _hundredths(difference, digits) or abs(difference) < NOTHING:
            return digits
    return MOST_DIGITS


def _hundredths(score: float, digits: int) -> Decimal:
    """In percent, a half rounded away from 0; `0.285`, which a float holds as a little less, is 28.5."""
    exact = Decimal(str(round(score, 9))) * 100
    return exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP)


def _signed(value: Decimal) -> str:
    if not value:
        return "0"
    return f"{value:+f}".replace("-", MINUS)


def _with_unit(number: str) -> str:
    return f"{number} {agreeing(1 if number in {'+1', f'{MINUS}1'} else 2, 'point', 'points')}"
