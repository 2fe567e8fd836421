"""Emptying the form, and bringing back what was in it."""

from __future__ import annotations

from django.core.cache import cache
from django.test import Client

from optimizer.models import User
from tests.conftest import ClientOf

CLEAR = "/optimizations/clear/"
HTMX = {"HX-Request": "true"}
TYPED = {
    "prompt": "Say {{x}}.", "system_text": "Be kind.",
    "rows": "a,expected\n1,2", "max_minutes": "3", "mapping": ["x=a"], "literals": ["y", "z"]
}  # fmt: skip


def test_what_goes_is_told_and_comes_back(user_client: Client) -> None:
    page = user_client.post(CLEAR, TYPED, follow=True)
    assert page.context["form"]["prompt"].value() in (None, "")
    assert (
        "Cleared: the prompt, the system text, the pasted rows, the chosen columns and the settings."
        in page.content.decode()
    )
    token = page.context["request"].GET["cleared"]
    form = user_client.get(f"/?undo={token}").context["form"]
    assert {name: form[name].value() for name in TYPED} == TYPED


def test_htmx_goes_to_the_empty_page(user_client: Client) -> None:
    response = user_client.post(CLEAR, TYPED, headers=HTMX)
    assert response.headers["HX-Redirect"].startswith("/?blank=1&cleared=")


def test_nobody_else_gets_it_and_it_is_not_kept_for_ever(
    user_client: Client, client_of: ClientOf, outsider: User
) -> None:
    address = user_client.post(CLEAR, TYPED).headers["Location"].replace("blank=1&cleared", "undo")
    assert "Say {{x}}." not in client_of(outsider).get(address).content.decode()
    cache.clear()
    page = user_client.get(address).content.decode()
    assert "Say {{x}}." not in page
    assert "What was cleared is no longer kept." in page


def test_a_visitor_signs_in_and_reading_clears_nothing(client: Client, user_client: Client) -> None:
    assert Client().post(CLEAR).headers["Location"].startswith("/accounts/login/")
    assert user_client.get(CLEAR).status_code == 405


def test_the_system_text_is_named_too(user_client: Client) -> None:
    page = user_client.post(CLEAR, {"system_text": "You are kind."}, follow=True)
    assert "Cleared: the system text." in page.content.decode()


def test_what_is_no_token_of_ours_is_not_looked_up(user_client: Client) -> None:
    """The cache warns of such keys."""
    for token in ("\0", "x" * 300, "a b"):
        assert user_client.get("/", {"undo": token}).status_code == 200
        assert user_client.get("/", {"cleared": token}).status_code == 200
