"""Templates: making and changing them, and their versions and labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from optimizer import topics
from optimizer.models import (
    LabelMove,
    OptimizationSession,
    PromptTemplate,
    TemplateLabel,
    TemplateVersion,
    User,
    VersionSource,
    Workspace,
)
from optimizer.models.templates import TemplateQuerySet
from optimizer.services.access import require_writer
from optimizer.services.meanwhile import ChangedMeanwhileError

GONE = "This template was deleted meanwhile. What you wrote is still here: bring the template back, or save a new one."


@dataclass(frozen=True)
class Details:
    """What a template has besides its text. None of it is versioned."""

    name: str
    category: str = ""
    description: str = ""
    tags: Sequence[str] = ()
    variables: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True)
class Written:
    """A version to be saved. `session` is the optimization whose result it is; `restored_from` the number of the
    version that it brings back."""

    text: str
    system_text: str = ""
    note: str = ""
    source: VersionSource = VersionSource.EDITED
    session: OptimizationSession | None = None
    restored_from: int | None = None


@transaction.atomic
def create_template(
    *,
    workspace: Workspace,
    by: User,
    details: Details,
    written: Written,
    later: Sequence[Written] = (),
    is_public: bool = False,
) -> PromptTemplate:
    """A template with its first version, and with later ones if it has a history already."""
    require_writer(user=by, workspace_id=workspace.pk)
    owned: dict[str, Any] = {"workspace": workspace, "created_by": by, "updated_by": by}
    template = PromptTemplate.objects.create(
        newest=1 + len(later), is_public=is_public, **owned, **_fields(details)
    )
    _write(template, by, 1, written, *later)
    return template


@transaction.atomic
def save_version(*, template: PromptTemplate, by: User, base: int, written: Written) -> TemplateVersion:
    """The version after `base`, which the writer started from.

    ChangedMeanwhileError if another came between; ValidationError if the template is gone, or if nothing differs."""
    require_writer(user=by, workspace_id=template.workspace_id)
    _set(template, by, newest=base + 1, where={"newest": base})
    _refuse_the_same(template, base, written)
    (version,) = _write(template, by, base + 1, written)
    return version


def _refuse_the_same(template: PromptTemplate, base: int, written: Written) -> None:
    same = template.versions.filter(number=base, text=written.text, system_text=written.system_text)
    if same.exists():
        raise ValidationError(
            {"text": f"This is the text of version {base} already. There is nothing to save."}
        )


def restore_version(*, template: PromptTemplate, by: User, base: int, number: int) -> TemplateVersion:
    """A new version with the text of an old one. Errors as of `save_version`."""
    require_writer(user=by, workspace_id=template.workspace_id)
    old = template.versions.filter(number=number).first()
    if old is None:
        raise ValidationError(f"There is no version {number}. Choose one from the list.")
    written = Written(old.text, old.system_text, source=VersionSource.RESTORED, restored_from=number)
    return save_version(template=template, by=by, base=base, written=written)


@transaction.atomic
def change_details(*, template: PromptTemplate, by: User, edition: int, details: Details) -> None:
    """Keep these details, if nobody changed them since that edition. Errors as of `save_version`."""
    require_writer(user=by, workspace_id=template.workspace_id)
    _set(template, by, edition=edition + 1, **_fields(details), where={"edition": edition})
    _rows(template).find_again()


@transaction.atomic
def publish_template(*, template: PromptTemplate, by: User, public: bool) -> None:
    """Let everybody see and use it, or only its workspace."""
    require_writer(user=by, workspace_id=template.workspace_id)
    _set(template, by, is_public=public, where={})


@transaction.atomic
def move_label(*, template: PromptTemplate, by: User, name: str, number: int | None) -> None:
    """Let the label point at that version; None takes it off. Who moves it at the same time takes turns."""
    require_writer(user=by, workspace_id=template.workspace_id)
    PromptTemplate.objects.select_for_update().only("pk").get(pk=template.pk)
    label = template.labels.filter(name=name).select_related("version").first()
    before = label.version.number if label else None
    if before == number:
        return
    _point(template, name, number)
    LabelMove.objects.create(template=template, name=name, before=before, after=number, created_by=by)
    topics.publish_template(template.pk, template.workspace_id, is_public=template.is_public)


def _point(template: PromptTemplate, name: str, number: int | None) -> None:
    if number is None:
        TemplateLabel.objects.filter(template=template, name=name).delete()
        return
    version = template.versions.filter(number=number).first()
    if version is None:
        raise ValidationError(f"There is no version {number}. Choose one from the list.")
    TemplateLabel.objects.update_or_create(template=template, name=name, defaults={"version": version})


def _fields(details: Details) -> dict[str, Any]:
    lists = {"tags": list(details.tags), "variables": [dict(one) for one in details.variables]}
    return vars(details) | lists


def _set(template: PromptTemplate, by: User, *, where: Mapping[str, int], **fields: Any) -> None:
    """Compare and set, in one statement."""
    fields |= {"updated_by": by, "updated_at": timezone.now()}
    if not _rows(template).filter(deleted_at=None, **where).update(**fields):
        template.refresh_from_db(fields=["deleted_at", "newest", "edition"])
        raise ValidationError(GONE) if template.deleted_at else ChangedMeanwhileError
    for name, value in fields.items():
        setattr(template, name, value)
    topics.publish_template(
        template.pk, template.workspace_id, is_public=template.is_public or "is_public" in fields
    )


def _write(template: PromptTemplate, by: User, first: int, *written: Written) -> list[TemplateVersion]:
    """Versions, numbered from `first`."""
    versions = TemplateVersion.objects.bulk_create(
        TemplateVersion(template=template, number=number, created_by=by, **vars(one))
        for number, one in enumerate(written, first)
    )
    _rows(template).find_again()
    topics.publish_template(template.pk, template.workspace_id, is_public=template.is_public)
    return versions


def _rows(template: PromptTemplate) -> TemplateQuerySet:
    return PromptTemplate.objects.filter(pk=template.pk)
