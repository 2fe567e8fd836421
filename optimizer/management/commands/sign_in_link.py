"""`manage.py sign_in_link`: a new one-time link, when the last was used or is too old."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from optimizer.services import accounts


class Command(BaseCommand):
    help = "Print an address that signs the administrator in, once, within the hour."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "base_url", nargs="?", default="http://localhost:8000", help="where the pages are"
        )

    def handle(self, *args: Any, base_url: str, **options: Any) -> None:
        try:
            self.stdout.write(accounts.sign_in_link(base_url))
        except accounts.NoAdministratorError as error:
            raise CommandError(str(error)) from error
