"""Downloading one's own data."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from typing import Any
from zipfile import ZipFile

import pytest
from asgiref.sync import async_to_sync
from django.test import Client

from optimizer.models import User, Workspace
from tests import factories

ADDRESS = "/settings/your-data.zip"


async def whole(pieces: AsyncIterator[bytes]) -> bytes:
    return b"".join([piece async for piece in pieces])


def test_the_archive_is_sent_piece_by_piece(user_client: Client, user: User, workspace: Workspace) -> None:
    factories.make_prompt(workspace, original="Which tea?", created_by=user)
    response: Any = user_client.get(ADDRESS)
    assert response.headers["Content-Type"] == "application/zip"
    assert response.headers["Content-Disposition"].startswith('attachment; filename="promptevolver-20')
    assert response.is_async
    with ZipFile(io.BytesIO(async_to_sync(whole)(response.streaming_content))) as archive:
        assert b"Which tea?" in archive.read("prompts.jsonl")


def test_the_settings_page_offers_it(user_client: Client) -> None:
    assert f'href="{ADDRESS}" download' in user_client.get("/settings/").content.decode()


def test_an_anonymous_visitor_signs_in_first(client: Client, db: None) -> None:
    assert client.get(ADDRESS).headers["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_wrong_methods_are_refused(user_client: Client, method: str) -> None:
    assert getattr(user_client, method)(ADDRESS).status_code == 405
