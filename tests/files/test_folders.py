"""Zip files and names of files: what is read, and what is refused."""

from __future__ import annotations

import io
import zipfile

import pytest

from optimizer.files.folders import found_in, is_template, written_out
from optimizer.files.templates import TemplateText, VersionText


def zip_of(**files: str | bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, inside in files.items():
            archive.writestr(name, inside)
    return content.getvalue()


def test_the_files_of_a_zip_file_are_told_apart() -> None:
    content = zip_of(**{"a/one.md": "x {{a}}", "two.md": "---\nname", "__MACOSX/x.md": "x", "photo.png": "x"})
    one, two = found_in("all.zip", content)
    assert (one.name, one.templates[0].name, one.faults) == ("all.zip/a/one.md", "One", ())
    assert (two.name, two.templates, "does not end" in two.faults[0]) == ("all.zip/two.md", (), True)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04 and nothing more", "damaged"),
        (b"", "damaged"),
        (zip_of(**{"photo.png": "x"}), "holds no .md or .json"),
        (zip_of(**{f"{n}.md": "x" for n in range(501)}), "at most 500"),
        (zip_of(**{f"{n}.md": b"\0" * (5 * 2**20) for n in range(13)}), "more than 60 MB"),
        (zip_of(**{"inner.md": zip_of(**{"x.md": "x"})}), "a zip file itself"),
        (zip_of(**{"x.md": "x" * 9999})[:-60], "damaged"),
    ],
    ids=range(7),
)
def test_hostile_zip_files_are_refused(content: bytes, said: str) -> None:
    assert said in " ".join(fault for found in found_in("x.zip", content) for fault in found.faults)


@pytest.mark.parametrize(
    ("name", "is_one"),
    [
        ("a.md", True),
        ("b/c.JSON", True),
        (".git/x.md", False),
        ("README.md", False),
        ("x.png", False),
        ("md", False),
    ],
)
def test_which_files_of_a_folder_are_templates(name: str, is_one: bool) -> None:
    assert is_template(name) == is_one


def test_a_history_that_is_too_long_for_markdown_is_written_as_json() -> None:
    long = TemplateText("Long", (VersionText("x" * 9_000), VersionText("y" * 9_000)) * 10)
    files = written_out([TemplateText("Short", (VersionText("x"),)), long, long], "md")
    assert list(files) == ["short.md", "long.json", "long-2.json"]
