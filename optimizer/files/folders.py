"""Template files as they come: single ones, whole folders of them, and zip files."""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from zipfile import ZipFile

from optimizer.counts import there_are
from optimizer.files.faults import FileFaultError
from optimizer.files.template_reading import MARKDOWN, MOST_BYTES, read_templates
from optimizer.files.templates import TemplateText, as_json, as_markdown, file_name
from optimizer.files.zips import reading_zip

ENDINGS = (*MARKDOWN, ".json")
MOST_FILES = 500
UNREADABLE = "The zip file cannot be read: it is damaged, or has a password."
MOST_IN_ALL = 60 * 2**20  # bytes that a zip file may become


@dataclass(frozen=True)
class Found:
    """What a file holds, or what is wrong with it."""

    name: str
    templates: tuple[TemplateText, ...] = ()
    faults: tuple[str, ...] = ()


def found_in(name: str, content: bytes) -> list[Found]:
    """What a file holds; each file of a zip file apart. Nothing is raised."""
    try:
        if PurePosixPath(name).suffix.casefold() == ".zip":
            return [one for inner, inside in unpacked(content) for one in found_in(f"{name}/{inner}", inside)]
        return [Found(name, tuple(read_templates(content, name)))]
    except FileFaultError as error:
        return [Found(name, faults=tuple(error.messages))]


def too_large(name: str, size: int) -> Found:
    """What is said of a file that is not even read."""
    limit = f"at most {MOST_BYTES // 2**20} MB are read"
    return Found(
        name,
        faults=(
            f"The file has {size / 2**20:.0f} MB; {limit}. A template is a text: is this the right file?",
        ),
    )


def unpacked(content: bytes) -> Iterator[tuple[str, bytes]]:
    """The template files in a zip file, with their names; others are passed over. FileFaultError if it is none, or
    too much."""
    left = MOST_IN_ALL
    with reading_zip(UNREADABLE), ZipFile(io.BytesIO(content)) as archive:
        entries = [entry for entry in archive.infolist() if is_template(entry.filename)]
        if not entries:
            raise FileFaultError("The zip file holds no .md or .json files.")
        if len(entries) > MOST_FILES:
            raise FileFaultError(f"{there_are(len(entries), 'file')} in it; at most {MOST_FILES} are read.")
        for entry in entries:
            with archive.open(entry) as file:
                inside = file.read(min(left, MOST_BYTES) + 1)
            left -= len(inside)
            if left < 0:
                raise FileFaultError(f"The zip file holds more than {MOST_IN_ALL // 2**20} MB.")
            if inside.startswith(b"PK\x03\x04"):
                raise FileFaultError(f"“{entry.filename}” is a zip file itself. Unpack it first.")
            yield entry.filename, inside


def is_template(name: str) -> bool:
    """Whether a file of a folder may be a template: README and hidden files are none."""
    path = PurePosixPath(name)
    plain = not any(part.startswith((".", "__MACOSX")) for part in path.parts)
    return plain and path.suffix.casefold() in ENDINGS and path.stem.casefold() != "readme"


def files_in(folder: Path) -> list[Path]:
    """The template files in a folder and in those within it, by name. Links are not followed out of it."""
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink())
    return [path for path in found if is_template(path.relative_to(folder).as_posix())]


def written_out(templates: Iterable[TemplateText], ending: str) -> dict[str, str]:
    """The text of a file for each, by its name. One whose history does not fit into Markdown becomes JSON."""
    files: dict[str, str] = {}
    for template in templates:
        kind, text = ending, ""
        try:
            text = as_markdown(template) if ending == "md" else as_json([template])
        except FileFaultError:
            kind, text = "json", as_json([template])
        files[file_name(template, files, f".{kind}")] = text
    return files
