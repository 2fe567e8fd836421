"""Rows with answers, kept."""

from __future__ import annotations

from collections.abc import Sequence

from django.db import transaction

from optimizer.files import Table
from optimizer.files.binding import Binding
from optimizer.models import Dataset, Example, User, Workspace
from optimizer.models.base import TEXT_MAX
from optimizer.services.access import require_writer


@transaction.atomic
def create_dataset(*, workspace: Workspace, by: User, name: str, table: Table, binding: Binding) -> Dataset:
    """A dataset with these rows, in their order. What people see of a row is what the binding shows."""
    require_writer(user=by, workspace_id=workspace.pk)
    dataset = Dataset.objects.create(
        workspace=workspace,
        name=name.strip()[:100] or "Examples",
        columns=list(table.columns),
        roles=table.roles,
        created_by=by,
        updated_by=by,
    )
    Example.objects.bulk_create(_examples(dataset, table, binding), batch_size=1000)
    return dataset


def _examples(dataset: Dataset, table: Table, binding: Binding) -> Sequence[Example]:
    return [
        Example(
            dataset=dataset,
            position=number,
            input=binding.shown(row)[:TEXT_MAX],
            expected=row.expected,
            weight=row.weight,
            cells=dict(row.cells),
            accepted=list(row.accepted),
        )
        for number, row in enumerate(table.rows)
    ]
