#!/usr/bin/env python
"""Starts the embedded services that a command needs, then Django."""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from dotenv import load_dotenv

from promptevolver import embedded

# These start nothing: they need no services, or (up, doctor) see to them themselves.
ALONE = {
    "help", "version", "check", "serve_model", "up", "doctor",
    "collectstatic", "findstatic", "diffsettings", "startapp", "makemessages", "compilemessages",
}  # fmt: skip
ASKS_HELP = {"-h", "--help", "--version"}


def main(arguments: list[str]) -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "promptevolver.settings")
    load_dotenv(Path(__file__).with_name(".env"))
    try:
        home = embedded.resolve(os.environ)
        with running(home) if needs_services(arguments) else contextlib.nullcontext():
            execute(arguments)
    except embedded.ServiceError as error:
        sys.exit(str(error))
    except KeyboardInterrupt:
        print("Stopped.", file=sys.stderr)
        sys.exit(130)


def needs_services(arguments: list[str]) -> bool:
    words = arguments[1:]
    return bool(words) and words[0] not in ALONE and not ASKS_HELP.intersection(words)


@contextlib.contextmanager
def running(home: embedded.Home) -> Iterator[None]:
    """The services run inside; afterwards they stop unless others use them."""
    for name in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, lambda number, _: sys.exit(128 + number))
    embedded.ensure_running(home, os.environ)
    try:
        yield
    finally:
        embedded.release(home)


def execute(arguments: list[str]) -> None:
    from django.core.management import execute_from_command_line

    execute_from_command_line(arguments)


if __name__ == "__main__":
    main(sys.argv)
