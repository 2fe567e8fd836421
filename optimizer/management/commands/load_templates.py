"""Load the starter library."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from optimizer.counts import counted
from optimizer.management.people import add_user, user_called
from optimizer.services.starters import load_starters
from promptevolver.migrating import migrate


class Command(BaseCommand):
    help = "Load the starter library of templates, some with rows. Running it again changes nothing."

    def add_arguments(self, parser: CommandParser) -> None:
        add_user(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        if "postgres" in settings.EMBEDDED:
            migrate(settings.HOME)
        user = user_called(options["user"])
        loaded = load_starters(workspace=user.personal_workspace, by=user)
        self.stdout.write(f"{counted(loaded.new, 'template')} loaded for {user}, {loaded.renewed} renewed.")
        if loaded.edited:
            self.stdout.write(f"{counted(loaded.edited, 'template')} left as edited or deleted.")
