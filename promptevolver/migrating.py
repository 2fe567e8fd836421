"""Bringing the database of an installation up to date, by whichever command comes first."""

from __future__ import annotations

from pathlib import Path

from django.core.management import call_command

from promptevolver.embedded.services.home import locked


def migrate(home: Path) -> None:
    """Apply what is missing. Commands that start at once take turns: the later ones find nothing to do."""
    with locked(home / "migrate.lock"):
        call_command("migrate", interactive=False, verbosity=0)
