"""The Settings page."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from optimizer import installed
from optimizer.llm.facts import ModelFacts
from optimizer.models import OptimizationSession, Preference, User, Workspace
from tests import factories
from tests.conftest import ClientOf

SENT = {
    "theme": "dark",
    "default_context": "A tea shop.",
    "default_preset": "thorough",
    "default_model": "tea:1b",
    "default_optimizer_model": "scone:8b",
    "default_judge_model": "judge:3b",
    "time_zone": "Asia/Kolkata",
    "shortcuts": "on",
    "learn_from_feedback": "on",
}


@pytest.fixture(autouse=True)
def unknown_models() -> None:
    """No server has listed its models."""
    installed.keep([])


def kept(person: User) -> Preference:
    return Preference.objects.get(user=person)


def page_of(client: Client, address: str = "/settings/") -> str:
    return client.get(address).content.decode()


def without(*names: str, **changed: str) -> dict[str, str]:
    return {name: value for name, value in (SENT | changed).items() if name not in names}


def test_everything_is_kept_and_shown_again(user_client: Client, user: User) -> None:
    saved = user_client.post("/settings/", SENT, follow=True).content.decode()
    assert "Saved." in saved
    preference = kept(user)
    assert {name: getattr(preference, name) for name in SENT} == SENT | {
        "shortcuts": True,
        "learn_from_feedback": True,
    }
    for shown in ("A tea shop.", 'value="tea:1b"', '<option value="Asia/Kolkata" selected>Kolkata</option>'):
        assert shown in saved


def test_switches_are_off_if_they_are_not_sent(user_client: Client, user: User) -> None:
    user_client.post("/settings/", without("shortcuts", "learn_from_feedback"))
    assert not kept(user).shortcuts
    assert not kept(user).learn_from_feedback


def test_what_is_not_on_the_page_stays(user_client: Client, user: User) -> None:
    Preference.objects.filter(user=user).update(notifications=False)
    user_client.post("/settings/", SENT)
    assert not kept(user).notifications


def test_each_person_sets_their_own(client_of: ClientOf, user: User, outsider: User) -> None:
    client_of(outsider).post("/settings/", SENT)
    assert kept(user).theme == "system"
    assert kept(outsider).theme == "dark"


def test_someone_without_preferences_gets_them(user_client: Client, user: User) -> None:
    Preference.objects.all().delete()
    assert "checked" in page_of(user_client)
    user_client.post("/settings/", SENT)
    assert kept(user).theme == "dark"


BAD = [
    ("theme", "pink"),
    ("theme", ""),
    ("default_preset", "endless"),
    ("default_context", "x" * 10_001),
    ("default_context", "NUL \0"),
    ("default_model", "x" * 201),
    ("default_model", "NUL \0"),
    ("time_zone", "Europe/Atlantis"),
    ("time_zone", "../../etc/passwd"),
]


@pytest.mark.parametrize(("field", "typed"), BAD)
def test_a_fault_stands_at_its_field_and_nothing_is_lost(
    user_client: Client, user: User, field: str, typed: str
) -> None:
    response = user_client.post("/settings/", SENT | {field: typed, "default_judge_model": "typed:7b"})
    page = response.content.decode()
    assert response.status_code == 422
    assert f'id="id_{field}_error"' in page
    assert "typed:7b" in page
    assert kept(user).default_judge_model == ""


@pytest.fixture
def served() -> None:
    """A server that has one model."""
    installed.keep([ModelFacts(name="tea:1b")])


def test_a_model_that_no_server_has_is_refused(user_client: Client, served: None) -> None:
    page = user_client.post("/settings/", SENT).content.decode()
    assert "There is no model “scone:8b” on the server." in page
    assert 'id="id_default_model_error"' not in page


def test_a_model_that_went_away_keeps_nothing_else_from_being_saved(
    user_client: Client, user: User, served: None
) -> None:
    names = ("default_model", "default_optimizer_model", "default_judge_model")
    Preference.objects.filter(user=user).update(**{name: SENT[name] for name in names})
    user_client.post("/settings/", SENT)
    assert kept(user).theme == "dark"


# What they do


def test_a_new_optimization_begins_with_the_defaults(user_client: Client) -> None:
    user_client.post("/settings/", SENT)
    page = page_of(user_client, "/?blank=1")
    for shown in ("A tea shop.", 'value="tea:1b"', 'value="scone:8b"', 'value="judge:3b"'):
        assert shown in page
    assert '"thorough" data-says' in page.split("checked")[0]


def test_what_is_taken_over_comes_first(user_client: Client, user: User, workspace: Workspace) -> None:
    user_client.post("/settings/", SENT)
    earlier = factories.make_session(workspace, target_model="other:2b", preset="quick", status="completed")
    page = page_of(user_client, f"/?from={earlier.pk}")
    assert 'value="other:2b"' in page
    for default in ("A tea shop.", "tea:1b", "scone:8b"):
        assert default not in page


def test_the_server_paints_the_theme_that_was_chosen_in_any_browser(user: User, client_of: ClientOf) -> None:
    client_of(user).post("/settings/", SENT)
    other_browser = client_of(user)
    other_browser.cookies["theme"] = "light"
    assert 'data-theme="dark"' in page_of(other_browser)


def test_as_the_system_paints_none(user_client: Client) -> None:
    user_client.cookies["theme"] = "dark"
    assert "data-theme=" not in page_of(user_client)


def test_the_switch_in_the_header_is_kept(user_client: Client, user: User) -> None:
    assert user_client.post("/settings/theme/", {"theme": "light"}).status_code == 204
    assert kept(user).theme == "light"
    assert 'data-theme="light"' in page_of(user_client)


@pytest.mark.parametrize("sent", [{}, {"theme": "pink"}])
def test_the_switch_takes_themes_only(user_client: Client, user: User, sent: dict[str, Any]) -> None:
    assert user_client.post("/settings/theme/", sent).status_code == 422
    assert kept(user).theme == "system"


def test_times_are_told_in_the_chosen_zone(user_client: Client, workspace: Workspace) -> None:
    session = factories.make_session(workspace)
    late = timezone.now().replace(hour=20, minute=0) - timedelta(days=30)
    OptimizationSession.objects.filter(pk=session.pk).update(created_at=late)
    assert "20:00 UTC" in page_of(user_client, "/history/")
    user_client.post("/settings/", SENT)
    page = page_of(user_client, "/history/")
    assert "01:30 IST" in page
    assert f"{late + timedelta(days=1):%-d %b %Y}</time>" in page
    assert 'data-time-zone="Asia/Kolkata"' in page


def test_the_zone_of_one_reader_is_not_that_of_the_next(
    user_client: Client, outsider: User, client_of: ClientOf
) -> None:
    user_client.post("/settings/", SENT)
    page_of(user_client)
    assert timezone.get_current_timezone_name() == "UTC"
    assert "data-time-zone" not in page_of(client_of(outsider))


@pytest.mark.parametrize("lost", ["Europe/Atlantis", "../x", "Europe"])
def test_a_zone_that_this_machine_does_not_know_is_none(user_client: Client, user: User, lost: str) -> None:
    Preference.objects.filter(user=user).update(time_zone=lost)
    assert "data-time-zone" not in page_of(user_client)


def test_single_keys_are_off_if_wished(user_client: Client) -> None:
    assert "for the keys" in page_of(user_client)
    user_client.post("/settings/", without("shortcuts"))
    page = page_of(user_client)
    assert 'data-shortcuts="off"' in page
    assert "for the keys" not in page


# Who may


@pytest.mark.parametrize("address", ["/settings/", "/settings/theme/"])
def test_an_anonymous_visitor_signs_in_first(client: Client, db: None, address: str) -> None:
    assert client.post(address).headers["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("method", ["put", "delete", "patch"])
def test_wrong_methods_are_refused(user_client: Client, method: str) -> None:
    assert getattr(user_client, method)("/settings/").status_code == 405


def test_the_switch_is_no_link(user_client: Client) -> None:
    assert user_client.get("/settings/theme/").status_code == 405


def test_the_account_menu_leads_there(user_client: Client) -> None:
    assert 'href="/settings/"' in page_of(user_client, "/history/")
