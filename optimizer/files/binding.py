"""How the columns of a table fill the variables of a prompt."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from optimizer.engine.variables import PLACES, in_braces, shown
from optimizer.files.names import (
    LEADING,
    innermost,
    is_bookkeeping,
    known,
    last_part,
    outermost,
    plain,
)
from optimizer.files.table import Row, Table

LONGEST_FILLED = 1_000_000  # characters of a prompt with a row's values
LONGEST_CELL = 10_000


@dataclass(frozen=True)
class Binding:
    """`variables` are pairs of a variable and its column; `below` are the columns that stand below a prompt without
    variables; `unbound` are variables without a column; `left` are columns that might fill them; `ignored` are the
    columns that no model will see."""

    variables: tuple[tuple[str, str], ...] = ()
    below: tuple[str, ...] = ()
    unbound: tuple[str, ...] = ()
    left: tuple[str, ...] = ()
    ignored: tuple[str, ...] = ()
    answers: tuple[str, ...] = ()  # unbound variables with the name of the answer's column or the weight's
    refused: tuple[tuple[str, str], ...] = ()  # variables whose chosen column cannot fill them, and why
    chosen: tuple[str, ...] = ()  # variables whose column a person chose

    @property
    def nameless(self) -> tuple[str, ...]:
        """Variables that no column fills: they may be text."""
        return (*self.unbound, *self.answers)

    @property
    def fault(self) -> str:
        """Why the prompt cannot be run on these rows, and what to do; "" if it can."""
        left = ", ".join(f"“{name}”" for name in self.left)
        if self.refused:
            return self.refused[0][1]
        if self.answers:
            name = in_braces(self.answers[0])
            return (
                f"{name} has the name of the expected answer or the weight, which no model may see. Use another "
                f"column, say which column holds the expected answers, or say that {name} is text."
            )
        if self.unbound:
            return self._of_unbound(left)
        if not (self.variables or self.below):
            return f"Which column is the input? Columns found: {left}. Choose one, or write its name in the prompt."
        return ""

    def fault_of(self, variable: str) -> str:
        """What is wrong with this variable alone, short enough to stand beside it; "" if it has its column."""
        if why := dict(self.refused).get(variable):
            return why
        if variable in self.answers:
            return "It is called like the answer or the weight, which no model may see. Choose a column."
        return "No column has this name. Choose one, or press “is text”." if variable in self.unbound else ""

    def _of_unbound(self, left: str) -> str:
        names, one = ", ".join(map(in_braces, self.unbound)), self.unbound[0]
        meant = [column for column in self.left if not is_bookkeeping(column)]
        if not meant:
            have = f"Columns without a variable: {left}" if left else "All columns are in use"
            return f"No column fills {names}. {have}. Add a column “{one}”, or say that {in_braces(one)} is text."
        return (
            f"No column fills {names}. Columns without a variable: {left}. "
            f"Write {in_braces(plainest(meant[0]))} in the prompt, name a column “{one}”, "
            f"or say that {in_braces(one)} is text."
        )

    def values(self, row: Row) -> tuple[tuple[str, str], ...]:
        """What the row puts in the place of each variable."""
        return tuple((variable, row.cells.get(column, "")) for variable, column in self.variables)

    def in_words(self, table: Table, *, apart: bool = False) -> str:
        """What becomes of each column; `apart` says that the prompt is the system message."""
        told = [f"“{column}” fills {in_braces(name)}" for name, column in self.variables]
        if self.below:
            names = " and ".join(f"“{column}”" for column in self.below)
            goes = "goes" if len(self.below) == 1 else "go"
            told.append(f"{names} {goes} {'into the user message' if apart else 'below the prompt'}")
        told.append(f"“{table.expected}” is the expected answer")
        if table.weight:
            told.append(f"“{table.weight}” is the weight")
        if self.ignored:
            told.append(f"not used: {', '.join(f'“{name}”' for name in self.ignored)}")
        return f"{'; '.join(told)}."

    def gaps(self, table: Table) -> list[str]:
        """What to say about rows with nothing at all for the prompt."""
        columns = self._columns
        return [
            f"Row {number}: “{columns[0]}” is empty. Fill it in, or remove the row."
            for number in self.empty_rows(table)
        ]

    def empty_rows(self, table: Table) -> list[int]:
        """The numbers of rows with nothing at all for the prompt."""
        columns = self._columns
        return [
            number
            for number, row in enumerate(table.rows, 1)
            if columns and not any(row.cells.get(column, "").strip() for column in columns)
        ]

    @property
    def _columns(self) -> list[str]:
        return [column for _, column in self.variables] or list(self.below)

    def blanks(self, table: Table) -> list[str]:
        """What to know about values that are missing in some rows."""
        told = []
        for name, column in self.variables:
            blank = sum(not row.cells.get(column, "").strip() for row in table.rows)
            if blank and len(self.variables) > 1:
                told.append(f"{in_braces(name)} stays empty in {blank} of {len(table.rows)} rows.")
        return told

    def empty(self, table: Table) -> dict[str, str]:
        """By variable, what to say of columns that have nothing in any row."""
        return {
            name: f"“{column}” is empty in every row. Choose another column."
            for name, column in self.variables
            if not any(row.cells.get(column, "").strip() for row in table.rows)
        }

    def overlong(self, table: Table, prompt: str) -> str:
        """What to say of a row whose long cells stand in a thousand places of the prompt; "" if there is none."""
        places = Counter(found["name"] for found in PLACES.finditer(prompt))
        if LONGEST_CELL * places.total() <= LONGEST_FILLED:
            return ""
        for number, row in enumerate(table.rows, 1):
            length = sum(places[name] * len(text) for name, text in self.values(row))
            if length > LONGEST_FILLED:
                return (
                    f"Row {number} makes a prompt of {length:,} characters; at most {LONGEST_FILLED:,} are allowed. "
                    "Write each variable once, or shorten the row."
                )
        return ""

    def column_of(self, variable: str) -> str:
        """The column that fills it; "" if none does."""
        return dict(self.variables).get(variable, "")

    def shown(self, row: Row) -> str:
        """The row's input as a person reads it: a single text as it is, several with their names."""
        if not self.variables:
            return "\n\n".join(text for column in self.below if (text := row.cells.get(column, "").strip()))
        if len(self.variables) == 1:
            return self.values(row)[0][1]
        return shown(dict(self.values(row)))


def plainest(column: str) -> str:
    """A column's name in the form that a variable may have."""
    return "".join(c if c.isalnum() or c == "_" else "_" for c in last_part(column)).strip("_") or column


def bind(table: Table, variables: Sequence[str], chosen: Mapping[str, str] | None = None) -> Binding:
    """Variables take the columns that a person chose for them, or else those of their names. A single variable without
    one takes the only column left."""
    by_hand = {
        name: column if column in table.columns else _column_of(column, table.others) or column
        for name, column in (chosen or {}).items()
        if name in variables and column
    }
    refused = {name: why for name, column in by_hand.items() if (why := _refusal(name, column, table))}
    found = {
        name: column
        for name in variables
        if name not in refused and (column := by_hand.get(name) or _column_of(name, table.others))
    }
    open_ = [name for name in variables if name not in found and name not in refused]
    answers = tuple(name for name in open_ if _is_answer(name, table))
    missing = [name for name in open_ if name not in answers]
    left = [name for name in outermost(table.others) if not _used(name, found.values())]
    if len(missing) == 1 and (only := _only(table, left)):
        found[missing.pop()] = only
    below = () if variables else _below(table)
    used = (*found.values(), *below)
    return Binding(
        variables=tuple((name, found[name]) for name in variables if name in found),
        below=below,
        unbound=tuple(missing),
        left=tuple(left),
        ignored=tuple(name for name in outermost(table.others) if not _used(name, used)),
        answers=answers,
        refused=tuple(refused.items()),
        chosen=tuple(name for name in by_hand if name in found),
    )


def _refusal(variable: str, column: str, table: Table) -> str:
    """Why the column that a person chose cannot fill the variable, or ""."""
    if column in table.others:
        return ""
    if column in table.columns:
        return (
            f"“{column}” is the expected answer or the weight, or part of it, which no model may see. "
            f"Choose another column for {in_braces(variable)}."
        )
    there = ", ".join(f"“{name}”" for name in table.others[:20])
    return f"There is no column “{column}” for {in_braces(variable)}. Columns found: {there}."


def _column_of(variable: str, columns: Sequence[str]) -> str:
    """The one column with this name, ignoring case and marks, or else with this name at the end of its path."""
    if variable in columns:
        return variable
    by_name = [column for column in columns if plain(column) == plain(variable)]
    by_path = [column for column in columns if plain(last_part(column)) == plain(variable)]
    found = by_name or by_path
    return found[0] if len(found) == 1 else ""


def _is_answer(variable: str, table: Table) -> bool:
    taken = [name for name in (table.expected, table.weight) if name]
    return plain(variable) in {plain(part) for name in taken for part in (name, last_part(name))}


def _only(table: Table, left: Sequence[str]) -> str:
    """The column that a person chose, or else the only one that may be meant."""
    if table.input_chosen:
        return table.input if any(_used(name, [table.input]) for name in left) else ""
    meant = [
        name for name in left if not is_bookkeeping(name) and any(r.cells[name].strip() for r in table.rows)
    ]
    return innermost(table.others, meant[0], table.whole) if len(meant) == 1 else ""


def _below(table: Table) -> tuple[str, ...]:
    """What stands below a prompt without variables: each row's own instructions, if it has any, then its input."""
    if not table.input:
        return ()
    leading = [] if table.input_chosen else [name for name in _leading(table) if name != table.input]
    return (*leading, table.input)


def _leading(table: Table) -> list[str]:
    """Columns with instructions that differ from row to row."""
    found = [column for name in LEADING for column in known(table.others, (name,))]
    return [name for name in found if len({row.cells[name] for row in table.rows}) > 1]


def _used(column: str, used: Iterable[str]) -> bool:
    """Whether a column is used, or one within it."""
    return any(name == column or name.startswith(f"{column}.") for name in used)
