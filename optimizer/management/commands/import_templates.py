"""Bring templates in from files and folders."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from optimizer.counts import counted
from optimizer.files.folders import Found, files_in, found_in, too_large
from optimizer.files.template_reading import MOST_BYTES
from optimizer.management.people import add_user, user_called
from optimizer.management.reading import bad_input, read_bytes
from optimizer.management.terminal import plain
from optimizer.models import User
from optimizer.services.template_files import import_templates
from promptevolver.migrating import migrate


class Command(BaseCommand):
    help = (
        "Bring templates in from Markdown, JSON or zip files, and from folders of them. A template that has the name "
        "of one that is there becomes its next version. Exit status: 0 all came in, 2 some did not."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("paths", nargs="+", metavar="PATH", help="a file or a folder")
        parser.add_argument(
            "--copies", action="store_true", help="make new templates even if the name is taken"
        )
        add_user(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if "postgres" in settings.EMBEDDED:
            migrate(settings.HOME)
        user, refused = user_called(options["user"]), 0
        for path in options["paths"]:
            for found in _found(Path(path)):
                refused += bool(found.faults)
                self._bring(user, found, copies=options["copies"])
        if refused:
            raise CommandError(f"{counted(refused, 'file')} did not come in.", returncode=2)

    def _bring(self, user: User, found: Found, *, copies: bool) -> None:
        for fault in found.faults:
            self.stderr.write(plain(f"{found.name}: {fault}", sys.stderr.isatty()))
        if not found.templates:
            return
        brought = import_templates(
            workspace=user.personal_workspace, by=user, found=found.templates, copies=copies
        )
        for one, text in zip(brought, found.templates, strict=True):
            told = f"{found.name}: “{one.template.name}” ({one.became}) {' '.join(text.notes)}"
            self.stdout.write(plain(told.rstrip(), sys.stdout.isatty()))


def _found(path: Path) -> list[Found]:
    if not path.is_dir():
        return _in_file(path, str(path))
    files = files_in(path)
    if not files:
        raise bad_input(f"{path} holds no .md or .json files.")
    return [found for file in files for found in _in_file(file, str(file.relative_to(path)))]


def _in_file(path: Path, name: str) -> list[Found]:
    content = read_bytes(str(path), at_most=MOST_BYTES)
    if len(content) > MOST_BYTES and path.suffix.casefold() != ".zip":
        return [too_large(name, path.stat().st_size)]
    return found_in(name, content)
