"""Health, errors, and what every page has."""

from __future__ import annotations

import pytest
from django.test import Client, RequestFactory, override_settings
from django.views.defaults import server_error

from optimizer.models import User, Workspace
from tests import factories
from tests.conftest import ClientOf


def test_health_answers_without_signing_in(client: Client, db: None) -> None:
    response = client.get("/healthz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "database": "ok", "broker": "ok"}


def test_health_is_only_read(client: Client, db: None) -> None:
    assert client.post("/healthz").status_code == 405


@override_settings(ALLOWED_HOSTS=["prompts.example.org"], SECURE_SSL_REDIRECT=True)
def test_health_answers_by_address_and_without_tls(client: Client, db: None) -> None:
    assert client.get("/healthz", headers={"Host": "10.0.0.7:8000"}).status_code == 200
    assert client.get("/", headers={"Host": "10.0.0.7:8000"}).status_code in {301, 400}


@pytest.mark.parametrize("method", ["get", "post"])
def test_a_part_of_a_page_is_no_page_to_sign_in(client: Client, db: None, method: str) -> None:
    ask = getattr(client, method)
    assert ask("/", headers={"HX-Request": "true"}).status_code == 401
    assert ask("/").headers["Location"].startswith("/accounts/login/")


def test_an_unknown_address_says_so(user_client: Client) -> None:
    response = user_client.get("/nowhere/")
    assert response.status_code == 404
    assert "There is nothing here" in response.content.decode()


def test_a_form_without_its_token_says_what_to_do(user: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    response = client.post("/", {"prompt": "Hi"})
    assert response.status_code == 403
    assert "Please send it again" in response.content.decode()


def test_what_is_not_allowed_says_who_can_change_it(
    client_of: ClientOf, workspace: Workspace, outsider: User
) -> None:
    factories.join(workspace, outsider, "viewer")
    session = factories.make_session(workspace)
    page = client_of(outsider).post(f"/optimizations/{session.pk}/stop/").content.decode()
    assert "Ask its owner to make you an editor" in page


def test_a_crash_shows_a_page_of_its_own() -> None:
    page = server_error(RequestFactory().get("/")).content.decode()
    assert "Something broke on our side" in page
    assert "{%" not in page


@pytest.mark.parametrize("path", ["/", "/history/"])
def test_pages_load_nothing_from_elsewhere(user_client: Client, path: str) -> None:
    response = user_client.get(path)
    page = response.content.decode()
    assert 'src="http' not in page
    assert 'href="http' not in page
    assert "default-src 'self'" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_a_visitors_theme_is_painted_by_the_server(client: Client, db: None, theme: str) -> None:
    client.cookies["theme"] = theme
    assert f'data-theme="{theme}"' in client.get("/accounts/login/").content.decode()


def test_a_made_up_theme_is_not(client: Client, db: None) -> None:
    client.cookies["theme"] = '"><script>'
    assert "data-theme=" not in client.get("/accounts/login/").content.decode()
