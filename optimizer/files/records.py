"""What a file holds, before anybody asks what its columns mean."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Record:
    """One row as it stood in the source. `where` names it to a person; values are as JSON has them."""

    where: str
    values: Mapping[str, object]


@dataclass(frozen=True)
class Sheet:
    """The records with their columns in order. `headed` is false where the first row is not a header;
    `notes` say what was done to read it."""

    columns: tuple[str, ...]
    records: tuple[Record, ...]
    notes: tuple[str, ...] = ()
    headed: bool = True
    tabular: bool = False

    def but(self, columns: Iterable[str], records: Iterable[Record], *notes: str) -> Sheet:
        """The same with other columns and records, and more notes."""
        return Sheet(tuple(columns), tuple(records), (*self.notes, *notes), self.headed, self.tabular)


def sheet_of(records: Iterable[Record], notes: Iterable[str] = ()) -> Sheet:
    """A sheet with the columns of all records, in the order in which they first come."""
    kept = tuple(records)
    columns = dict.fromkeys(name for record in kept for name in record.values)
    return Sheet(tuple(columns), kept, tuple(notes))
