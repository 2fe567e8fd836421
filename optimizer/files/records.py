"""What a file holds, before anybody asks what its columns mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace


@dataclass(frozen=True)
class Record:
    """One row as it stood in the source. `where` names it to a person; values are as JSON has them."""

    where: str
    values: Mapping[str, object]


@dataclass(frozen=True)
class Sheet:
    """The records with their columns in order. `headed` is false where the first row is not a header;
    `notes` say what was done to read it; `faults` are about rows that are not among the records; `delimiter` stands
    between the cells of a text."""

    columns: tuple[str, ...]
    records: tuple[Record, ...]
    notes: tuple[str, ...] = ()
    headed: bool = True
    tabular: bool = False
    faults: tuple[str, ...] = ()
    delimiter: str = ""

    def but(self, columns: Iterable[str], records: Iterable[Record], *notes: str) -> Sheet:
        """The same with other columns and records, and more notes."""
        return replace(self, columns=tuple(columns), records=tuple(records), notes=(*self.notes, *notes))

    def of(self, records: Iterable[Record], *notes: str) -> Sheet:
        """The same with other records and all their columns, and more notes."""
        kept = tuple(records)
        return self.but(columns_of(kept), kept, *notes)


def columns_of(records: Iterable[Record]) -> tuple[str, ...]:
    """The columns of all records, in the order in which they first come."""
    return tuple(dict.fromkeys(name for record in records for name in record.values))


def sheet_of(records: Iterable[Record], notes: Iterable[str] = (), faults: Iterable[str] = ()) -> Sheet:
    """A sheet with the columns of all records."""
    kept = tuple(records)
    return Sheet(columns_of(kept), kept, tuple(notes), faults=tuple(faults))
