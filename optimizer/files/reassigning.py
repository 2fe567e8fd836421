"""Rows that were read, with other columns for the answer, the input and the weight."""

from __future__ import annotations

from dataclasses import replace

from optimizer.files.cells import Limits, fault_in, weight_in
from optimizer.files.faults import refuse
from optimizer.files.records import Record, Sheet
from optimizer.files.roles import Assignment, expected_column, input_column, weight_column
from optimizer.files.table import Row, Table


def reassigned(table: Table, assigned: Assignment, *, limits: Limits | None = None) -> Table:
    """The same rows, with the columns that a person chose for the answer, the input and the weight. FileFaultError if
    they cannot be used so."""
    if _is_so_already(table, assigned):
        return table
    records = tuple(Record(f"Row {n}", row.cells) for n, row in enumerate(table.rows, 1))
    changed = _with_roles(table, Sheet(table.columns, records, table.notes), assigned)
    refuse([fault for record in records if (fault := fault_in(record, changed, limits or Limits()))])
    rows = zip(table.rows, records, strict=True)
    return changed.with_rows(_reassigned_row(row, record, table, changed) for row, record in rows)


def _is_so_already(table: Table, assigned: Assignment) -> bool:
    same = assigned.expected in ("", table.expected) and assigned.weight in ("", table.weight)
    return same and (not assigned.input or (assigned.input == table.input and table.input_chosen))


def _with_roles(table: Table, sheet: Sheet, assigned: Assignment) -> Table:
    expected = expected_column(sheet, replace(assigned, expected=assigned.expected or table.expected))
    kept = "" if table.weight == expected else table.weight
    weight = weight_column(sheet, replace(assigned, weight=assigned.weight or kept), expected)
    kept = table.input if table.input_chosen and table.input not in (expected, weight) else ""
    said = replace(assigned, input=assigned.input or kept)
    chosen = input_column(sheet, said, expected, weight)
    return replace(table, expected=expected, weight=weight, input=chosen, input_chosen=bool(said.input))


def _reassigned_row(row: Row, record: Record, before: Table, now: Table) -> Row:
    """The row with its answer and weight from the columns that hold them now."""
    weight = row.weight if now.weight == before.weight else weight_in(record, now) or 1.0
    if now.expected == before.expected:
        return replace(row, weight=weight)
    return replace(row, expected=row.cells[now.expected].strip(), accepted=(), weight=weight)
