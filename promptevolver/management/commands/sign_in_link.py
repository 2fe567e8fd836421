"""`manage.py sign_in_link`: a new one-time link, when the last was used or is too old."""

from __future__ import annotations

import os
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from optimizer.services import accounts
from promptevolver import product
from promptevolver.embedded.services.home import home_of
from promptevolver.public import public_url


class Command(BaseCommand):
    help = "Print a link that signs the administrator in; it works once, for an hour."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "base_url",
            nargs="?",
            default="",
            help="where the pages are; by default SITE_URL, or where `up` last served them",
        )

    def handle(self, *args: Any, base_url: str, **options: Any) -> None:
        try:
            self.stdout.write(accounts.sign_in_link(base_url or public_url() or local_url()))
        except accounts.NoAdministratorError as error:
            raise CommandError(str(error)) from error


def local_url() -> str:
    return product.last_url(home_of(os.environ)) or product.base_url(os.environ)
