"""Requests that no browser makes: each gets an answer, and none a 500."""

from __future__ import annotations

import pytest
from django.core.exceptions import ValidationError
from django.test import Client

from optimizer.forms.fields import LongText
from optimizer.models import User
from tests import factories
from tests.conftest import ClientOf

BAD_ADDRESS = "http://[bad"
PATHS = ("/accounts/login/", "/accounts/signup/", "/accounts/logout/", "/admin/login/", "/admin/logout/")


@pytest.fixture
def admin_client(db: None, client_of: ClientOf) -> Client:
    return client_of(factories.make_user("admin@example.com", is_staff=True, is_superuser=True))


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("method", ["get", "post"])
def test_where_to_go_next_may_be_no_address(
    client: Client, admin_client: Client, user_client: Client, path: str, method: str
) -> None:
    browser = {"/admin/": admin_client}.get(path[:7], client if "logout" not in path else user_client)
    for next_one in (BAD_ADDRESS, "\0", "javascript:alert(1)", "http://example.org:port/"):
        data = {"next": next_one, "login": "a@example.com", "password": "x"}
        answer = browser.get(path, {"next": next_one}) if method == "get" else browser.post(path, data)
        assert answer.status_code < 500, next_one
        assert not answer.headers.get("Location", "").startswith(("http://[", "//", "javascript"))


@pytest.mark.parametrize("provider", ["github\0", "no-such", "%00", "a" * 500])
@pytest.mark.parametrize("rest", ["login/", "login/callback/"])
def test_a_provider_may_be_none(client: Client, db: None, provider: str, rest: str) -> None:
    for path in (f"/accounts/{provider}/{rest}", f"/accounts/oidc/{provider}/{rest}"):
        assert client.get(path).status_code < 500
        assert client.post(path).status_code < 500


@pytest.mark.parametrize(
    "subject", ["prompttemplate", "dataset", "optimizationsession", "feedback", "user", "workspace"]
)
def test_an_admin_action_may_name_no_row(admin_client: Client, subject: str) -> None:
    path = f"/admin/optimizer/{subject}/"
    for pk in ("x", "\0", "1\0", "9" * 40, "-1", "1e999"):
        data = {"action": "delete_selected", "_selected_action": pk}
        assert admin_client.post(path, data).status_code < 500, pk
        assert admin_client.get(f"{path}{pk}/change/").status_code < 500, pk


@pytest.mark.parametrize("path", ["/nowhere/", "/optimizations/1/nowhere/", "/"])
def test_a_body_may_be_malformed(client: Client, user: User, client_of: ClientOf, path: str) -> None:
    kinds = ("multipart/form-data", "multipart/form-data; boundary=x", "multipart/form-data; boundary=\x80")
    for browser in (client, client_of(user)):
        for kind in (*kinds, "application/x-www-form-urlencoded; charset=no-such", "text/plain"):
            for body in (b"--x\r\n\0", b"\xff" * 1000, b"a=" + b"%" * 1000):
                answer = browser.generic("POST", path, body, content_type=kind)
                assert answer.status_code < 500, (path, kind)


@pytest.mark.parametrize("value", ["\0", "1e999", "-1", "9" * 30, "NaN", "\ud800", "[", "{{", "%00", "٣"])
def test_a_parameter_may_be_anything(user_client: Client, user: User, value: str) -> None:
    session = factories.make_session(user.personal_workspace)
    encoded = value.encode("utf-8", "surrogatepass")
    names = (
        "from",
        "template",
        "continue",
        "candidate",
        "dataset",
        "version",
        "tab",
        "cursor",
        "q",
        "status",
    )
    for path in ("/", "/history/", f"/optimizations/{session.pk}/", "/settings/"):
        query = "&".join(f"{name}={''.join(f'%{byte:02x}' for byte in encoded)}" for name in names)
        assert user_client.get(f"{path}?{query}").status_code < 500, path


@pytest.mark.parametrize(
    "rows",
    [
        "a" * 131_073 + ",b\n1,2",
        "input,expected\n" + "a" * 200_000 + ",x\n" * 5,
        '{"input": 1e999, "expected": "x"}\n' * 5,
        '[{"input": "a", "expected": 1e999}]',
        '"' + "a" * 140_000,
        "\r" * 200_000,
    ],
)
def test_rows_may_be_anything(user_client: Client, rows: str) -> None:
    answer = user_client.post("/optimizations/rows/", {"prompt": "Say it.", "rows": rows})
    assert answer.status_code < 500
    assert "Infinity" not in answer.content.decode()
    assert user_client.post("/", {"prompt": "Say it.", "rows": rows}).status_code < 500


def test_a_text_that_is_far_too_long_is_refused_before_it_is_normalized() -> None:
    """Composing that many marks would take minutes."""
    with pytest.raises(ValidationError, match="120,001 characters long"):
        LongText().clean("a" + "\u0301\u0316" * 60_000)
    assert LongText().clean("é" * 10_000) == "é" * 10_000
