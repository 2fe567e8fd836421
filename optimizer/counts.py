"""Counting words: one row, two rows. Plain Python, for everything that speaks to people."""

from __future__ import annotations


def counted(number: float, noun: str, plural: str = "") -> str:
    """`1 row`, `2 rows`, `1,000 rows`; `1 more match`, `2 more matches` where the plural is given."""
    return f"{_figure(number)} {agreeing(number, noun, plural or f'{noun}s')}"


def there_are(number: float, noun: str) -> str:
    """`There is 1 row`, `There are 2 rows`."""
    return f"There {agreeing(number, 'is', 'are')} {counted(number, noun)}"


def agreeing(number: float, one: str, many: str) -> str:
    """The word that agrees with the number: `is` or `are`, `it` or `they`."""
    return one if number == 1 else many


def _figure(number: float) -> str:
    """Whole numbers without a point, with commas between thousands."""
    return f"{int(number):,}" if number == int(number) else f"{number:,}"
