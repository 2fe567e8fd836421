"""Who gets in: the first account, a home for everyone, the one-time sign-in link."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth import login
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.http import HttpRequest
from sesame import utils as sesame

from optimizer.models import Membership, Preference, Role, User, Workspace

LOCAL_ADMINISTRATOR = "admin@localhost"
_FIRST_ACCOUNT_LOCK = 0x50726F6D70744576


class NoAdministratorError(Exception):
    """There are accounts, but no administrator."""


class DeadLinkError(Exception):
    """The link was used, is too old, or was not made by us."""


def sign_up_is_open() -> bool:
    """The first account is always welcome; a setting decides about the others."""
    return settings.SIGN_UP_OPEN or not User.objects.exists()


def admit(*, user: User) -> None:
    """Settle, before saving, what a new account may be. Call it in the transaction that saves it."""
    _lock_first_account()
    if not User.objects.exists():
        user.is_staff = user.is_superuser = True
    elif not settings.SIGN_UP_OPEN:
        raise PermissionDenied("Sign-up is closed. Ask the administrator of this installation.")


@transaction.atomic
def make_home(*, user: User) -> None:
    """The preferences and the personal workspace that everyone has. What is there already stays."""
    Preference.objects.get_or_create(user=user)
    workspace, _ = Workspace.objects.get_or_create(personal_of=user, defaults={"name": str(user)[:100]})
    Membership.objects.get_or_create(workspace=workspace, user=user, defaults={"role": Role.OWNER})


def sign_in_link(base_url: str) -> str:
    """An address that signs the administrator in, once, within the hour."""
    return f"{base_url.rstrip('/')}/sign-in/{sesame.get_token(administrator())}/"


@transaction.atomic
def use_sign_in_link(*, request: HttpRequest, token: str) -> User:
    """Sign in whom the link is for. Signing in kills every link made before."""
    meant = _reader_of(token)
    User.objects.select_for_update().get(pk=meant.pk)  # two people who open it at once take turns
    user = _reader_of(token)
    login(request, user, backend="django.contrib.auth.backends.ModelBackend")
    request.session.cycle_key()
    return user


@transaction.atomic
def administrator() -> User:
    """The administrator. A fresh installation gets a local one."""
    _lock_first_account()
    if not User.objects.exists():
        return User.objects.create_superuser(LOCAL_ADMINISTRATOR)
    user = User.objects.filter(is_superuser=True, is_active=True).order_by("pk").first()
    if user is None:
        raise NoAdministratorError(
            "No active account is an administrator. Run `./manage.py createsuperuser`."
        )
    return user


def _lock_first_account() -> None:
    """Held to the end of the transaction, so that two sign-ups cannot both be the first."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_FIRST_ACCOUNT_LOCK])


def _reader_of(token: str) -> User:
    user: User | None = sesame.get_user(token, update_last_login=False)
    if user is None:
        raise DeadLinkError
    return user
