"""Sign-in by password, and the pages around it."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from optimizer.models import User
from tests.accounts.steps import sign_in, signed_in_as
from tests.conftest import ClientOf
from tests.factories import PASSWORD, make_user


@pytest.mark.parametrize("email", ["user@example.com", "USER@Example.COM", " user@example.com "])
def test_sign_in_takes_the_address_in_any_case(client: Client, user: User, email: str) -> None:
    assert sign_in(client, email).status_code == 302
    assert signed_in_as(client) == user.email


@pytest.mark.parametrize(
    ("email", "password"), [("user@example.com", "wrong"), ("nobody@example.com", PASSWORD)]
)
def test_a_wrong_password_and_an_unknown_address_look_alike(
    client: Client, user: User, email: str, password: str
) -> None:
    page = sign_in(client, email, password).content.decode()
    assert "The email address and/or password you specified are not correct." in page
    assert not signed_in_as(client)


def test_guessing_is_slowed_down(client: Client, user: User) -> None:
    replies = [sign_in(client, user.email, f"guess {n}") for n in range(7)]
    assert "Too many failed login attempts" in replies[-1].content.decode()
    assert "Too many" in sign_in(client, user.email).content.decode()


def test_the_door_of_the_admin_is_the_same(client: Client, user: User, client_of: ClientOf) -> None:
    page = client.get("/admin/login/")
    assert page["Location"].startswith(reverse("account_login"))
    assert client_of(user).get("/admin/login/").status_code == 403
    assert client_of(make_user(is_staff=True)).get("/admin/").status_code == 200


@pytest.mark.parametrize("name", ["account_email", "account_change_password", "account_logout"])
def test_account_pages_need_and_show_the_account(user_client: Client, client: Client, name: str) -> None:
    assert user_client.get(reverse(name)).status_code == 200
    assert client.get(reverse(name)).status_code == 302


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["account_login", "account_signup", "account_reset_password"])
def test_entrance_pages_show(client: Client, name: str) -> None:
    page = client.get(reverse(name))
    assert page.status_code == 200
    assert 'class="card narrow stack"' in page.content.decode()
