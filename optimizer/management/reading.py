"""Reads a command line, and the files that it names."""

from __future__ import annotations

import sys
from collections.abc import Container, Mapping
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile, UploadedFile
from django.core.management.base import CommandError

from optimizer.brief import SETTINGS, Kind
from optimizer.engine.variables import variables
from optimizer.forms.examples import OPTIONS_OF, datasets_of
from optimizer.forms.optimization import OptimizationForm, initial_of
from optimizer.models import OptimizationSession, User

BAD_INPUT = 2
TEXT_FILES = {".txt", ".md"}
OPTION_OF = {
    "prompt": "prompt",  # one of several options gives it
    "rows": "--examples",
    "rows_file": "--examples",
    "dataset": "the rows",  # those of the optimization that --from names
    "system_text": "--system",
    "literals": "--literal",
    "mapping": "--map",
    "continues": "--from",
    "choice_list": "--choices",
} | {setting.name: setting.flag for setting in SETTINGS}
SHARES = {"threshold"} | {setting.name for setting in SETTINGS if setting.kind is Kind.SHARE}


def option(name: str) -> str:
    """How the command line calls a field of the form."""
    return OPTION_OF.get(name, "--" + name.replace("_", "-"))


def percent(name: str, score: float) -> str:
    """A score from 0 to 1, as the form takes it: in percent."""
    if not 0 < score <= 1:
        raise bad_input(f"{option(name)}: {score:g} is not a score. Write a number above 0 and at most 1.")
    return f"{score * 100:g}"


def typed_of(session: OptimizationSession, user: User) -> dict[str, Any]:
    """What the form would take to run this session again, with a search that starts from its result. Rows that are
    gone are left out."""
    initial = initial_of(session) | {"continues": session.pk}
    form = OptimizationForm(user=user, initial=initial)
    typed = {name: form[name].value() for name in form.fields if name in initial}
    if session.dataset not in datasets_of(user):
        del typed["dataset"]
    return {
        name: value for name, value in typed.items() if value is not False and value not in (None, "", [])
    }


def adapted(typed: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """What changes in settings that are taken over if another model or preset is given.

    The new target is no longer among the other models, and an optimizer model that was the same as the target stays
    the same. The new preset replaces what the earlier one set."""
    changes: dict[str, Any] = {}
    if model := given.get("target_model"):
        changes["other_models"] = [one for one in typed.get("other_models", "").split(", ") if one != model]
        if typed.get("optimizer_model") == typed.get("target_model"):
            changes["optimizer_model"] = ""
    if "preset" in given:
        said = {setting.name: setting.by_preset[typed["preset"]] for setting in SETTINGS if setting.at_start}
        changes |= {name: "" for name, value in said.items() if typed.get(name) == value}
    return changes


def lines(text: str) -> list[str]:
    """The parts between commas."""
    return [part.strip() for part in text.split(",") if part.strip()]


def grader_fault(typed: Mapping[str, Any]) -> str:
    """Why an option does not go with the grader, or ""."""
    for grader, names in OPTIONS_OF.items():
        for name in names:
            if name in typed and typed.get("grader") != grader:
                return f"{option(name)}: it belongs to the {grader} grader. Add --grader {grader}, or leave it out."
    return ""


def faults(form: OptimizationForm, *, preferred: Container[str] = ()) -> str:
    """What is wrong with what was given, by its option, and the options that help. What is `preferred` was not given,
    but stands in the person's settings."""
    told = [f"{option(name)}: {' '.join(map(str, said))}" for name, said in form.errors.items()]
    if own := [option(name) for name in form.errors if name in preferred]:
        told.append(
            f"This comes from your Settings page: {', '.join(own)}. Give the option, or change it there."
        )
    if form.binding and form.binding.nameless:
        one = form.binding.nameless[0]
        told.append(f"By hand: --map {one}=COLUMN. As text: --literal {one}")
    if form.fault and form.fault.columns:
        told.append(
            f"Options: --expected-column NAME, --input-column NAME{', --no-header' * form.fault.headless}"
        )
    return "\n".join(told)


def unknown_literals(form: OptimizationForm) -> list[str]:
    """Names that are marked as text and do not stand in the prompt."""
    there = variables(form.written().whole)
    return [name for name in form.cleaned_data["literals"] if name not in there]


def bad_input(text: str) -> CommandError:
    """An error that ends the command with exit status 2."""
    return CommandError(text, returncode=BAD_INPUT)


def rows_file(name: str) -> UploadedFile[bytes]:
    """A file of rows, as the form takes it."""
    return SimpleUploadedFile(Path(name).name, read_bytes(name, at_most=settings.DATASET_MAX_BYTES))


def read_bytes(name: str, *, at_most: int = 2**20) -> bytes:
    """The content of a file, or of standard input for -."""
    try:
        if name == "-":
            return sys.stdin.buffer.read(at_most + 1)
        with Path(name).open("rb") as file:
            return file.read(at_most + 1)
    except OSError as error:
        raise bad_input(f"{name} cannot be read: {error.strerror}.") from error


def text_or_file(given: str) -> str:
    """The content of the file of that name; without such a file, the text itself. What can only be the name of a file
    has to be one."""
    if any(character.isspace() for character in given) and not is_file(given):
        return given
    return read(given) if is_file(given) or Path(given).suffix in TEXT_FILES else given


def is_file(name: str) -> bool:
    """Whether there is a file of that name, which may be any text."""
    try:
        return Path(name).is_file()
    except (OSError, ValueError):
        return False


def read(name: str) -> str:
    """The text of a file, or of standard input for -."""
    try:
        return read_bytes(name).decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise bad_input(f"{name} is not UTF-8 text. Save it as UTF-8 and try again.") from error
