"""Deleting with a way back: a row in the trash is on no page, and keeps all that hangs on it."""

from __future__ import annotations

from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction
from django.utils import timezone

from optimizer import topics
from optimizer.models import Dataset, OptimizationSession, PromptTemplate, User
from optimizer.models.base import Owned
from optimizer.services.access import require_active, require_writer

KINDS: dict[str, type[Owned]] = {
    "template": PromptTemplate,
    "dataset": Dataset,
    "session": OptimizationSession,
}  # by their word in addresses


def kind_of(row: Owned) -> str:
    """The row's word in addresses."""
    return next(word for word, model in KINDS.items() if isinstance(row, model))


def send_to_trash(*, by: User, row: Owned) -> bool:
    """Take the row from all pages. False if it was in the trash already."""
    require_writer(user=by, workspace_id=row.workspace_id)
    return _move(row, by, deleted_at=timezone.now(), deleted_by=by)


def bring_back(*, by: User, row: Owned) -> bool:
    """Show the row again. False if it was not in the trash. ValidationError if another one has its place now."""
    require_writer(user=by, workspace_id=row.workspace_id)
    return _bring_back(by, row)


def bring_back_for_others(*, by: User, row: Owned) -> bool:
    """The same, by staff of the installation, in whichever workspace."""
    require_active(user=by)
    return _bring_back(by, row)


def _bring_back(by: User, row: Owned) -> bool:
    try:
        return _move(row, by, deleted_at=None, deleted_by=None)
    except IntegrityError as error:
        raise ValidationError(
            f"“{row}” stays deleted: there is another like it now. Delete or change that one first."
        ) from error


def _move(row: Owned, by: User, *, deleted_at: datetime | None, deleted_by: User | None) -> bool:
    """Into the trash or out of it, if it is not there yet: of two people at once, one does it."""
    with transaction.atomic():
        elsewhere = type(row)._base_manager.filter(pk=row.pk, deleted_at__isnull=deleted_at is not None)
        moved = elsewhere.update(
            deleted_at=deleted_at, deleted_by=deleted_by, updated_at=timezone.now(), updated_by=by
        )
        if moved:
            topics.publish(*topics.lists_with(kind_of(row), row.workspace_id))
    row.refresh_from_db(fields=["deleted_at", "deleted_by", "updated_at", "updated_by"])
    return bool(moved)
