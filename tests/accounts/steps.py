"""What people do to get in, and what they have then."""

from __future__ import annotations

from typing import Any

from django.test import Client
from django.urls import reverse

from optimizer.models import Membership, Preference, Role, User, Workspace
from tests.factories import PASSWORD

NEW = {"email": "ada@example.com", "password1": PASSWORD, "password2": PASSWORD}


def sign_up(client: Client, **fields: str) -> Any:
    return client.post(reverse("account_signup"), NEW | fields)


def sign_in(client: Client, email: str, password: str = PASSWORD) -> Any:
    return client.post(reverse("account_login"), {"login": email, "password": password})


def signed_in_as(client: Client) -> str:
    pk = client.session.get("_auth_user_id")
    return User.objects.get(pk=pk).email if pk else ""


def has_home(person: User) -> bool:
    return (
        Preference.objects.filter(user=person).count() == 1
        and Workspace.objects.filter(personal_of=person).count() == 1
        and Membership.objects.get(user=person, workspace__personal_of=person).role == Role.OWNER
    )
