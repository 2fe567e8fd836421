"""Templates as files hold them, and as they are written: JSON, or Markdown with front matter. A round trip is exact."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from optimizer.counts import counted
from optimizer.files import front_matter
from optimizer.files.declared import Declared

FORMAT = "promptevolver-templates"


@dataclass(frozen=True)
class VersionText:
    """One version of a template: the text, the system text ("" for none), and its author's note."""

    text: str
    system_text: str = ""
    note: str = ""


@dataclass(frozen=True)
class TemplateText:
    """A template with its versions, the oldest first. `labels` are pairs of a word and a version's number from 1.

    `notes` say what was left out when it was read.
    """

    name: str
    versions: tuple[VersionText, ...]
    category: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    variables: tuple[Declared, ...] = ()
    labels: tuple[tuple[str, int], ...] = ()
    notes: tuple[str, ...] = field(default=(), compare=False)

    @property
    def newest(self) -> VersionText:
        return self.versions[-1]


def as_json(templates: Iterable[TemplateText]) -> str:
    """All of them as one file."""
    found = {"format": FORMAT, "templates": [_fields(one, _listed(one.versions)) for one in templates]}
    return json.dumps(found, ensure_ascii=False, indent=2) + "\n"


def as_markdown(template: TemplateText) -> str:
    """One of them: the newest text stands below the front matter, which holds the rest.

    FileFaultError if its history is too long for that."""
    newest = template.newest
    plain = newest.text == newest.text.strip() and "\r" not in newest.text
    above = {} if plain else {"text": newest.text}
    if newest.system_text:
        above["system"] = newest.system_text
    if newest.note:
        above["note"] = newest.note
    fields = _fields(template, _listed(template.versions[:-1]), **above)
    return front_matter.written(fields, f"{newest.text}\n" if plain else "")


def _fields(template: TemplateText, versions: Sequence[Any], **above: str) -> dict[str, Any]:
    """What is said of a template, without what is empty."""
    said: dict[str, Any] = {
        "name": template.name,
        "category": template.category,
        "description": template.description,
        "tags": list(template.tags),
        "variables": [_full(one.stored()) for one in template.variables],
        **above,
        "labels": dict(template.labels),
        "versions": list(versions),
    }
    return _full(said)


def _listed(versions: Iterable[VersionText]) -> list[dict[str, Any]]:
    return [_full({"text": one.text, "system": one.system_text, "note": one.note}) for one in versions]


def _full(said: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in said.items() if value}


def loaded_as(template: TemplateText) -> str:
    """A digest of the newest state: of all that a person may edit, without the history and the labels."""
    newest = VersionText(template.newest.text, template.newest.system_text)
    said = _fields(replace(template, versions=(newest,), labels=()), _listed([newest]))
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


def file_name(template: TemplateText, taken: Iterable[str] = (), ending: str = ".md") -> str:
    """A name for its file that every system accepts, and that no other file has."""
    stem = re.sub(r"[^\w]+", "-", template.name.casefold()).strip("-_")[:60] or "template"
    used, number = {name.casefold() for name in taken}, 1
    while (name := f"{stem}{'' if number == 1 else f'-{number}'}{ending}") in used:
        number += 1
    return name


def in_words(templates: Sequence[TemplateText]) -> str:
    """How many there are, and their names, for a message."""
    names = ", ".join(f"“{one.name}”" for one in templates[:5])
    return f"{counted(len(templates), 'template')}: {names}{', …' if len(templates) > 5 else ''}"
