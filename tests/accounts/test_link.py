"""The one-time sign-in link."""

from __future__ import annotations

from io import StringIO
from urllib.parse import urlsplit

import pytest
from django.core.management import CommandError, call_command
from django.test import Client, override_settings
from django.urls import reverse

from optimizer.models import User
from optimizer.services import accounts
from tests.accounts.steps import sign_in, signed_in_as
from tests.factories import PASSWORD, make_user


def path_of(link: str) -> str:
    return urlsplit(link).path


@pytest.mark.django_db
def test_the_link_makes_the_local_administrator_and_lets_in_once(client: Client) -> None:
    link = accounts.sign_in_link("http://localhost:8000/")
    assert link.startswith("http://localhost:8000/sign-in/")
    assert client.get(path_of(link))["Location"] == "/"
    administrator = User.objects.get()
    assert (administrator.email, administrator.is_superuser) == ("admin@localhost", True)
    assert not administrator.has_usable_password()
    assert signed_in_as(client) == "admin@localhost"

    again = Client().get(path_of(link))
    assert again.status_code == 410
    assert "manage.py sign_in_link" in again.content.decode()
    assert "_auth_user_id" not in Client().session


def test_the_link_is_for_the_first_administrator(client: Client, user: User) -> None:
    first, _ = (
        make_user("first@example.com", is_superuser=True),
        make_user("b@example.com", is_superuser=True),
    )
    client.get(path_of(accounts.sign_in_link("http://x")))
    assert signed_in_as(client) == first.email


def test_using_one_link_kills_the_others(db: None) -> None:
    one, other = accounts.sign_in_link("http://x"), accounts.sign_in_link("http://x")
    assert Client().get(path_of(one)).status_code == 302
    assert Client().get(path_of(other)).status_code == 410
    assert Client().get(path_of(accounts.sign_in_link("http://x"))).status_code == 302


@pytest.mark.django_db
@pytest.mark.parametrize("token", ["x", "WzEsIiJd:1abc:xyz", "💥", "a" * 3000])
def test_a_made_up_link_is_refused(client: Client, token: str) -> None:
    assert client.get(f"/sign-in/{token}/").status_code == 410


def test_the_link_expires(client: Client, db: None) -> None:
    link = accounts.sign_in_link("http://x")
    with override_settings(SESAME_MAX_AGE=-1):
        assert client.get(path_of(link)).status_code == 410


def test_the_link_of_a_switched_off_administrator_is_dead(client: Client, db: None) -> None:
    link = accounts.sign_in_link("http://x")
    User.objects.update(is_active=False)
    assert client.get(path_of(link)).status_code == 410
    with pytest.raises(accounts.NoAdministratorError):
        accounts.sign_in_link("http://x")


def test_the_link_changes_the_session_and_the_person(user_client: Client) -> None:
    User.objects.filter(email="user@example.com").update(is_superuser=False)
    make_user("boss@example.com", is_superuser=True)
    before = user_client.session.session_key
    user_client.get(path_of(accounts.sign_in_link("http://x")))
    assert user_client.session.session_key != before
    assert signed_in_as(user_client) == "boss@example.com"


def test_the_link_answers_get_alone(client: Client, db: None) -> None:
    path = path_of(accounts.sign_in_link("http://x"))
    assert [client.post(path).status_code, client.head(path).status_code] == [405, 405]
    assert client.get(path).status_code == 302


def test_who_came_by_link_can_set_a_password(client: Client, db: None) -> None:
    client.get(path_of(accounts.sign_in_link("http://x")))
    assert client.get(reverse("account_set_password")).status_code == 200
    client.post(reverse("account_set_password"), {"password1": PASSWORD, "password2": PASSWORD})
    assert sign_in(Client(), "admin@localhost").status_code == 302
    assert client.get(reverse("account_email")).status_code == 200


def test_who_came_by_link_can_take_an_address_of_their_own(client: Client, db: None) -> None:
    client.get(path_of(accounts.sign_in_link("http://x")))
    page = reverse("account_email")
    client.get(page)
    client.post(page, {"action_add": "", "email": "me@example.com"})
    client.post(page, {"action_primary": "", "email": "me@example.com"})
    assert User.objects.get().email == "me@example.com"


def test_the_command_prints_a_link_or_says_what_to_do(client: Client, db: None) -> None:
    out = StringIO()
    call_command("sign_in_link", "http://host:9", stdout=out)
    assert out.getvalue().startswith("http://host:9/sign-in/")
    User.objects.update(is_superuser=False)
    with pytest.raises(CommandError, match="createsuperuser"):
        call_command("sign_in_link")
