"""How a run's finalists did with other models, as that is stored with its result and as people see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from optimizer.engine import figures
from optimizer.models.finalists import Finalist

ORIGINAL = "Original"


@dataclass(frozen=True)
class Cell:
    """One prompt with one model, in words: its score, the difference from the original, and rows that did not fit."""

    title: str
    score: str
    difference: str = ""
    too_long: int = 0
    is_best: bool = False


@dataclass(frozen=True)
class ModelRow:
    """One model. `missing` says why it has no cells; `is_target` is the model that was searched on."""

    model: str
    cells: tuple[Cell, ...]
    is_target: bool
    missing: str = ""
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelTable:
    """The original and the finalists by model. `best` is the title of the best for all, "" if only one was measured."""

    titles: tuple[str, ...]
    rows: tuple[ModelRow, ...]
    best: str = ""


def table_of(
    results: Mapping[str, Any], finalists: Sequence[Finalist], *, intervals: bool = True
) -> ModelTable | None:
    """The table of a session's results; None if no other model was asked for. Few rows have no `intervals` that tell
    anything."""
    stored = results.get("other_models")
    if not stored:
        return None
    titles = {0: ORIGINAL} | {finalist.number: finalist.title for finalist in finalists}
    rows = tuple(
        _row(one, titles, is_target=n == 0, intervals=intervals) for n, one in enumerate(stored["models"])
    )
    return ModelTable(tuple(titles.values()), rows, titles.get(stored["best"], ""))


def _row(
    stored: Mapping[str, Any], titles: Mapping[int, str], *, is_target: bool, intervals: bool
) -> ModelRow:
    cells = tuple(
        _cell(one, titles[one["number"]], is_best=one["number"] == stored["best"], intervals=intervals)
        for one in stored["prompts"]
    )
    return ModelRow(stored["model"], cells, is_target, stored["missing"], tuple(stored["notes"]))


def _cell(stored: Mapping[str, Any], title: str, *, is_best: bool, intervals: bool) -> Cell:
    after, before = stored["score"], stored["score"] - stored["difference"]
    if not stored["number"]:
        return Cell(title, figures.percent(after), "", stored["too_long"], is_best)
    told = figures.pair(before, after)
    low, high = figures.interval(before, after, stored["low"], stored["high"])
    difference = f"{told.difference} ({low} to {high})" if intervals else told.difference
    return Cell(title, told.after, difference, stored["too_long"], is_best)
