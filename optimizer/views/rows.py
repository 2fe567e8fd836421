"""How the rows of a filled form are read, before anything is started."""

from __future__ import annotations

from dataclasses import dataclass, field

from optimizer.briefing import items_of
from optimizer.engine import TaskRefusedError
from optimizer.engine.components import Components
from optimizer.engine.variables import in_braces, variables, whole
from optimizer.files import FileFaultError, Table
from optimizer.files.binding import Binding
from optimizer.files.faults import shortened
from optimizer.forms.optimization import OptimizationForm
from optimizer.llm.base import Message
from optimizer.views.mapper import Line, lines_of

ABOUT_ROWS = ("rows", "rows_file", "dataset")
SHOWN = 3  # first rows that the page shows
LONGEST = 200  # characters of a cell that it shows


@dataclass(frozen=True)
class Column:
    """A column of the first rows, and what it is for; "" if no model will see it."""

    name: str
    goes: str = ""


@dataclass(frozen=True)
class RowsPreview:
    """What a person sees of their rows: how many, what each column does, one prompt as it will be sent.

    `lines` say which column goes where, to be changed; `first` are the first rows, by `columns`; `headless` tells that
    the first row may be data; `good` rows remain if the `bad` ones are left out, and `left_out` says why some were;
    `unbound` are variables that no column fills, which may be text; `generated` are
    variables for which values are written, as there are no rows.
    """

    errors: list[str] = field(default_factory=list)
    rows: int = 0
    mapping: str = ""
    notes: tuple[str, ...] = ()
    warnings: list[str] = field(default_factory=list)
    rendered: tuple[Message, ...] = ()
    lines: list[Line] = field(default_factory=list)
    columns: tuple[Column, ...] = ()
    first: list[list[str]] = field(default_factory=list)
    place: str = ""
    good: int = 0
    bad: int = 0
    left_out: tuple[str, ...] = ()
    headless: bool = False
    unbound: tuple[str, ...] = ()
    bound: tuple[str, ...] = ()
    generated: tuple[str, ...] = ()
    literals: tuple[str, ...] = ()


def preview_of(form: OptimizationForm) -> RowsPreview:
    """What there is to see of a bound form, whether it is valid or not."""
    form.is_valid()
    literals = _literals(form)
    if form.table is None:
        fault = form.fault or FileFaultError()
        return RowsPreview(
            errors=_errors(form),
            lines=lines_of(form, fault.columns) if fault.columns else [],
            place=_place(form),
            good=fault.good,
            bad=fault.bad,
            headless=fault.headless,
            generated=() if form.place or form.fault else form.written().variables,
            literals=literals,
        )
    binding, table = form.binding, form.table
    columns = _columns(table, binding)
    return RowsPreview(
        errors=_errors(form),
        rows=len(table.rows),
        mapping=binding.in_words(table, apart=_prompt(form).sends_apart) if binding else "",
        notes=(*table.notes, *(binding.blanks(table) if binding else ())),
        warnings=form.warnings,
        rendered=_rendered(form),
        lines=lines_of(form, table.columns),
        columns=columns,
        good=form.good if form.place != "dataset" else 0,
        bad=form.bad,
        left_out=tuple(shortened(table.faults)),
        first=[[_short(row.cells.get(column.name, "")) for column in columns] for row in table.rows[:SHOWN]],
        place=_place(form),
        headless=form.place != "dataset" and form.cleaned_data.get("no_header", False),
        unbound=binding.nameless if binding else (),
        bound=tuple(name for name, _ in binding.variables) if binding else (),
        literals=literals,
    )


def _place(form: OptimizationForm) -> str:
    """Which saved rows the columns are of, "" for pasted rows and files."""
    dataset = form.cleaned_data.get("dataset")
    return str(dataset.pk) if dataset else ""


def _columns(table: Table, binding: Binding | None) -> tuple[Column, ...]:
    """The table's columns, each with what it is for; those that are used come first."""
    goes = {table.expected: "expected answer"} | ({table.weight: "weight"} if table.weight else {})
    if binding:
        goes |= dict.fromkeys(binding.below, "below the prompt")
        for name, column in binding.variables:
            goes[column] = f"{goes[column]}, {in_braces(name)}" if column in goes else in_braces(name)
    return tuple(
        Column(name, goes.get(name, "")) for name in sorted(table.columns, key=lambda name: name not in goes)
    )


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _errors(form: OptimizationForm) -> list[str]:
    return [str(said) for name in ABOUT_ROWS for said in form.errors.get(name, [])]


def _literals(form: OptimizationForm) -> tuple[str, ...]:
    """The names that are marked as text and occur in the prompt."""
    marked = form.cleaned_data.get("literals") or ()
    typed = whole(form.data.get("system_text", ""), form.data.get("prompt", ""))
    return tuple(name for name in variables(typed) if name in marked)


def _rendered(form: OptimizationForm) -> tuple[Message, ...]:
    """The messages that are sent for the first row."""
    binding, table = form.binding, form.table
    if not (binding and table) or binding.fault or binding.overlong(table, form.written().whole):
        return ()
    (first, *_) = items_of(table, binding, form.cleaned_data.get("grader") or "exact")
    return _prompt(form).messages(first)


def _prompt(form: OptimizationForm) -> Components:
    """As a run would send it, or as it is if no run could."""
    try:
        return form.sent()
    except TaskRefusedError:
        return form.written()
