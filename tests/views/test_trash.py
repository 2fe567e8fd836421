"""Undo after deleting."""

from __future__ import annotations

from typing import cast

import pytest
from django.contrib.messages.storage.cookie import CookieStorage
from django.template.loader import render_to_string
from django.test import Client, RequestFactory

from optimizer.models import Dataset, PromptTemplate, Role, User, Workspace
from optimizer.services.trash import send_to_trash
from optimizer.templatetags.pages import undo
from optimizer.views.requests import AppRequest
from optimizer.views.trash import offer_undo
from tests import factories
from tests.conftest import ClientOf


@pytest.fixture
def deleted(user: User, workspace: Workspace) -> PromptTemplate:
    template = factories.make_template(workspace, name="<b>Summary</b>")
    send_to_trash(by=user, row=template)
    return template


def address_of(row: PromptTemplate | Dataset, kind: str = "template") -> str:
    return f"/trash/{kind}/{row.pk}/bring-back/"


def test_the_button_brings_it_back_and_the_page_says_so(
    user_client: Client, user: User, deleted: PromptTemplate
) -> None:
    page = user_client.post(address_of(deleted), {"next": "/history/?q=tea"}, follow=True)
    assert page.request["PATH_INFO"] == "/history/"
    assert "“&lt;b&gt;Summary&lt;/b&gt;” is back." in page.content.decode()
    assert PromptTemplate.objects.visible_to(user).get() == deleted


def test_pressing_it_twice_does_no_harm(user_client: Client, deleted: PromptTemplate) -> None:
    for _ in range(2):
        assert user_client.post(address_of(deleted)).status_code == 302


@pytest.mark.parametrize(
    "elsewhere", ["https://example.org/", "//example.org", "javascript:alert(1)", "history", "", "\0"]
)
def test_it_leads_to_our_own_pages_alone(
    user_client: Client, deleted: PromptTemplate, elsewhere: str
) -> None:
    assert user_client.post(address_of(deleted), {"next": elsewhere}).headers["Location"] == "/"


def test_a_team_mate_may_and_others_may_not(
    client_of: ClientOf, team_mate: User, outsider: User, workspace: Workspace, deleted: PromptTemplate
) -> None:
    viewer = factories.make_user()
    factories.join(workspace, viewer, Role.VIEWER)
    assert client_of(outsider).post(address_of(deleted)).status_code == 404
    assert client_of(viewer).post(address_of(deleted)).status_code == 403
    assert client_of(team_mate).post(address_of(deleted)).status_code == 302


def test_only_kinds_that_are_deleted_and_rows_that_are_there(
    user_client: Client, deleted: PromptTemplate
) -> None:
    assert user_client.post(address_of(deleted, "user")).status_code == 404
    assert user_client.post(address_of(deleted, "dataset")).status_code == 404
    assert user_client.post("/trash/template/999999999999999999/bring-back/").status_code == 404


def test_it_takes_a_post_by_someone_signed_in(
    client: Client, user_client: Client, deleted: PromptTemplate
) -> None:
    assert user_client.get(address_of(deleted)).status_code == 405
    assert client.post(address_of(deleted)).headers["Location"].startswith("/accounts/login/")


def test_the_message_names_the_row_that_undo_brings_back(
    rf: RequestFactory, user: User, deleted: PromptTemplate
) -> None:
    request = cast(AppRequest, rf.get("/"))
    request.user, storage = user, CookieStorage(request)
    request._messages = storage  # type: ignore[attr-defined]
    offer_undo(request, deleted)
    (message,) = storage
    shown = render_to_string("parts/_message.html", {"message": message, "undo": undo(message)}, request)
    assert "“&lt;b&gt;Summary&lt;/b&gt;” is deleted." in shown
    assert f'action="{address_of(deleted)}"' in shown
    assert "csrfmiddlewaretoken" in shown
