"""Whose rows a command works on."""

from __future__ import annotations

from django.core.management.base import CommandParser

from optimizer.management.reading import bad_input
from optimizer.models import User
from optimizer.services.accounts import administrator


def add_user(parser: CommandParser) -> None:
    """The option `--user`."""
    parser.add_argument(
        "--user", metavar="EMAIL", help="whose templates they are; default: the administrator's"
    )


def user_called(email: str | None) -> User:
    """The person with that address; the administrator if none is given."""
    if email is None:
        return administrator()
    user = User.objects.filter(email__iexact=email).first()
    if user is None:
        raise bad_input(f"There is no user {email}.")
    return user
