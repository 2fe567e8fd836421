"""Write templates to files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from optimizer.counts import counted
from optimizer.files.folders import written_out
from optimizer.management.people import add_user, user_called
from optimizer.management.reading import bad_input
from optimizer.models import PromptTemplate
from optimizer.services.template_files import exported
from promptevolver.migrating import migrate


class Command(BaseCommand):
    help = "Write the templates of one's workspaces to a folder, one Markdown or JSON file each."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", metavar="FOLDER", help="where to; it is made if it is not there")
        parser.add_argument("--format", choices=["md", "json"], default="md", help="default: md")
        parser.add_argument("--replace", action="store_true", help="replace files that are there already")
        add_user(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if "postgres" in settings.EMBEDDED:
            migrate(settings.HOME)
        user, folder = user_called(options["user"]), Path(options["folder"])
        own = PromptTemplate.objects.in_workspaces(user.memberships.values_list("workspace_id", flat=True))
        files = written_out(exported(own), options["format"])
        there = [name for name in files if (folder / name).exists()]
        if there and not options["replace"]:
            raise bad_input(f"{folder} has {there[0]} already. Choose an empty folder, or add --replace.")
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, text in files.items():
                (folder / name).write_text(text, encoding="utf-8", newline="")
        except OSError as error:
            raise CommandError(f"{folder} cannot be written: {error.strerror}.", returncode=1) from error
        self.stdout.write(f"{counted(len(files), 'template')} written to {folder}.")
