"""The table in which a person says which column goes where."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from optimizer.engine.variables import in_braces
from optimizer.files import Table
from optimizer.files.binding import Binding
from optimizer.files.names import last_part, plain
from optimizer.forms.optimization import OptimizationForm

MOST = 100  # variables; the others find their columns by their names
LONGEST = 120  # characters of a cell that are shown beside it


@dataclass(frozen=True)
class Option:
    """One column to choose."""

    value: str
    label: str
    selected: bool = False


@dataclass(frozen=True)
class Line:
    """One place that a column may go to. `name` and `id` are those of its select; `variable` is "" for other places;
    `cell` is what the first row has there; `fault` and `note` stand beside it."""

    label: str
    name: str
    id: str
    options: tuple[Option, ...]
    variable: str = ""
    cell: str = ""
    fault: str = ""
    note: str = ""


def lines_of(form: OptimizationForm, columns: tuple[str, ...]) -> list[Line]:
    """A line for each variable (or for the input below a prompt without any), the answer and the weight."""
    table, binding = form.table, form.binding
    names = _variables(binding) if binding else []
    lines = [_of_variable(form, table, binding, name) for name in names if table and binding]
    if not names:
        lines.append(_of_role(form, "input", "Below the prompt", columns, _found(table, "input")))
    lines.append(_of_role(form, "expected", "Expected answer", columns, _found(table, "expected")))
    lines.append(_of_role(form, "weight", "Weight", columns, _found(table, "weight"), none="None"))
    return lines


def _variables(binding: Binding) -> list[str]:
    """The variables of the prompt: first those that need a column."""
    wanting = [*(name for name, _ in binding.refused), *binding.nameless]
    return [*wanting, *(name for name, _ in binding.variables)][:MOST]


def _of_variable(form: OptimizationForm, table: Table, binding: Binding, name: str) -> Line:
    column = binding.column_of(name)
    by_hand = column if name in binding.chosen else ""
    blank = sum(not row.cells.get(column, "").strip() for row in table.rows) if column else 0
    note = f"Empty in {blank} of {len(table.rows)} rows: {_numbers(table, column)}" if blank else ""
    empty = binding.empty(table).get(name, "")
    auto = Option(f"{name}=", _of_itself(name, column) if column and not by_hand else "Choose a column")
    options = [Option(f"{name}={one}", one, selected=one == by_hand) for one in table.others]
    return Line(
        label=in_braces(name),
        name="mapping",
        id=f"id_mapping_{name}",
        options=(auto, *options),
        variable=name,
        cell=_cell(table, column),
        fault=binding.fault_of(name) or empty,
        note="" if empty else note,
    )


def _of_itself(name: str, column: str) -> str:
    """How the variable came to its column without a person's choice."""
    same = plain(name) in (plain(column), plain(last_part(column)))
    return f"{column} ({'same name' if same else 'a guess'})"


def _numbers(table: Table, column: str, *, most: int = 5) -> str:
    """The numbers of the rows in which the column is empty."""
    found = [n for n, row in enumerate(table.rows, 1) if not row.cells.get(column, "").strip()]
    return ", ".join(map(str, found[:most])) + (", …" if len(found) > most else "")


def _of_role(
    form: OptimizationForm, role: str, label: str, columns: Iterable[str], found: str, *, none: str = ""
) -> Line:
    chosen = getattr(form.assigned, role)
    auto = f"{found} (by its name)" if found and not chosen else none or "Choose a column"
    options = [Option(one, one, selected=one == chosen) for one in columns]
    return Line(
        label=label,
        name=f"{role}_column",
        id=f"id_{role}_column",
        options=(Option("", auto), *options),
        cell=_cell(form.table, found),
        fault=" ".join(map(str, form.errors.get(f"{role}_column", []))),
    )


def _found(table: Table | None, role: str) -> str:
    return getattr(table, role) if table else ""


def _cell(table: Table | None, column: str) -> str:
    """What the first row has in that column, short."""
    text = table.rows[0].cells.get(column, "").strip() if table and column else ""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
