#!/usr/bin/env python3
"""Starts the embedded services that a command needs, then Django."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent
PACKAGES = ("dotenv", "django", "environs", "channels", "celery", "psycopg", "supervisor")


def use_own_environment() -> None:
    """If this Python lacks the packages, continue with the one in `.venv`."""
    if all(importlib.util.find_spec(name) for name in PACKAGES):
        return
    own = ROOT / ".venv" / "bin" / "python"
    if not own.exists() or Path(sys.prefix) == ROOT / ".venv":
        sys.exit(f"PromptEvolver is not set up in {ROOT} yet. Run there: make setup")
    os.execv(own, [str(own), str(ROOT / "manage.py"), *sys.argv[1:]])  # noqa: S606


use_own_environment()

from dotenv import load_dotenv  # noqa: E402

from promptevolver import embedded  # noqa: E402

# These start nothing: they need no services, or (up, doctor) handle them themselves.
ALONE = {
    "help", "version", "check", "serve_model", "up", "doctor",
    "collectstatic", "findstatic", "diffsettings", "startapp", "makemessages", "compilemessages",
}  # fmt: skip
ENDING = (signal.SIGTERM, signal.SIGHUP)
ASKS_HELP = {"-h", "--help", "--version"}


def main(arguments: list[str]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "promptevolver.settings")
    load_dotenv(ROOT / ".env")
    try:
        home = embedded.resolve(os.environ)
        with running(home) if needs_services(arguments) else contextlib.nullcontext():
            execute(arguments)
    except embedded.ServiceError as error:
        sys.exit(str(error))
    except OSError as error:
        sys.exit(unwritable(error))
    except KeyboardInterrupt as interrupt:
        with contextlib.suppress(OSError):  # the terminal may be gone
            print("Stopped.", file=sys.stderr)
        sys.exit(128 + (interrupt.args[0] if interrupt.args else signal.SIGINT))


def unwritable(error: OSError) -> str:
    """What to do if our folder cannot be written. Other faults are not explained here."""
    home = embedded.home_of(os.environ)
    ours = error.filename is None or Path(str(error.filename)).is_relative_to(home.root)
    if error.errno not in embedded.UNWRITABLE or not ours:
        raise error
    return str(embedded.trouble(home.root, error))


def needs_services(arguments: list[str]) -> bool:
    words = arguments[1:]
    return bool(words) and words[0] not in ALONE and not ASKS_HELP.intersection(words)


@contextlib.contextmanager
def running(home: embedded.Home) -> Iterator[None]:
    """The services run inside; afterwards they stop unless others use them."""
    for number in ENDING:
        signal.signal(number, interrupt)
    embedded.ensure_running(home, os.environ)
    try:
        yield
    finally:
        embedded.release(home)


def interrupt(number: int, frame: object) -> None:
    """Ends as Ctrl-C does, which database connections survive, with the signal's number. Further signals are
    ignored."""
    for ending in ENDING:
        signal.signal(ending, signal.SIG_IGN)
    raise KeyboardInterrupt(number)


def execute(arguments: list[str]) -> None:
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(arguments)
    except ImproperlyConfigured as error:  # says which setting, and what to write
        sys.exit(str(error))


if __name__ == "__main__":
    main(sys.argv)
