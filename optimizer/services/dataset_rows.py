"""Changing a dataset's rows. Each change makes the next version."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from django.conf import settings
from django.db import transaction

from optimizer.counts import counted
from optimizer.files import FileFaultError, Limits
from optimizer.files.rows import row_of
from optimizer.models import Dataset, Example, HandSplit, User
from optimizer.models.base import TEXT_MAX
from optimizer.services.access import require_writer
from optimizer.services.revisions import Revision, example_of

MARKED = {
    HandSplit.BY_SEED: "left to the seed",
    HandSplit.SEARCH: "marked for search",
    HandSplit.HELD_OUT: "held out",
}


class RowChangedError(Exception):
    """Somebody else changed the row first. `now` is what stands in its place; None: it was deleted or moved."""

    def __init__(self, now: Example | None) -> None:
        super().__init__("The row was changed meanwhile.")
        self.now = now


@dataclass(frozen=True)
class Typed:
    """A row as a person typed it. None for the weight: what its column says, or else 1."""

    cells: Mapping[str, str]
    weight: float | None = None
    tags: tuple[str, ...] = ()
    split: str = ""


def limits() -> Limits:
    """How much a dataset holds."""
    return Limits(settings.DATASET_MAX_BYTES, settings.DATASET_MAX_ROWS, TEXT_MAX)


@transaction.atomic
def change_row(*, row: Example, by: User, typed: Typed) -> Example:
    """The row as it was typed, in its place. RowChangedError if it is no longer there; FileFaultError if something is
    wrong with it."""
    require_writer(user=by, workspace_id=row.dataset.workspace_id)
    revision = Revision(row.dataset, by)
    now = _still_there(row, revision)
    number = number_of(now)
    example = _example(revision, typed, f"Row {number}", position=now.position)
    if _told(example) == _told(now):
        return now
    revision.end([now.pk])
    revision.add([example])
    revision.keep(f"Row {number} changed")
    return example


@transaction.atomic
def add_row(*, dataset: Dataset, by: User, typed: Typed, below: Example | None = None) -> Example:
    """A new row below another, or else at the end. RowChangedError if that other is no longer there; FileFaultError if
    something is wrong with the row."""
    require_writer(user=by, workspace_id=dataset.workspace_id)
    revision = Revision(dataset, by)
    count = revision.dataset.row_count
    if count >= settings.DATASET_MAX_ROWS:
        raise FileFaultError(f"There are {count:,} rows, and no room for more. Delete some first.")
    position = revision.place_below(_still_there(below, revision)) if below else revision.place_at_end()
    example = _example(revision, typed, "The new row", position=position)
    revision.add([example])
    revision.dataset.row_count += 1
    revision.keep(f"Row {number_of(example)} added")
    return example


@transaction.atomic
def move_row(*, row: Example, by: User, to: int) -> Example:
    """The row as number `to`, counted from 1; the last one if there are fewer. RowChangedError if it is no longer
    there."""
    require_writer(user=by, workspace_id=row.dataset.workspace_id)
    revision = Revision(row.dataset, by)
    now = _still_there(row, revision)
    number = number_of(now)
    if to == number:
        return now
    revision.end([now.pk])
    above = (revision.rows[to - 2 : to - 1].first() or revision.rows.last()) if to > 1 else None
    moved = revision.again(now)
    moved.position = revision.place_below(above)
    revision.add([moved])
    revision.keep(f"Row {number} moved to {number_of(moved)}")
    return moved


@transaction.atomic
def delete_rows(*, dataset: Dataset, by: User, rows: Iterable[int]) -> int:
    """Without these rows; how many were still there."""
    require_writer(user=by, workspace_id=dataset.workspace_id)
    revision = Revision(dataset, by)
    ended = revision.end(rows)
    if ended:
        revision.dataset.row_count -= ended
        revision.keep(f"{counted(ended, 'row')} deleted")
    return ended


@transaction.atomic
def mark_rows(*, dataset: Dataset, by: User, rows: Iterable[int], split: str) -> int:
    """These rows for the search, held out, or left to the seed; how many were still there and changed."""
    require_writer(user=by, workspace_id=dataset.workspace_id)

    def marked(row: Example) -> None:
        row.split = split

    return _rewrite(Revision(dataset, by), rows, marked, MARKED[HandSplit(split)])


@transaction.atomic
def tag_rows(*, dataset: Dataset, by: User, rows: Iterable[int], tag: str, remove: bool = False) -> int:
    """These rows with the tag, or without it; how many were still there and changed."""
    require_writer(user=by, workspace_id=dataset.workspace_id)

    def tagged(row: Example) -> None:
        if remove:
            row.tags = [name for name in row.tags if name != tag]
        elif tag not in row.tags:
            row.tags = [*row.tags, tag]

    words = f"no longer tagged “{tag}”" if remove else f"tagged “{tag}”"
    return _rewrite(Revision(dataset, by), rows, tagged, words)


def number_of(row: Example) -> int:
    """Which row it is, counted from 1."""
    there = Example.objects.filter(dataset=row.dataset_id).there()
    return there.filter(position__lt=row.position).count() + 1


def _still_there(row: Example, revision: Revision) -> Example:
    """The row as it is now, with its position. RowChangedError if it was changed, moved or deleted."""
    found: Example | None = revision.rows.filter(pk=row.pk).first()
    if found is None:
        ended = Example.objects.filter(pk=row.pk).first()
        raise RowChangedError(ended and revision.rows.filter(position=ended.position).first())
    return found


def _example(revision: Revision, typed: Typed, where: str, *, position: int) -> Example:
    header = revision.dataset.header()
    cells = dict(typed.cells)
    if header.weight and typed.weight is not None:
        cells[header.weight] = f"{typed.weight:g}"
    listed = revision.rows.exclude(accepted=[]).exists()
    row = row_of(cells, header, where=where, limits=limits(), listed=listed)
    example = example_of(revision.dataset, header, row, position=position)
    example.tags, example.split = list(typed.tags), typed.split
    if not header.weight and typed.weight is not None:
        example.weight = typed.weight
    return example


def _told(row: Example) -> tuple[object, ...]:
    """What a person said of the row."""
    return row.texts, row.weight, row.tags, row.split


def _rewrite(revision: Revision, rows: Iterable[int], change: Callable[[Example], None], words: str) -> int:
    changed: list[Example] = []
    for row in revision.rows.filter(pk__in=list(rows)):
        before = _told(row)
        change(row)
        if _told(row) != before:
            changed.append(row)
    if changed:
        revision.end([row.pk for row in changed])
        revision.add([revision.again(row) for row in changed])
        revision.keep(f"{counted(len(changed), 'row')} {words}")
    return len(changed)
