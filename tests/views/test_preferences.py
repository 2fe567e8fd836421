"""The Settings page."""

from __future__ import annotations

import pytest
from django.test import Client

from optimizer.models import Preference, User
from tests.conftest import ClientOf


def learns(person: User) -> bool:
    return Preference.objects.get(user=person).learn_from_feedback


def test_learning_is_on_until_it_is_switched_off(user_client: Client, user: User) -> None:
    assert "checked" in user_client.get("/settings/").content.decode()
    response = user_client.post("/settings/", {}, follow=True)
    assert "Saved." in response.content.decode()
    assert not learns(user)
    user_client.post("/settings/", {"learn_from_feedback": "on"})
    assert learns(user)


def test_other_settings_stay(user_client: Client, user: User) -> None:
    Preference.objects.filter(user=user).update(theme="dark")
    user_client.post("/settings/", {})
    assert Preference.objects.get(user=user).theme == "dark"


def test_each_person_sets_their_own(client_of: ClientOf, user: User, outsider: User) -> None:
    client_of(outsider).post("/settings/", {})
    assert learns(user)
    assert not learns(outsider)


def test_someone_without_preferences_gets_them(user_client: Client, user: User) -> None:
    Preference.objects.all().delete()
    assert "checked" in user_client.get("/settings/").content.decode()
    user_client.post("/settings/", {})
    assert not learns(user)


@pytest.mark.parametrize("method", ["get", "post"])
def test_an_anonymous_visitor_signs_in_first(client: Client, db: None, method: str) -> None:
    assert getattr(client, method)("/settings/").headers["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_wrong_methods_are_refused(user_client: Client, method: str) -> None:
    assert getattr(user_client, method)("/settings/").status_code == 405


def test_the_account_menu_leads_there(user_client: Client) -> None:
    assert 'href="/settings/"' in user_client.get("/history/").content.decode()
