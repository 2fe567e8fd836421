"""The next version of a dataset, while it is being made."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection
from django.utils import timezone

from optimizer.files import FileFaultError, Row, Table
from optimizer.models import Dataset, DatasetVersion, Example, User
from optimizer.models.base import TEXT_MAX
from optimizer.models.examples import ExampleQuerySet

BATCH = 1000
STRIDE = 64  # between the positions of two new rows, so that others find a place there
ASIDE = 2**30  # above every position, while rows are given new ones
RESPACED = f"""
UPDATE optimizer_example AS row SET position = {ASIDE} + placed.place * {STRIDE}
FROM (
    SELECT id, dense_rank() OVER (ORDER BY position) AS place FROM optimizer_example WHERE dataset_id = %s
) AS placed
WHERE row.id = placed.id
"""  # noqa: S608 (only our own numbers)
BACK = f"UPDATE optimizer_example SET position = position - {ASIDE} WHERE dataset_id = %s"  # noqa: S608
GONE = "This dataset was deleted meanwhile. Bring it back first."


class Revision:
    """A dataset at its next version. It is locked until the transaction ends, so that changes come one after another.

    FileFaultError if the dataset was deleted."""

    def __init__(self, dataset: Dataset, by: User) -> None:
        self.dataset: Dataset = Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)
        if self.dataset.deleted_at:
            raise FileFaultError(GONE)
        self.dataset.version += 1
        self.by = by

    @property
    def rows(self) -> ExampleQuerySet:
        """The rows that are there now."""
        return Example.objects.filter(dataset=self.dataset.pk).there()

    def end(self, rows: Iterable[int]) -> int:
        """Without these rows; how many were still there."""
        found = self.rows.filter(pk__in=list(rows)).order_by()
        return int(found.update(until=self.dataset.version))

    def end_all(self) -> None:
        """Without any row of before."""
        self.rows.order_by().update(until=self.dataset.version)

    def again(self, row: Example) -> Example:
        """The same row once more, from this version on."""
        row.pk, row.since, row.until = None, self.dataset.version, None
        row._state.adding = True
        return row

    def add(self, rows: Iterable[Example]) -> None:
        """With these rows besides."""
        Example.objects.bulk_create(rows, batch_size=BATCH)

    def keep(self, change: str, *, digest: str = "") -> None:
        """This is the newest version from now on. `change` tells people what was done."""
        self.dataset.updated_by, self.dataset.updated_at = self.by, timezone.now()
        self.dataset.save(
            update_fields=["version", "columns", "roles", "row_count", "updated_by", "updated_at"]
        )
        version_of(self.dataset, self.by, change, digest=digest).save()

    def place_below(self, above: Example | None) -> int:
        """A position right below that row, or at the top, where no row ever was."""
        for _ in range(2):
            start: int = self._ever.get(pk=above.pk).position if above else 0
            following: Example | None = self._ever.filter(position__gt=start).first()
            if following is None:
                return start + STRIDE
            if (place := (start + following.position) // 2) > start:
                return place
            self._respace()
        raise AssertionError("there is room between two rows")

    def place_at_end(self) -> int:
        """A position below all others."""
        last = self._ever.last()
        return int(last.position) + STRIDE if last else STRIDE

    @property
    def _ever(self) -> ExampleQuerySet:
        return Example.objects.filter(dataset=self.dataset.pk).order_by("position").only("position")

    def _respace(self) -> None:
        """Give all rows of all versions new positions in the same order, with room between them."""
        with connection.cursor() as cursor:
            cursor.execute(RESPACED, [self.dataset.pk])
            cursor.execute(BACK, [self.dataset.pk])


def version_of(dataset: Dataset, by: User, change: str, *, digest: str = "") -> DatasetVersion:
    """The dataset as it is now, not yet saved."""
    return DatasetVersion(
        dataset=dataset,
        number=dataset.version,
        change=change[:200],
        columns=dataset.columns,
        roles=dataset.roles,
        row_count=dataset.row_count,
        digest=digest,
        created_by=by,
    )


def example_of(dataset: Dataset, header: Table, row: Row, *, position: int) -> Example:
    """The row as it is stored, from the dataset's version on, with what is shown of it."""
    return Example(
        dataset=dataset,
        position=position,
        since=dataset.version,
        input=header.shown(row)[:TEXT_MAX],
        expected=row.expected,
        weight=row.weight,
        cells=dict(row.cells),
        accepted=list(row.accepted),
        split=row.split,
    )


def examples_of(dataset: Dataset, table: Table) -> list[Example]:
    """All rows of the table, in their order."""
    return [
        example_of(dataset, table, row, position=number * STRIDE) for number, row in enumerate(table.rows, 1)
    ]
