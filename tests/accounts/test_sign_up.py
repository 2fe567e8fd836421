"""Sign-up: the first account, the later ones, and the home that everyone gets."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import call_command
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from optimizer.models import User, Workspace
from optimizer.services import accounts
from tests.accounts.steps import has_home, sign_up, signed_in_as
from tests.conftest import ClientOf
from tests.factories import make_user


@pytest.mark.django_db
def test_the_first_account_is_the_administrator(client: Client) -> None:
    assert sign_up(client).status_code == 302
    first = User.objects.get()
    assert (first.email, first.is_staff, first.is_superuser) == ("ada@example.com", True, True)
    assert signed_in_as(client) == "ada@example.com"


def test_the_second_is_refused_while_sign_up_is_closed(client: Client, user: User) -> None:
    for response in (client.get(reverse("account_signup")), sign_up(client)):
        assert "Sign-up is closed" in response.content.decode()
    assert User.objects.get() == user


def test_the_second_is_welcome_where_sign_up_is_open(client: Client, user: User, settings: Any) -> None:
    settings.SIGN_UP_OPEN = True
    assert client.get(reverse("account_signup")).status_code == 200
    assert sign_up(client).status_code == 302
    second = User.objects.get(email="ada@example.com")
    assert not second.is_staff
    assert not second.is_superuser


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("email", "", "required"),
        ("email", "not an address", "valid email"),
        ("password1", "short", "too short"),
        ("password1", "password", "too common"),
        ("password2", "something else", "same password"),
    ],
)
def test_a_bad_field_is_said_and_what_was_typed_stays(
    client: Client, field: str, value: str, said: str
) -> None:
    fields = {field: value, "password2": value} if field == "password1" else {field: value}
    page = sign_up(client, **fields).content.decode()
    assert said in page
    assert fields.get("email", "ada@example.com") in page
    assert not User.objects.exists()


def test_sign_up_does_not_tell_who_has_an_account(
    client: Client, user: User, settings: Any, mail: None
) -> None:
    settings.SIGN_UP_OPEN = True
    known = sign_up(client, email=user.email.upper())
    unknown = sign_up(Client())
    assert (known.status_code, known["Location"]) == (unknown.status_code, unknown["Location"])
    assert User.objects.filter(email__iexact=user.email).count() == 1


@pytest.mark.django_db(transaction=True)
def test_of_two_sign_ups_at_once_one_is_the_first() -> None:
    def join(number: int) -> str:
        try:
            with transaction.atomic():
                person = User(email=f"person{number}@example.com")
                accounts.admit(user=person)
                person.save()
            return "in"
        except PermissionDenied:
            return "closed"
        finally:
            connection.close()

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(join, range(4))) == ["closed", "closed", "closed", "in"]
    assert User.objects.get().is_superuser


@pytest.mark.django_db
def test_everyone_has_a_home_however_they_came(client: Client) -> None:
    sign_up(client)
    User(email="shell@example.com").save()
    call_command("createsuperuser", interactive=False, email="command@example.com", stdout=StringIO())
    make_user("factory@example.com")
    assert [has_home(person) for person in User.objects.all()] == [True] * 4


@pytest.mark.django_db
def test_saving_again_makes_no_second_home() -> None:
    person = make_user()
    person.save()
    assert has_home(person)


@pytest.mark.django_db
def test_who_came_without_save_finds_a_home_at_sign_in(client_of: ClientOf) -> None:
    person = User.objects.bulk_create([User(email="bulk@example.com", password="!")])[0]
    assert not Workspace.objects.exists()
    client_of(person)
    assert has_home(person)


@pytest.mark.django_db
def test_a_long_name_fits_its_workspace() -> None:
    assert len(make_user(username="n" * 150).personal_workspace.name) == 100
