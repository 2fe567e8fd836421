"""The variables of a prompt: `{{name}}` is a place to fill; all other braces are text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optimizer.engine.task import Item

NAME = r"\{\{[ \t]*\w+[ \t]*\}\}"
COMMAND = rf"\\(?![ntr]\{{)[A-Za-z]+\*?(?:{NAME})+"  # \frac{{a}}{{b}}; but a line break may be typed as \n
TEXT = rf"\${NAME}|{COMMAND}|\{{{{3,}}"  # ${{ X }} of GitHub, and {{{x}}}
PLACES = re.compile(rf"{TEXT}|\{{\{{[ \t]*(?P<name>\w+)[ \t]*\}}\}}")


def variables(text: str) -> tuple[str, ...]:
    """The names of the variables in a text, each once, in their order."""
    return tuple(dict.fromkeys(found["name"] for found in PLACES.finditer(text) if found["name"]))


def in_braces(name: str) -> str:
    """How a variable is written."""
    return f"{{{{{name}}}}}"


def filled(text: str, item: Item) -> str:
    """The text with the item in its place: its values where the variables are, else its input below the text."""
    if not item.values:
        return f"{text}\n\n{item.input}" if item.input else text
    return with_values(text, item)


def with_values(text: str, item: Item) -> str:
    """The text with the item's values where its variables are. The input itself is not added."""
    values = dict(item.values)
    return PLACES.sub(lambda found: values.get(found["name"] or "", found[0]), text)


def whole(system_text: str, text: str) -> str:
    """Both parts of a prompt as one text, the system text first. Its variables are those of the prompt."""
    return "\n\n".join(part for part in (system_text, text) if part.strip())


def without_variables(text: str) -> str:
    """The text without its variables, for what reads words."""
    return PLACES.sub(lambda found: "" if found["name"] else found[0], text)


def shown(values: Mapping[str, str]) -> str:
    """Several values with their names, a line each, for people."""
    return "\n".join(f"{name}: {text}" for name, text in values.items())


def read_values(text: str, names: Sequence[str]) -> dict[str, str] | None:
    """The value of each variable: the whole text for a single one, the values of a JSON object for several; None where
    one is missing. {} where there are no variables."""
    if len(names) < 2:
        return dict.fromkeys(names, text)
    try:
        found = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not set(names) <= found.keys():
        return None
    values = {name: _text(found[name]) for name in names}
    return values if any(value.strip() for value in values.values()) else None


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON value")


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
