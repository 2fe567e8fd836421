"""Templates read from files, and what is wrong with them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import PurePath
from typing import Any

from optimizer.files import front_matter
from optimizer.files.declared import Declared, doubts
from optimizer.files.declared import faults as faults_of
from optimizer.files.faults import UNSTORABLE, FileFaultError, refuse, sendable
from optimizer.files.templates import TemplateText, VersionText
from optimizer.files.text import decoded

MARKDOWN = (".md", ".markdown", ".txt", ".prompt")
MOST_BYTES = 5 * 2**20  # of one file
MOST_TEMPLATES, MOST_VERSIONS = 500, 1000
LONGEST = {"name": 100, "category": 50, "note": 200, "tag": 30, "label": 30}  # characters
LONGEST_TEXT, LONGEST_DESCRIPTION = 10_000, 1_000  # characters
MOST_TAGS, MOST_LABELS = 20, 20
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
KNOWN = {
    "name", "title", "category", "description", "tags", "variables", "system", "text", "note", "versions", "labels",
    "format",
}  # fmt: skip


def read_templates(content: bytes, name: str) -> list[TemplateText]:
    """The templates of a file: one of Markdown, any number of JSON. FileFaultError says what is wrong and what to
    do."""
    if len(content) > MOST_BYTES:
        size = f"{len(content) / 2**20:.0f} MB; at most {MOST_BYTES // 2**20} MB are read"
        raise FileFaultError(f"The file has {size}. A template is a text: is this the right file?")
    ending = PurePath(name).suffix.casefold()
    if ending not in (*MARKDOWN, ".json"):
        raise FileFaultError(f"“{ending or PurePath(name).name}” is not read. Bring .md or .json files.")
    text = _text_of(content)
    if not text.strip():
        raise FileFaultError("The file is empty.")
    found = _of_json(text) if ending == ".json" else [_of_markdown(text, PurePath(name).stem)]
    refuse([fault for template in found for fault in _faults(template, several=len(found) > 1)])
    return found


def _text_of(content: bytes) -> str:
    try:
        text = decoded(content, most_bytes=MOST_BYTES).text
    except FileFaultError as error:
        raise FileFaultError(*map(_for_texts, error.messages)) from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _for_texts(said: str) -> str:
    """What is said of a file of rows, with the advice for a text."""
    seen, save, _ = said.partition(" Save ")
    return f"{seen} A template is a text: save it as UTF-8." if save else said


def _of_markdown(text: str, stem: str) -> TemplateText:
    fields, body = front_matter.split(text)
    body = body.strip()
    if body and "text" in fields:
        raise FileFaultError("The text stands in the front matter and below it. Remove one.")
    name = " ".join(re.split(r"[-_\s]+", stem)).strip()
    own = {} if fields.get("name") or fields.get("title") else {"name": name[:1].upper() + name[1:]}
    return _of_fields({**fields, **own, **({"text": body} if body else {})})


def _of_json(text: str) -> list[TemplateText]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        place = f" (line {error.lineno}: {error.msg})" if isinstance(error, json.JSONDecodeError) else ""
        raise FileFaultError(f"The file is not JSON{place}.") from error
    found = value.get("templates", [value]) if isinstance(value, dict) else value
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise FileFaultError(
            "The file holds no templates. Each is an object with “name” and “text”, or with “versions”."
        )
    if not 0 < len(found) <= MOST_TEMPLATES:
        raise FileFaultError(
            f"The file holds {len(found)} templates; from 1 to {MOST_TEMPLATES} are read at once."
        )
    return [_of_fields(one) for one in found]


def _of_fields(fields: Mapping[str, Any]) -> TemplateText:
    named = _line(fields.get("name") or fields.get("title"), "name")
    with _telling_of(named):
        versions = _versions(fields)
        notes = [f"“{sendable(name[:40])}” is not used." for name in fields if name not in KNOWN]
        notes += [told for text in (versions[-1].text, versions[-1].system_text) for told in doubts(text)[:3]]
        return TemplateText(
            name=named,
            versions=versions,
            category=_line(fields.get("category"), "category"),
            description=_string(fields.get("description"), "description"),
            tags=tuple(dict.fromkeys(_words(fields.get("tags"), "tags"))),
            variables=tuple(_declared(one) for one in _objects(fields.get("variables"), "variables")),
            labels=_labels(fields.get("labels")),
            notes=tuple(notes),
        )


@contextmanager
def _telling_of(name: str) -> Iterator[None]:
    """Faults inside say of which template they are."""
    try:
        yield
    except FileFaultError as error:
        of = f"“{name[:60]}”: " if name else ""
        raise FileFaultError(*(f"{of}{said}" for said in error.messages)) from error


def _versions(fields: Mapping[str, Any]) -> tuple[VersionText, ...]:
    """The older ones as listed, and then the text that stands apart, if one does."""
    listed = _objects(fields.get("versions"), "versions")
    apart = [fields] if fields.get("text") or not listed else []
    if len(listed) > MOST_VERSIONS:
        raise FileFaultError(f"There are {len(listed)} versions; at most {MOST_VERSIONS} are read.")
    return tuple(
        VersionText(
            _string(one.get("text"), "text"),
            _string(one.get("system"), "system"),
            _line(one.get("note"), "note"),
        )
        for one in (*listed, *apart)
    )


def _declared(one: Mapping[str, Any]) -> Declared:
    return Declared(
        name=_line(one.get("name"), "name of a variable"),
        kind=_line(one.get("kind"), "kind") or "text",
        default=_string(one.get("default"), "default"),
        help=_line(one.get("help"), "help"),
        choices=tuple(_words(one.get("choices"), "choices")),
    )


def _labels(value: Any) -> tuple[tuple[str, int], ...]:
    if value in (None, ""):
        return ()
    if not isinstance(value, dict):
        raise FileFaultError("“labels” holds names with the number of a version, as in “production: 2”.")
    return tuple((_line(name, "label").lower(), _number(name, number)) for name, number in value.items())


def _number(name: str, value: Any) -> int:
    text = str(value)
    if not (text.isascii() and text.isdigit() and len(text) < 9):
        raise FileFaultError(f"The label “{name[:40]}” has no version's number: “{text[:40]}”.")
    return int(text)


def _objects(value: Any, name: str) -> list[Mapping[str, Any]]:
    found = [] if value in (None, "") else value
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise FileFaultError(f"“{name}” is not a list of entries with names and values.")
    return found


def _words(value: Any, name: str) -> list[str]:
    """A list of words, or words between commas."""
    found = value.split(",") if isinstance(value, str) else value or []
    if not isinstance(found, list):
        raise FileFaultError(f"“{name}” is not a list.")
    return [word for one in found if (word := _line(one, name))]


def _string(value: Any, name: str) -> str:
    if value is None:
        return ""
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    if not isinstance(value, str):
        raise FileFaultError(f"“{name}” is not a text.")
    return value


def _line(value: Any, name: str) -> str:
    return _string(value, name).strip()


# What must hold of what was read


def _faults(template: TemplateText, *, several: bool) -> list[str]:
    told = [*_faults_of_lines(template), *_faults_of_texts(template), *faults_of(template.variables)]
    told += [
        f"“{name}” is no label: it is one word, as in “production: 2”."
        for name, _ in template.labels
        if len(name.split()) != 1
    ]
    told += [
        f"The label “{name}” points at version {number}, and there are {len(template.versions)}."
        for name, number in template.labels
        if not 1 <= number <= len(template.versions)
    ]
    return [f"“{template.name[:60]}”: {said}" for said in told] if several else told


def _faults_of_lines(template: TemplateText) -> list[str]:
    lines = [("name", template.name), ("category", template.category)]
    lines += [("tag", tag) for tag in template.tags] + [("label", name) for name, _ in template.labels]
    lines += [("note", version.note) for version in template.versions]
    told = [] if template.name else ["There is no name. Add “name: …” in the front matter."]
    if len(template.tags) > MOST_TAGS or len(template.labels) > MOST_LABELS:
        told.append(f"There are more than {MOST_TAGS} tags or labels.")
    return told + [said for kind, text in lines if (said := _fault_of_line(kind, text))]


def _fault_of_line(kind: str, text: str) -> str:
    if len(text) > LONGEST[kind]:
        return f"The {kind} has {len(text):,} characters; at most {LONGEST[kind]} are allowed. Shorten it."
    if UNSTORABLE.search(text):
        return f"The {kind} holds a broken character (NUL or half a pair). Remove it."
    if found := CONTROL.search(text):
        return f"The {kind} holds a control character (U+{ord(found.group()):04X}). Remove it."
    return ""


def _faults_of_texts(template: TemplateText) -> list[str]:
    texts = []
    for number, version in enumerate(template.versions, 1):
        of = f" of version {number}" if len(template.versions) > 1 else ""
        texts += [(f"text{of}", version.text), (f"system text{of}", version.system_text)]
    told = [
        f"The text of version {number} is empty." if len(template.versions) > 1 else "There is no text."
        for number, version in enumerate(template.versions, 1)
        if not version.text.strip()
    ]
    told += [said for name, text in texts if (said := _fault_of_text(name, text, LONGEST_TEXT))]
    about = _fault_of_text("description", template.description, LONGEST_DESCRIPTION)
    return [*told, about] if about else told


def _fault_of_text(name: str, text: str, longest: int) -> str:
    if len(text) > longest:
        over = f"{len(text):,} characters; at most {longest:,} are allowed"
        return f"The {name} has {over}. Shorten it by {len(text) - longest:,}."
    if UNSTORABLE.search(text):
        return f"The {name} holds a broken character (NUL or half a pair). Remove it."
    return ""
