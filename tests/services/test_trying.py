"""Trying a prompt: the answer as it comes, a server that fails, a reader who leaves, and one at a time."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable

import pytest
from asgiref.sync import sync_to_async
from django.core.cache import cache
from django.test import override_settings

from optimizer import pools
from optimizer.llm.address import read_addresses
from optimizer.llm.base import (
    Arrival,
    CallFailedError,
    Done,
    Failed,
    Idle,
    Piece,
    Reply,
    Request,
    UnavailableError,
)
from optimizer.llm.scripted import ScriptedHost
from optimizer.models import User
from optimizer.services import trying
from optimizer.services.trying import BUSY, Turn, answer, asking, told_of, turn_of

ASKED = asking(model="scripted", text="Say hello.", system_text="Be brief.")


BY = User(pk=987_654)


@pytest.fixture(autouse=True)
def turn() -> Turn:
    """The one of a person for whom nothing is being written."""
    turn = turn_of(BY)
    cache.delete(turn.key)
    return turn


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Callable[..., ScriptedHost]:
    """Let a scripted host answer."""

    def start(script: Callable[[Request], str], latency: float = 0.0) -> ScriptedHost:
        host = ScriptedHost(script, latency=latency)
        monkeypatch.setattr(pools, "hosts", lambda: [host])
        return host

    return start


async def all_of(arrivals: AsyncIterator[Arrival]) -> list[Arrival]:
    return [arrival async for arrival in arrivals if not isinstance(arrival, Idle)]


async def freed(key: str) -> float:
    """How many seconds until the next one may begin."""
    started = time.monotonic()
    while await cache.aget(key) is not None:
        assert time.monotonic() - started < 5
        await asyncio.sleep(0.05)
    return time.monotonic() - started


async def test_an_answer_comes_to_its_end(serve: Callable[..., ScriptedHost], turn: Turn) -> None:
    host = serve(lambda request: "Hello!")
    found = await all_of(answer(by=BY, request=ASKED))
    assert found[0] == Piece(0, "Hello!")
    assert isinstance(found[-1], Done)
    assert [message.role for message in host.requests[0].messages] == ["system", "user"]
    await freed(turn.key)


def failing(error: Exception) -> Callable[[Request], str]:
    def script(request: Request) -> str:
        raise error

    return script


@pytest.mark.parametrize(
    "error",
    [
        CallFailedError("refused", "The server's own words."),
        UnavailableError("The server's own words.", answered=True, status=500),
        UnavailableError("The server's own words."),
    ],
    ids=["refuses", "is at fault", "is away"],
)
async def test_a_server_that_fails_is_heard_at_once(
    serve: Callable[..., ScriptedHost], turn: Turn, error: Exception
) -> None:
    serve(failing(error))
    started = time.monotonic()
    (said,) = await all_of(answer(by=BY, request=ASKED))
    assert isinstance(said, Failed)
    assert str(said.error) == "The server's own words."
    assert time.monotonic() - started < 3
    await freed(turn.key)


async def test_a_server_that_is_not_there(turn: Turn) -> None:
    with override_settings(OLLAMA_HOSTS=read_addresses("http://127.0.0.1:1")):
        (said,) = await all_of(answer(by=BY, request=ASKED))
    assert isinstance(said, Failed)
    assert str(said.error) == "Ollama at http://127.0.0.1:1 does not answer (no connection)."


async def test_something_unforeseen_is_told_too(turn: Turn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("threading.excepthook", lambda given: None)
    monkeypatch.setattr(pools, "hosts", lambda: 1 / 0)
    (said,) = await all_of(answer(by=BY, request=ASKED))
    assert isinstance(said, Failed)
    assert str(said.error) == trying.LOST
    await freed(turn.key)


async def test_leaving_ends_the_call_and_frees_the_turn(
    serve: Callable[..., ScriptedHost], turn: Turn
) -> None:
    host = serve(lambda request: "never", latency=30)
    arrivals = answer(by=BY, request=ASKED)
    assert isinstance(await anext(arrivals), Idle)
    await arrivals.aclose()  # type: ignore[attr-defined]
    assert await freed(turn.key) < 3
    assert host.aborted == 1


def test_one_at_a_time_for_each_person(turn: Turn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trying, "PATIENCE", 0.1)
    stays, left, other = threading.Event(), threading.Event(), turn_of(User(pk=987_655))
    left.set()
    assert not turn_of(BY).take(left)
    assert turn.take(stays)
    assert other.take(stays)
    assert not turn_of(BY).take(stays)
    turn.end()
    again = turn_of(BY)
    assert again.take(stays)
    turn.end()  # an old turn does not end a new one
    assert not turn_of(BY).take(stays)
    again.end()
    other.end()


async def test_who_has_an_answer_already_is_told_so(
    serve: Callable[..., ScriptedHost], turn: Turn, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = serve(lambda request: "x")
    monkeypatch.setattr(trying, "PATIENCE", 0.1)
    assert await sync_to_async(turn.take)(threading.Event())
    (said,) = await all_of(answer(by=BY, request=ASKED))
    assert isinstance(said, Failed)
    assert str(said.error) == BUSY
    assert not host.requests
    await sync_to_async(turn.end)()


async def test_a_turn_lasts_as_long_as_it_is_renewed(turn: Turn, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trying, "LASTS", 1)
    monkeypatch.setattr(trying, "RENEWED", 0.0)
    assert await sync_to_async(turn.take)(threading.Event())
    await sync_to_async(turn.renew)()
    assert await cache.aget(turn.key) == turn.token
    assert await freed(turn.key) < 2


def test_what_a_page_is_told() -> None:
    assert told_of(Piece(0, "Hello"), "Hel") == {"add": "lo"}
    assert told_of(Piece(0, "Bye"), "Hel") == {"text": "Bye"}
    reply = Reply("Hello", completion_tokens=1200, duration_ms=2345)
    assert told_of(Done(0, reply), "Hello") == {"ended": "1,200 tokens in 2.3 s."}
    cut = Reply("Hello!", finish_reason="length", completion_tokens=5, duration_ms=100)
    assert told_of(Done(0, cut), "Hello") == {"add": "!", "ended": "Cut off after 5 tokens in 0.1 s."}
    assert told_of(Idle("Loading x"), "") == {"waiting": "Loading x"}
    assert told_of(Idle(), "") == {}
