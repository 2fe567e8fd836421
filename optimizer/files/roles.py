"""What each column of a sheet is for: the expected answer, the input, the weight."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from optimizer.files.faults import FileFaultError, twice
from optimizer.files.names import (
    ANSWERS,
    INPUTS,
    WEIGHTS,
    beside,
    innermost,
    is_bookkeeping,
    known,
    outermost,
)
from optimizer.files.records import Record, Sheet


@dataclass(frozen=True)
class Assignment:
    """What a person said about the file and its columns; "" if they left it to us. `variables` are pairs of a variable
    and the column that fills it. With `keep_good`, rows with faults are left out."""

    expected: str = ""
    input: str = ""
    weight: str = ""
    variables: tuple[tuple[str, str], ...] = ()
    first_row_is_data: bool = False
    encoding: str = ""
    delimiter: str = ""
    keep_good: bool = False

    def stored(self) -> dict[str, Any]:
        """What was said, as it is stored."""
        roles = {"expected": self.expected, "input": self.input, "weight": self.weight}
        said: dict[str, Any] = {role: column for role, column in roles.items() if column}
        return said | ({"variables": dict(self.variables)} if self.variables else {})

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """What was said, from how it is stored."""
        return cls(**{**stored, "variables": tuple(stored.get("variables", {}).items())})

    @property
    def columns(self) -> set[str]:
        """The columns that were chosen."""
        return {self.expected, self.input, self.weight, *(column for _, column in self.variables)} - {""}


def expected_column(sheet: Sheet, assigned: Assignment) -> str:
    """The chosen column, or else the one named like an answer. FileFaultError if there is none, or several."""
    if assigned.expected:
        return _present(sheet, assigned.expected)
    if not sheet.headed and len(sheet.columns) == 2:
        return sheet.columns[1]
    found = known(sheet.columns, ANSWERS)
    if not found:
        raise FileFaultError(
            _no_answers(sheet), columns=sheet.columns, headless=sheet.tabular and sheet.headed
        )
    return _single(sheet, found)


def _no_answers(sheet: Sheet) -> str:
    seen = ", ".join(f"“{name[:40]}”" for name in sheet.columns[:10]) or "none"
    usual = f"{', '.join(ANSWERS[:1])} (or {', '.join(ANSWERS[6:8])}, label, …)"
    text = f"No column is called {usual}. Columns found: {seen}. Say which one holds the expected answers"
    if sheet.tabular and sheet.headed:
        return f"{text}, rename it, or say that the first row is data."
    return f"{text}, or rename it."


def weight_column(sheet: Sheet, assigned: Assignment, expected: str) -> str:
    """The chosen column, or else the one named like a weight; "" if there is none."""
    if assigned.weight:
        return _chosen_weight(sheet, assigned.weight, expected)
    found = known(sheet.columns, WEIGHTS)
    return _single(sheet, found) if found else ""


def _chosen_weight(sheet: Sheet, name: str, expected: str) -> str:
    if _present(sheet, name) == expected:
        raise FileFaultError(
            f"“{name}” cannot be the weight: it is the expected answer. Choose another column.",
            columns=sheet.columns,
        )
    return name


def input_column(sheet: Sheet, assigned: Assignment, expected: str, weight: str) -> str:
    """The chosen column, or else a filled one that is named like an input, or else the only one left."""
    others = beside(sheet.columns, (expected, weight))
    if assigned.input:
        return _chosen_input(sheet, assigned.input, others, expected)
    left = [name for name in others if _filled(sheet, name)] or others
    if not left:
        raise FileFaultError(
            f"There is no column besides “{expected}”. Add one with the inputs.", columns=sheet.columns
        )
    whole = {name for name in left if all(_has(record, name) for record in sheet.records)}
    tops = outermost(left)
    if found := known(tops, INPUTS):
        return innermost(left, _single(sheet, found), whole)
    tops = [name for name in tops if not is_bookkeeping(name)]
    return innermost(left, tops[0], whole) if len(tops) == 1 else ""


def _chosen_input(sheet: Sheet, name: str, others: Sequence[str], expected: str) -> str:
    if _present(sheet, name) not in others:
        raise FileFaultError(
            f"“{name}” cannot be the input: the expected answer is “{expected}”. Choose another column.",
            columns=sheet.columns,
        )
    return name


def _filled(sheet: Sheet, name: str) -> bool:
    return any(_has(record, name) for record in sheet.records)


def _has(record: Record, name: str) -> bool:
    return record.values.get(name) not in (None, "", {}, [])


def _present(sheet: Sheet, name: str) -> str:
    if name not in sheet.columns:
        seen = ", ".join(f"“{column}”" for column in sheet.columns[:20])
        raise FileFaultError(f"There is no column “{name}”. Columns found: {seen}.", columns=sheet.columns)
    return name


def _single(sheet: Sheet, found: Sequence[str]) -> str:
    if len(found) > 1:
        raise FileFaultError(twice("The header", found[0]), columns=sheet.columns)
    return found[0]
