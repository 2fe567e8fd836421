"""Templates that come in as files, and go out as files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from django.db import transaction
from django.db.models import QuerySet

from optimizer.files.declared import read_declared
from optimizer.files.templates import TemplateText, VersionText, loaded_as
from optimizer.models import PromptTemplate, User, VersionSource, Workspace
from optimizer.services.access import require_writer
from optimizer.services.templates import (
    Details,
    Written,
    change_details,
    create_template,
    move_label,
    save_version,
)

NEW, NEXT, SAME = "new", "next version", "as it is"


@dataclass(frozen=True)
class Brought:
    """A template that came in: it is `NEW`, has a `NEXT` version, or stays the `SAME`."""

    template: PromptTemplate
    became: str


@transaction.atomic
def import_templates(
    *, workspace: Workspace, by: User, found: Sequence[TemplateText], copies: bool = False
) -> list[Brought]:
    """All of them or none. One that is called like a template that is there already becomes its next version, unless
    `copies` are wanted; if it says the same, nothing changes. What a file says nothing of stays as it is."""
    require_writer(user=by, workspace_id=workspace.pk)
    return [_import(workspace, by, text, copies=copies) for text in found]


def _import(workspace: Workspace, by: User, text: TemplateText, *, copies: bool) -> Brought:
    rows = PromptTemplate.objects.filter(workspace=workspace, name=text.name, newest__gt=0, deleted_at=None)
    there = None if copies else rows.select_for_update().order_by("-pk").first()
    if there is None:
        return Brought(create_whole(workspace=workspace, by=by, text=text), NEW)
    text = _besides(text, there)
    if loaded_as(text) == loaded_as(newest_text_of(there)):
        return Brought(there, SAME)
    renew_template(template=there, by=by, text=text)
    return Brought(there, NEXT)


def _besides(text: TemplateText, there: PromptTemplate) -> TemplateText:
    """The text with those details of the template that its file says nothing of: they have no versions to come back
    from."""
    now = newest_text_of(there)
    names = ("category", "description", "tags", "variables")
    return replace(text, **{name: getattr(text, name) or getattr(now, name) for name in names})


@transaction.atomic
def create_whole(*, workspace: Workspace, by: User, text: TemplateText) -> PromptTemplate:
    """A template with all versions and labels of a file. A version that repeats the one before is left out."""
    require_writer(user=by, workspace_id=workspace.pk)
    kept: list[VersionText] = []
    numbers = {}  # of the file's versions, from 1
    for number, version in enumerate(text.versions, 1):
        if not kept or _said(version) != _said(kept[-1]):
            kept.append(version)
        numbers[number] = len(kept)
    first, *later = map(_written, kept)
    template = create_template(
        workspace=workspace, by=by, details=details_of(text), written=first, later=later
    )
    for name, number in text.labels:
        move_label(template=template, by=by, name=name, number=numbers[number])
    return template


@transaction.atomic
def renew_template(*, template: PromptTemplate, by: User, text: TemplateText) -> None:
    """The newest text of a file becomes the next version, and its details those of the template. Labels stay."""
    require_writer(user=by, workspace_id=template.workspace_id)
    now = newest_text_of(template)
    if _said(now.newest) != _said(text.newest):
        save_version(template=template, by=by, base=template.newest, written=_written(text.newest))
    if details_of(now) != details_of(text):
        change_details(template=template, by=by, edition=template.edition, details=details_of(text))


def exported(templates: QuerySet[PromptTemplate]) -> list[TemplateText]:
    """The whole of them, by their names, in three queries however many they are."""
    rows = (
        templates.filter(newest__gt=0).prefetch_related("versions", "labels__version").order_by("name", "pk")
    )
    return [text_of(template) for template in rows]


def text_of(template: PromptTemplate) -> TemplateText:
    """The template as a file holds it."""
    versions = sorted(template.versions.all(), key=lambda version: version.number)
    places = {version.number: place for place, version in enumerate(versions, 1)}
    labels = sorted((label.name, places[label.version.number]) for label in template.labels.all())
    texts = tuple(VersionText(one.text, one.system_text, one.note) for one in versions)
    return _with_details(template, texts, tuple(labels))


def newest_text_of(template: PromptTemplate) -> TemplateText:
    """The template with its newest version alone."""
    newest = template.versions.get(number=template.newest)
    return _with_details(template, (VersionText(newest.text, newest.system_text),), ())


def _with_details(
    template: PromptTemplate, versions: tuple[VersionText, ...], labels: tuple[tuple[str, int], ...]
) -> TemplateText:
    return TemplateText(
        name=template.name,
        versions=versions,
        category=template.category,
        description=template.description,
        tags=tuple(template.tags),
        variables=read_declared(template.variables),
        labels=labels,
    )


def details_of(text: TemplateText) -> Details:
    """What is not versioned."""
    variables = [one.stored() for one in text.variables]
    return Details(text.name, text.category, text.description, list(text.tags), variables)


def _said(version: VersionText) -> tuple[str, str]:
    return version.text, version.system_text


def _written(version: VersionText) -> Written:
    return Written(version.text, version.system_text, version.note, source=VersionSource.IMPORTED)
