"""Sign-in through GitHub, Google and OpenID Connect."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.test import Client
from django.urls import reverse

from optimizer.models import User
from tests.accounts import oidc
from tests.accounts.steps import has_home, signed_in_as


@pytest.fixture
def single_sign_on(settings: Any) -> Iterator[oidc.Provider]:
    with oidc.provider() as provider:
        app = {"provider_id": "oidc", "name": "Our house", "client_id": "me", "secret": "s"}
        app["settings"] = {"server_url": provider.url}  # type: ignore[assignment]
        settings.SOCIALACCOUNT_PROVIDERS = {"openid_connect": {"APPS": [app]}}
        yield provider


def come_back(client: Client, code: str = oidc.CODE) -> Any:
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
    assert "Continue with Our house" in client.get("/accounts/oidc/oidc/login/").content.decode()
    assert come_back(client)["Location"] == "/"
    assert signed_in_as(client) == "ada@example.com"
    first = User.objects.get()
    assert first.is_superuser
    assert has_home(first)
    assert single_sign_on.exchanged["client_id"] == ["me"]


@pytest.mark.django_db
def test_openid_connect_knows_the_person_again(client: Client, single_sign_on: oidc.Provider) -> None:
    come_back(Client())
    come_back(client)
    assert signed_in_as(client) == User.objects.get().email


def test_openid_connect_lets_no_one_new_in_while_closed(
    client: Client, user: User, single_sign_on: oidc.Provider
) -> None:
    assert "Sign-up is closed" in come_back(client).content.decode()
    assert User.objects.get() == user


def test_openid_connect_does_not_hand_over_an_account_with_the_same_address(
    client: Client, user: User, single_sign_on: oidc.Provider, settings: Any
) -> None:
    settings.SIGN_UP_OPEN = True
    single_sign_on.person |= {"email": user.email, "email_verified": False}
    come_back(client)
    assert not signed_in_as(client)


@pytest.mark.django_db
def test_a_provider_that_refuses_is_explained(client: Client, single_sign_on: oidc.Provider) -> None:
    assert "Sign-in failed" in come_back(client, code="forged").content.decode()
    assert not User.objects.exists()
