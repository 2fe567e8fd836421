"""How the rows of a filled form are read, before anything is started."""

from __future__ import annotations

from dataclasses import dataclass, field

from optimizer.briefing import items_of
from optimizer.engine import TaskRefusedError
from optimizer.engine.components import Components
from optimizer.engine.variables import variables, whole
from optimizer.files import FileFaultError
from optimizer.forms.optimization import OptimizationForm
from optimizer.llm.base import Message

ABOUT_ROWS = ("rows", "rows_file", "dataset", "expected_column", "input_column")


@dataclass(frozen=True)
class RowsPreview:
    """What a person sees of their rows: how many, what each column does, one prompt as it will be sent.

    `columns` can be chosen from; `headless` tells that the first row may be data; `unbound` are variables that no
    column fills, which may be text; `generated` are variables for which values are written, as there are no rows.
    """

    errors: list[str] = field(default_factory=list)
    rows: int = 0
    mapping: str = ""
    notes: tuple[str, ...] = ()
    warnings: list[str] = field(default_factory=list)
    rendered: tuple[Message, ...] = ()
    columns: tuple[str, ...] = ()
    headless: bool = False
    unbound: tuple[str, ...] = ()
    bound: tuple[str, ...] = ()
    generated: tuple[str, ...] = ()
    literals: tuple[str, ...] = ()

    @property
    def asks(self) -> bool:
        """Whether a person should say more of the columns."""
        return bool(self.errors) and bool(self.columns)


def preview_of(form: OptimizationForm) -> RowsPreview:
    """What there is to see of a bound form, whether it is valid or not."""
    form.is_valid()
    literals = _literals(form)
    if form.table is None:
        fault = form.fault or FileFaultError()
        return RowsPreview(
            errors=_errors(form),
            columns=fault.columns,
            headless=fault.headless,
            generated=() if form.place or form.fault else form.written().variables,
            literals=literals,
        )
    binding, table = form.binding, form.table
    return RowsPreview(
        errors=_errors(form) + ([binding.fault] if binding and binding.nameless else []),
        rows=len(table.rows),
        mapping=binding.in_words(table, apart=_prompt(form).sends_apart) if binding else "",
        notes=(*table.notes, *(binding.blanks(table) if binding else ())),
        warnings=form.warnings,
        rendered=_rendered(form),
        columns=table.columns if form.place != "dataset" else (),
        headless=form.place != "dataset" and form.cleaned_data.get("no_header", False),
        unbound=binding.nameless if binding else (),
        bound=tuple(name for name, _ in binding.variables) if binding else (),
        literals=literals,
    )


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
    if not (binding and table) or binding.fault:
        return ()
    (first, *_) = items_of(table, binding, form.cleaned_data.get("grader") or "exact")
    return _prompt(form).messages(first)


def _prompt(form: OptimizationForm) -> Components:
    """As a run would send it, or as it is if no run could."""
    try:
        return form.sent()
    except TaskRefusedError:
        return form.written()
