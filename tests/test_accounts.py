"""Getting in: sign-up, sign-in, the one-time link, providers."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from io import StringIO
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from optimizer.models import Membership, Preference, Role, User, Workspace
from optimizer.services import accounts
from tests import oidc
from tests.conftest import ClientOf
from tests.factories import PASSWORD, make_user

NEW = {"email": "ada@example.com", "password1": PASSWORD, "password2": PASSWORD}


@pytest.fixture(autouse=True)
def own_counters(settings: Any) -> None:
    """Rate limits count in the shared cache: each test counts under its own prefix."""
    settings.CACHES = {"default": settings.CACHES["default"] | {"KEY_PREFIX": uuid.uuid4().hex}}


@pytest.fixture
def mail(settings: Any) -> None:
    """Addresses have to be confirmed, as where mail is sent."""
    settings.ACCOUNT_EMAIL_VERIFICATION = "mandatory"


def sign_up(client: Client, **fields: str) -> Any:
    return client.post(reverse("account_signup"), NEW | fields)


def sign_in(client: Client, email: str, password: str = PASSWORD) -> Any:
    return client.post(reverse("account_login"), {"login": email, "password": password})


def signed_in_as(client: Client) -> str:
    pk = client.session.get("_auth_user_id")
    return User.objects.get(pk=pk).email if pk else ""


# Sign-up


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


# Everyone's home


def has_home(person: User) -> bool:
    return (
        Preference.objects.filter(user=person).count() == 1
        and Workspace.objects.filter(personal_of=person).count() == 1
        and Membership.objects.get(user=person, workspace__personal_of=person).role == Role.OWNER
    )


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


# Sign-in


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


# The one-time link


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


def test_the_link_expires(client: Client, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    link = accounts.sign_in_link("http://x")
    monkeypatch.setattr(accounts, "LINK_SECONDS", -1)
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


# Providers


@pytest.fixture
def single_sign_on(settings: Any) -> Iterator[oidc.Provider]:
    with oidc.provider() as provider:
        app = {"provider_id": "oidc", "name": "Our house", "client_id": "me", "secret": "s"}
        app["settings"] = {"server_url": provider.url}  # type: ignore[assignment]
        settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [app]}}
        yield provider


def go_on_with(client: Client, code: str = oidc.CODE) -> Any:
    """Press the button, and come back from the provider with its code."""
    there = client.post("/accounts/oidc/oidc/login/")["Location"]
    state = parse_qs(urlsplit(there).query)["state"][0]
    return client.get("/accounts/oidc/oidc/login/callback/", {"code": code, "state": state})


@pytest.mark.django_db
def test_only_configured_providers_have_a_button(client: Client, settings: Any) -> None:
    app = {"client_id": "me", "secret": "s"}
    for configured in (
        {},
        {"github": {"APPS": [app]}},
        {"google": {"APPS": [app]}, "github": {"APPS": [app]}},
    ):
        settings.SOCIALACCOUNT_PROVIDERS = configured
        page = client.get(reverse("account_login")).content.decode()
        for name in ("github", "google", "oidc"):
            assert (f"/accounts/{name}/" in page) == (name in configured)


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["github/login/", "google/login/", "oidc/oidc/login/"])
def test_a_provider_that_is_not_configured_is_not_there(client: Client, path: str) -> None:
    assert client.get(f"/accounts/{path}").status_code == 404


@pytest.mark.django_db
def test_openid_connect_signs_up_the_first_as_administrator(
    client: Client, single_sign_on: oidc.Provider
) -> None:
    assert "Our house" in client.get(reverse("account_login")).content.decode()
    assert "Go on with Our house" in client.get("/accounts/oidc/oidc/login/").content.decode()
    assert go_on_with(client)["Location"] == "/"
    assert signed_in_as(client) == "ada@example.com"
    first = User.objects.get()
    assert first.is_superuser
    assert has_home(first)
    assert single_sign_on.exchanged["client_id"] == ["me"]


@pytest.mark.django_db
def test_openid_connect_knows_the_person_again(client: Client, single_sign_on: oidc.Provider) -> None:
    go_on_with(Client())
    go_on_with(client)
    assert signed_in_as(client) == User.objects.get().email


def test_openid_connect_lets_no_one_new_in_while_closed(
    client: Client, user: User, single_sign_on: oidc.Provider
) -> None:
    assert "Sign-up is closed" in go_on_with(client).content.decode()
    assert User.objects.get() == user


def test_openid_connect_does_not_hand_over_an_account_with_the_same_address(
    client: Client, user: User, single_sign_on: oidc.Provider, settings: Any
) -> None:
    settings.SIGN_UP_OPEN = True
    single_sign_on.person |= {"email": user.email, "email_verified": False}
    go_on_with(client)
    assert not signed_in_as(client)


@pytest.mark.django_db
def test_a_provider_that_refuses_is_explained(client: Client, single_sign_on: oidc.Provider) -> None:
    assert "Sign-in failed" in go_on_with(client, code="forged").content.decode()
    assert not User.objects.exists()
