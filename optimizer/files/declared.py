"""Declared variables: what a form asks for before a text with `{{variables}}` is used."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import Any

from optimizer.engine.task import Item
from optimizer.engine.variables import PLACES, filled, in_braces, variables
from optimizer.files.faults import UNSTORABLE

KINDS = {
    "text": "Text",
    "long_text": "Long text",
    "number": "Number",
    "choice": "Choice",
    "date": "Date",
    "yes_no": "Yes or no",
}
YES, NO = "yes", "no"
LONGEST_NAME, LONGEST_HELP, LONGEST_VALUE = 100, 300, 10_000  # characters
MOST_CHOICES, MOST_VARIABLES = 100, 100
LARGEST = 10**15  # of a number, either way
NAME = re.compile(r"\w+")
OPEN = re.compile(r"\{\{|\}\}")


@dataclass(frozen=True)
class Declared:
    """A variable as a form asks for it. `choices` belong to the kind `choice` alone; `default` may be empty."""

    name: str
    kind: str = "text"
    default: str = ""
    help: str = ""
    choices: tuple[str, ...] = ()

    def stored(self) -> dict[str, Any]:
        """As it is kept in the database and in files."""
        return {**vars(self), "choices": list(self.choices)}

    @property
    def fault(self) -> str:
        """What is wrong with the declaration, and what to do; "" if nothing is."""
        return self._fault_of_words() or self._fault_of_choices() or self._fault_of_default()

    def fault_of(self, value: str) -> str:
        """What is wrong with a value for it; "" if nothing is. An empty value is not judged."""
        if not value:
            return ""
        if len(value) > LONGEST_VALUE:
            return (
                f"This is {len(value):,} characters long; at most {LONGEST_VALUE:,} are allowed. Shorten it."
            )
        if UNSTORABLE.search(value):
            return "This holds a broken character (NUL or half a pair). Remove it."
        if self.kind == "number" and not _is_number(value):
            return f"“{_short(value)}” is not a number. Write digits, as in 12 or 3.5."
        if self.kind == "choice" and value not in self.choices:
            return f"“{_short(value)}” is not one of the choices: {', '.join(self.choices)}."
        if self.kind == "date" and not _is_date(value):
            return f"“{_short(value)}” is not a date. Write it as in 2026-03-31."
        if self.kind == "yes_no" and value not in (YES, NO):
            return f"“{_short(value)}” is neither yes nor no."
        return ""

    def _fault_of_words(self) -> str:
        if not NAME.fullmatch(self.name):
            return f"“{_short(self.name)}” is no name for a variable. Use letters, digits and _."
        if len(self.name) > LONGEST_NAME:
            return (
                f"The name of a variable has {len(self.name)} characters; at most {LONGEST_NAME} are allowed."
            )
        if self.kind not in KINDS:
            return f"{self}: “{_short(self.kind)}” is not a kind. Choose one of {', '.join(KINDS)}."
        if len(self.help) > LONGEST_HELP:
            return f"{self}: the help has {len(self.help)} characters; at most {LONGEST_HELP} are allowed."
        if UNSTORABLE.search(self.help):
            return f"{self}: the help holds a broken character (NUL or half a pair). Remove it."
        return ""

    def _fault_of_choices(self) -> str:
        if self.kind != "choice":
            return f"{self}: only the kind choice has choices. Choose that kind, or remove them." * bool(
                self.choices
            )
        if not 2 <= len(self.choices) <= MOST_CHOICES:
            return f"{self}: a choice needs from 2 to {MOST_CHOICES} choices."
        if len(set(self.choices)) < len(self.choices):
            return f"{self}: a choice stands there twice. Remove one."
        if not all(choice.strip() == choice != "" for choice in self.choices):
            return f"{self}: a choice is empty, or begins or ends with a space."
        if any(len(choice) > LONGEST_HELP or UNSTORABLE.search(choice) for choice in self.choices):
            return f"{self}: a choice has more than {LONGEST_HELP} characters, or a broken one."
        return ""

    def _fault_of_default(self) -> str:
        fault = self.fault_of(self.default)
        return f"{self}, default: {fault}" if fault else ""

    def __str__(self) -> str:
        return in_braces(self.name)


def read_declared(stored: Iterable[Mapping[str, Any]]) -> tuple[Declared, ...]:
    """Declarations as they are kept."""
    return tuple(Declared(**{**one, "choices": tuple(one.get("choices") or ())}) for one in stored)


def faults(declared: Sequence[Declared]) -> list[str]:
    """What is wrong with these declarations, one message each."""
    if len(declared) > MOST_VARIABLES:
        return [f"There are {len(declared)} variables; at most {MOST_VARIABLES} are allowed."]
    names = [one.name for one in declared]
    twice = [
        f"{in_braces(name)} is declared twice." for name in dict.fromkeys(names) if names.count(name) > 1
    ]
    return [one.fault for one in declared if one.fault] + twice


def asked_for(declared: Sequence[Declared], *texts: str) -> tuple[Declared, ...]:
    """What a form asks for to fill these texts: the declared ones first, in their order, then the others as text."""
    there = list(dict.fromkeys(name for text in texts for name in variables(text)))
    known = {one.name: one for one in declared}
    return (
        *(one for one in declared if one.name in there),
        *(Declared(name) for name in there if name not in known),
    )


def unused(declared: Sequence[Declared], *texts: str) -> list[str]:
    """The names of declarations that stand in none of the texts."""
    there = {name for text in texts for name in variables(text)}
    return [one.name for one in declared if one.name not in there]


def filled_in(text: str, values: Mapping[str, str]) -> str:
    """The text with these values. A value is never read for variables of its own."""
    return filled(text, Item(input="", values=tuple(values.items())))


def doubts(text: str) -> list[str]:
    """What looks like a variable and is not: braces that are not closed, or stand in one another."""
    told = []
    for number, line in enumerate(PLACES.sub(lambda found: " " * len(found[0]), text).split("\n"), 1):
        marks = [found.group() for found in OPEN.finditer(line)]
        if marks.count("{{") > marks.count("}}"):
            told.append(
                f"Line {number}: “{{{{” is not closed, so it is text. A variable is written {{{{name}}}}."
            )
        elif "{{" in marks:
            told.append(
                f"Line {number}: what stands in these braces is text. A variable is one word, as in {{{{name}}}}."
            )
    return told


def _is_number(value: str) -> bool:
    try:
        number = Decimal(value)
    except InvalidOperation:
        return False
    return number.is_finite() and abs(number) <= LARGEST and "_" not in value


def _is_date(value: str) -> bool:
    try:
        return date.fromisoformat(value).isoformat() == value
    except ValueError:
        return False


def _short(text: str) -> str:
    return text if len(text) <= 40 else f"{text[:39]}…"
