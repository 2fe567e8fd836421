"""Trying a template on its page: the answer streams, to a script and to a page without one."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from asgiref.sync import sync_to_async
from asgiref.testing import ApplicationCommunicator
from django.core.cache import cache
from django.db import connections
from django.test import AsyncClient, Client

from optimizer import installed, pools
from optimizer.files.declared import Declared
from optimizer.llm.base import Request, UnavailableError
from optimizer.llm.facts import ModelFacts
from optimizer.llm.scripted import ScriptedHost
from optimizer.models import PromptTemplate, User, Workspace
from optimizer.services import trying
from optimizer.services.templates import Details, Written, create_template
from optimizer.services.trying import BUSY, turn_of
from optimizer.views.trying import LINES
from promptevolver.asgi import application

pytestmark = pytest.mark.django_db(transaction=True)

Serve = Callable[..., ScriptedHost]
SignedIn = Callable[[User], Awaitable[AsyncClient]]
GIVEN = {"value-name": "<b>{{mood}}</b>", "value-mood": "calm", "model": "scripted"}


@pytest.fixture
def template(workspace: Workspace, user: User) -> PromptTemplate:
    declared = [Declared("mood", "choice", "calm", "", ("calm", "angry")).stored()]
    written = Written("Greet {{name}}, who is {{mood}}.", "You greet {{name}}.")
    cache.delete(f"trying:{user.pk}")
    return create_template(
        workspace=workspace, by=user, details=Details("Greeting", variables=declared), written=written
    )


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Serve:
    def start(script: Callable[[Request], str], latency: float = 0.0) -> ScriptedHost:
        host = ScriptedHost(script, latency=latency)
        monkeypatch.setattr(pools, "hosts", lambda: [host])
        installed.keep([ModelFacts("scripted")])
        return host

    return start


@pytest.fixture
async def signed_in() -> AsyncIterator[SignedIn]:
    """A browser of that person; the connection of the thread in which views run is closed afterwards."""

    async def browser(user: User) -> AsyncClient:
        client = AsyncClient()
        await sync_to_async(client.force_login)(user)
        return client

    yield browser
    await sync_to_async(connections.close_all)()


async def comes_true(what: Callable[[], bool]) -> None:
    """Wait for it, at most ten seconds."""
    for _ in range(200):
        if await sync_to_async(what)():
            return
        await asyncio.sleep(0.05)
    raise AssertionError


async def said_by(response: Any) -> str:
    return "".join([piece.decode() async for piece in response.streaming_content])


async def test_the_filled_template_is_sent_and_the_answer_streams(
    serve: Serve, template: PromptTemplate, user: User, signed_in: SignedIn
) -> None:
    host = serve(lambda request: "Hello <i>you</i>!")
    client = await signed_in(user)
    response = await client.post(f"/templates/{template.pk}/try/", GIVEN, headers={"accept": LINES})
    lines = [json.loads(line) for line in (await said_by(response)).splitlines()]
    assert response["Content-Type"] == LINES
    assert response["X-Accel-Buffering"] == "no"
    assert {"add": "Hello <i>you</i>!"} in lines
    assert "tokens in" in lines[-1]["ended"]
    (request,) = host.requests
    assert [(one.role, one.content) for one in request.messages] == [
        ("system", "You greet <b>{{mood}}</b>."),
        ("user", "Greet <b>{{mood}}</b>, who is calm."),
    ]


async def test_without_a_script_a_page_is_streamed(
    serve: Serve, template: PromptTemplate, user: User, signed_in: SignedIn
) -> None:
    serve(lambda request: "Hello <script>alert(1)</script>!")
    client = await signed_in(user)
    page = await said_by(await client.post(f"/templates/{template.pk}/try/", GIVEN))
    assert page.startswith("<!doctype html>")
    assert "Hello &lt;script&gt;alert(1)&lt;/script&gt;!" in page
    assert "Greet &lt;b&gt;{{mood}}&lt;/b&gt;, who is calm." in page
    assert page.rstrip().endswith("</html>")


async def test_a_dead_server_is_reported_in_its_own_words(
    serve: Serve, template: PromptTemplate, user: User, signed_in: SignedIn
) -> None:
    def away(request: Request) -> str:
        raise UnavailableError("Ollama at x does not answer (no connection).")

    serve(away)
    client = await signed_in(user)
    response = await client.post(f"/templates/{template.pk}/try/", GIVEN, headers={"accept": LINES})
    assert json.loads(await said_by(response)) == {"failed": "Ollama at x does not answer (no connection)."}


async def test_leaving_the_page_ends_the_answer(
    serve: Serve, template: PromptTemplate, user: User, signed_in: SignedIn
) -> None:
    """The server is told as Daphne tells it: by a message that the reader is gone."""
    host = serve(lambda request: "never", latency=60)
    client = await signed_in(user)
    body = urlencode(GIVEN).encode()
    headers = [
        (b"host", b"localhost"),
        (b"cookie", f"sessionid={client.cookies['sessionid'].value}; csrftoken={'a' * 32}".encode()),
        (b"x-csrftoken", b"a" * 32),
        (b"accept", LINES.encode()),
        (b"content-type", b"application/x-www-form-urlencoded"),
    ]
    scope = {
        "type": "http", "method": "POST", "path": f"/templates/{template.pk}/try/", "query_string": b"",
        "headers": headers, "http_version": "1.1", "scheme": "http", "server": ("localhost", 80),
        "client": ("127.0.0.1", 1),
    }  # fmt: skip
    reader: Any = ApplicationCommunicator(application, scope)  # type: ignore[no-untyped-call]
    await reader.send_input({"type": "http.request", "body": body})
    start = await reader.receive_output(timeout=10)
    assert start["status"] == 200
    await comes_true(lambda: bool(host.requests))
    await reader.send_input({"type": "http.disconnect"})
    await comes_true(lambda: host.aborted == 1)
    await comes_true(lambda: cache.get(f"trying:{user.pk}") is None)


async def test_one_at_a_time(
    serve: Serve, template: PromptTemplate, user: User, monkeypatch: pytest.MonkeyPatch, signed_in: SignedIn
) -> None:
    serve(lambda request: "x")
    monkeypatch.setattr(trying, "PATIENCE", 0.1)
    turn, client = turn_of(user), await signed_in(user)
    assert await sync_to_async(turn.take)(threading.Event())
    response = await client.post(f"/templates/{template.pk}/try/", GIVEN, headers={"accept": LINES})
    assert json.loads(await said_by(response)) == {"failed": BUSY}
    assert BUSY in await said_by(await client.post(f"/templates/{template.pk}/try/", GIVEN))
    await sync_to_async(turn.end)()


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"value-mood": "furious"}, "is not one of the choices: calm, angry"),
        ({"value-mood": ""}, "This needs a value"),
        ({"value-name": "x" * 10_001}, "Shorten it by 1"),
        ({"value-name": "a\0b"}, "NUL"),
        ({"model": "other"}, "“other” is not installed here"),
        ({"model": ""}, "Choose a model"),
    ],
)
@pytest.mark.parametrize("accept", [LINES, "text/html"])
def test_what_cannot_be_sent_says_why(
    serve: Serve, template: PromptTemplate, user_client: Client, given: dict[str, str], said: str, accept: str
) -> None:
    host = serve(lambda request: "x")
    response = user_client.post(f"/templates/{template.pk}/try/", GIVEN | given, headers={"accept": accept})
    assert response.status_code == 422
    assert said in response.content.decode()
    assert not host.requests


def test_who_may(template: PromptTemplate, outsider: User, client: Client) -> None:
    address = f"/templates/{template.pk}/try/"
    assert client.post(address, GIVEN).status_code == 302
    client.force_login(outsider)
    assert client.post(address, GIVEN).status_code == 404
    assert client.get(address).status_code == 405
