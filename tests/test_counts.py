"""One row, two rows: in what the engine, the forms and the terminal say."""

from __future__ import annotations

import pytest

from optimizer.amounts import duration
from optimizer.counts import agreeing, counted, there_are
from optimizer.engine import checks, finish
from optimizer.engine.components import Components, Shot
from optimizer.engine.estimate import Range
from optimizer.engine.results import Comparison
from optimizer.engine.task import Config, Item, Task
from optimizer.forecasts import Forecast
from optimizer.templatetags.pages import points
from optimizer.verdicts import _counted

ONE_ROW = Comparison(1, 1, 0, 0, 0.0, 1.0, 1.0, 1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("number", "said"),
    [(0, "0 rows"), (1, "1 row"), (1.0, "1 row"), (1.5, "1.5 rows"), (2, "2 rows"), (1200, "1,200 rows")],
)
def test_words_agree_with_their_number(number: float, said: str) -> None:
    assert counted(number, "row") == said


def test_an_odd_plural_is_given() -> None:
    assert counted(2, "more match", "more matches") == "2 more matches"
    assert there_are(1, "row") == "There is 1 row"
    assert agreeing(2, "it", "them") == "them"


def test_the_comparison_of_one_row_is_told_of_one_row() -> None:
    assert _counted({"rows": 1, "better": 1, "worse": 0}) == "1 of 1 row better, none worse"
    assert (points(0.012), points(-0.01), points(0.3)) == ("+1 point", "\N{MINUS SIGN}1 point", "+30 points")


def test_a_change_of_one_example_is_told_of_one_example() -> None:
    before, after = Components("Sort it."), Components("Sort it.", shots=(Shot("a", "b"),))
    other = Components("Sort it.", shots=(Shot("c", "d"),))
    assert finish.changes(before, after) == "Added 1 example from your rows, in the text."
    assert finish.changes(after, other) == "Chose 1 other example."
    assert "on 1 search row:" in finish.gain([0.0], [1.0], "x")


def test_what_is_wrong_with_one_row_is_told_of_one_row() -> None:
    items = (Item("a", "b"), Item("a", "c"), Item("d", "x" * 5000), Item("e", "f"))
    said = checks.caveats(Task("Sort it.", "m", "m", items=items), Config())
    assert said == [
        "1 input has more than one expected answer; only the first counts.",
        "1 expected answer is longer than the limit for one answer, 256 tokens: that row counts as wrong.",
    ]


def test_an_estimate_of_one_call_is_told_of_one_call() -> None:
    told = Forecast(Range(1, 1), Range(1, 1), Range(1.0, 1.0), "m", "based on its last 40 calls")
    assert str(told) == "1 call, 1 token, 60 seconds with m here, based on its last 40 calls."
    assert duration(119.6) == "120 minutes"
