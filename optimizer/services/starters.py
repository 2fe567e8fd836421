"""The starter library, as a workspace has it."""

from __future__ import annotations

from dataclasses import dataclass

from django.db import transaction

from optimizer.files import read_table
from optimizer.files.templates import loaded_as
from optimizer.models import Dataset, PromptTemplate, StarterCopy, User, Workspace
from optimizer.services.access import require_writer
from optimizer.services.datasets import create_dataset
from optimizer.services.template_files import create_whole, newest_text_of, renew_template
from optimizer.starters import Starter, library


@dataclass(frozen=True)
class Loaded:
    """How many starters are `new`, were `renewed`, and stay as they are because somebody `edited` or deleted them."""

    new: int = 0
    renewed: int = 0
    edited: int = 0


@transaction.atomic
def load_starters(*, workspace: Workspace, by: User) -> Loaded:
    """Bring the library into a workspace. What is there already stays; a newer starter is the next version of a
    template that nobody edited."""
    require_writer(user=by, workspace_id=workspace.pk)
    Workspace.objects.select_for_update(no_key=True).get(
        pk=workspace.pk
    )  # who loads it at the same time takes turns
    there = {copy.slug: copy for copy in workspace.starters.select_related("template")}
    became = [
        _renew(by, starter, there[starter.slug]) if starter.slug in there else _load(workspace, by, starter)
        for starter in _in_order()
    ]
    return Loaded(*map(became.count, ("new", "renewed", "edited")))


def _in_order() -> list[Starter]:
    """Those without rows first and each from Z to A, because the lists show the newest first."""
    by_name = sorted(library(), key=lambda one: one.template.name, reverse=True)
    return sorted(by_name, key=lambda one: bool(one.rows_name))


def _load(workspace: Workspace, by: User, starter: Starter) -> str:
    StarterCopy.objects.create(
        workspace=workspace,
        slug=starter.slug,
        loaded_as=loaded_as(starter.template),
        template=create_whole(workspace=workspace, by=by, text=starter.template),
        dataset=_rows(workspace, by, starter) if starter.rows_name else None,
    )
    return "new"


def _rows(workspace: Workspace, by: User, starter: Starter) -> Dataset:
    table = read_table(starter.rows(), f"{starter.slug}.jsonl")
    about = f"Rows with answers for the template “{starter.template.name}”, from the starter library."
    kept = create_dataset(workspace=workspace, by=by, name=starter.rows_name, table=table, description=about)
    return kept.dataset


def _renew(by: User, starter: Starter, copy: StarterCopy) -> str:
    now = loaded_as(starter.template)
    if copy.loaded_as == now:
        return "same"
    rows = PromptTemplate.objects.filter(starters=copy, deleted_at=None)
    template = rows.select_for_update().first()
    if template is None or loaded_as(newest_text_of(template)) != copy.loaded_as:
        return "edited"
    renew_template(template=template, by=by, text=starter.template)
    StarterCopy.objects.filter(pk=copy.pk).update(loaded_as=now)
    return "renewed"
