"""What the README and the page on deployment tell people to type and to save."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = ("README.md", "docs/deploy.md")
PROGRAMS = (
    "make ",
    "./manage.py ",
    ".venv/bin/",
    "PORT=",
    "python3 ",
    "curl ",
    "ollama ",
    "journalctl ",
    "sudo ",
)
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```\n", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"`([^`\n]+)`")


@dataclass(frozen=True)
class Block:
    """A fenced block, and the text between it and the one before."""

    language: str
    text: str
    before: str

    @property
    def name(self) -> str:
        """What the file is to be called: the last name that the text before it has in backticks."""
        named = next(span for span in reversed(CODE.findall(self.before)) if " " not in span)
        return Path(named).name


def blocks(page: str) -> Iterator[Block]:
    """The fenced blocks of a page, in order."""
    text, at = (ROOT / page).read_text(), 0
    for found in BLOCK.finditer(text):
        yield Block(found[1], found[2], text[at : found.start()])
        at = found.end()


def files() -> dict[str, str]:
    """The files that people are told to save, by name."""
    return {block.name: block.text for page in PAGES for block in blocks(page) if block.language != "sh"}


def commands() -> list[str]:
    """The commands of all blocks, in order, then those that stand within the text."""
    typed = [
        line
        for page in PAGES
        for block in blocks(page)
        if block.language == "sh"
        for line in block.text.splitlines()
    ]
    return list(dict.fromkeys([*typed, *(found for page in PAGES for found in within(page))]))


def within(page: str) -> Iterator[str]:
    """The commands that stand in backticks."""
    for span in spans(page):
        if span.startswith(PROGRAMS) and " " in span:
            yield span


def spans(page: str) -> list[str]:
    """All that stands in backticks outside the blocks."""
    return CODE.findall(BLOCK.sub("", (ROOT / page).read_text()))


def words(command: str) -> list[str]:
    """The words of the last part of a pipe, without variables before it and a redirection after it."""
    parts = shlex.split(command.partition(" > ")[0].rpartition(" | ")[2])
    while re.match(r"[A-Z_]+=", parts[0]):
        parts.pop(0)
    return parts
