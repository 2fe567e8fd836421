"""What is wrong with a file, for the person who brought it."""

from __future__ import annotations

import re
from collections.abc import Sequence

FAULTS_SHOWN = 10
UNSTORABLE = re.compile("[\0\ud800-\udfff]")  # NUL, and halves of characters: no database takes them


class FileFaultError(ValueError):
    """The file cannot be used as it is. `messages` say what was seen and what to do.

    `columns` are those that were found, for a person to choose from; `headless` tells that the first row may be data;
    `good` is how many rows can be kept if the `bad` ones are left out.
    """

    def __init__(
        self, *messages: str, columns: Sequence[str] = (), headless: bool = False, good: int = 0, bad: int = 0
    ) -> None:
        super().__init__("\n".join(map(sendable, messages)))
        self.messages = list(map(sendable, messages))
        self.columns = tuple(map(sendable, columns))
        self.headless = headless
        self.good = good
        self.bad = bad


def sendable(text: str) -> str:
    """The text with “?” for each half of a character, which no page can send. JSON files may hold them."""
    return text.encode(errors="replace").decode()


def twice(where: str, name: str) -> str:
    """What to say about a column that occurs twice."""
    return f"{where} has the column “{name.strip()}” twice. Remove or rename one."


def refuse(messages: Sequence[str], *, good: int = 0) -> None:
    """FileFaultError with the first of these messages, if there are any."""
    if messages:
        raise FileFaultError(*shortened(messages), good=good, bad=len(messages))


def shortened(messages: Sequence[str]) -> list[str]:
    """The first of these messages, and how many more there are."""
    if len(messages) > FAULTS_SHOWN:
        return [*messages[:FAULTS_SHOWN], f"And {len(messages) - FAULTS_SHOWN} more."]
    return list(messages)
