"""Rows with answers, kept and described; a dataset's versions."""

from __future__ import annotations

import json
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.db import transaction

from optimizer.files import Source, Table
from optimizer.models import Dataset, DatasetVersion, Example, Upload, User, Workspace
from optimizer.services.access import require_writer
from optimizer.services.meanwhile import ChangedMeanwhileError
from optimizer.services.revisions import BATCH, Revision, examples_of, version_of


@dataclass(frozen=True)
class Kept:
    """Where rows are kept: a version of a dataset. It is not `new` if an equal upload was there already."""

    dataset: Dataset
    version: int
    new: bool = True


@transaction.atomic
def create_dataset(*, workspace: Workspace, by: User, name: str, table: Table, description: str = "") -> Kept:
    """A dataset with these rows, in their order, and with the upload that they were read from; or the one of the
    workspace that came from an equal upload."""
    require_writer(user=by, workspace_id=workspace.pk)
    Workspace.objects.select_for_update(no_key=True).get(
        pk=workspace.pk
    )  # equal uploads come one after another
    if earlier := _equal(workspace, table.digest):
        return Kept(earlier.dataset, earlier.number, new=False)
    dataset = Dataset.objects.create(
        workspace=workspace,
        name=name.strip()[:100] or "Examples",
        description=description,
        columns=list(table.columns),
        roles=table.roles,
        row_count=len(table.rows),
        created_by=by,
        updated_by=by,
    )
    version_of(dataset, by, f"Read from {_origin(table.source)}", digest=table.digest).save()
    Example.objects.bulk_create(examples_of(dataset, table), batch_size=BATCH)
    if table.source:
        Upload.objects.create(dataset=dataset, **_columns_of(table.source))
    return Kept(dataset, 1)


def _equal(workspace: Workspace, digest: str) -> DatasetVersion | None:
    """The version that came from an equal upload, in a dataset that is still there."""
    there = DatasetVersion.objects.filter(
        digest=digest, dataset__workspace=workspace, dataset__deleted_at=None
    )
    return there.select_related("dataset").order_by("-dataset_id", "-number").first()


def _origin(source: Source | None) -> str:
    name = source.name if source else ""
    return f"“{name[:120]}”" if name else "pasted rows"


def _columns_of(source: Source) -> dict[str, Any]:
    return {
        "name": source.name[:255],
        "content": source.content,
        "encoding": source.encoding,
        "delimiter": source.delimiter,
        "has_header": source.has_header,
    }


def seen_as(dataset: Dataset) -> str:
    """A digest of the name and the description: equal as long as nobody changed them."""
    return sha256(json.dumps([dataset.name, dataset.description]).encode()).hexdigest()[:16]


@transaction.atomic
def describe_dataset(*, dataset: Dataset, by: User, name: str, description: str, seen: str = "") -> None:
    """Another name and description. They belong to the dataset, not to a version. ChangedMeanwhileError if they are no
    longer as the writer has `seen` them, and nobody saved the same; `dataset` then has what is there."""
    require_writer(user=by, workspace_id=dataset.workspace_id)
    Dataset.objects.select_for_update(no_key=True).get(pk=dataset.pk)
    dataset.refresh_from_db(fields=["name", "description"])
    if seen not in ("", seen_as(dataset)) and (name, description) != (dataset.name, dataset.description):
        raise ChangedMeanwhileError
    dataset.name, dataset.description, dataset.updated_by = name, description, by
    dataset.save(update_fields=["name", "description", "updated_by", "updated_at"])


@transaction.atomic
def read_again(*, dataset: Dataset, by: User, table: Table) -> Dataset:
    """The next version: the rows of the upload as they are read now, instead of those that are there.

    FileFaultError if the dataset was deleted meanwhile."""
    require_writer(user=by, workspace_id=dataset.workspace_id)
    revision = Revision(dataset, by)
    begun = revision.dataset
    begun.columns, begun.roles, begun.row_count = list(table.columns), table.roles, len(table.rows)
    revision.end_all()
    revision.add(examples_of(begun, table))
    if table.source:
        Upload.objects.update_or_create(dataset=begun, defaults=_columns_of(table.source))
    revision.keep(f"Read again from {_origin(table.source)}", digest=table.digest)
    return begun
