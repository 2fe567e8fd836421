"""What servers say about their models, and which one is taken if none is chosen."""

from __future__ import annotations

import asyncio
import time

import pytest

from optimizer.llm.base import CallFailedError
from optimizer.llm.facts import ModelFacts, merged, nothing_answers, offered
from optimizer.llm.ollama import OllamaHost
from tests.llm.server import FakeOllama, Served, serving

EMBEDDING = Served("embed:1b", capabilities=("embedding",))
REMOTE = Served("cloud:120b", listed={"remote_host": "https://ollama.com:443", "remote_model": "cloud"})
OLD_REMOTE = Served("cloud:120b", shown={"remote_host": "https://ollama.com:443"})
IDLE, LOADED = Served("idle:1b"), Served("loaded:1b", window=4096)


def told_by(fake: FakeOllama) -> dict[str, ModelFacts]:
    async def models() -> dict[str, ModelFacts]:
        host = OllamaHost(fake.address)
        try:
            return await host.models()
        finally:
            await host.close()

    with serving(fake):
        return asyncio.run(models())


def test_what_a_model_can_do_and_where_it_runs_is_read() -> None:
    told = told_by(FakeOllama([EMBEDDING, REMOTE, LOADED]))
    assert [facts.completes for facts in told.values()] == [False, True, True]
    assert [facts.remote for facts in told.values()] == ["", "ollama.com", ""]
    assert [facts.loaded for facts in told.values()] == [False, False, True]
    assert (told["loaded:1b"].trained, told["loaded:1b"].window) == (32768, 4096)


def test_an_older_server_tells_it_of_each_model() -> None:
    assert told_by(FakeOllama([OLD_REMOTE]))["cloud:120b"].remote == "ollama.com"
    pooling = Served("bge:1b", capabilities=(), shown={"model_info": {"bert.pooling_type": 1}})
    assert told_by(FakeOllama([pooling]))["bge:1b"].completes is False


def test_capabilities_in_the_list_count() -> None:
    listed = Served("both:1b", listed={"capabilities": ["embedding"]})
    assert told_by(FakeOllama([listed]))["both:1b"].completes is False


def test_a_model_is_asked_for_once() -> None:
    fake = FakeOllama([Served("once:1b")])

    async def twice() -> None:
        for _ in range(2):
            host = OllamaHost(fake.address)
            await host.models()
            await host.close()

    with serving(fake):
        asyncio.run(twice())
    assert len(fake.bodies("/api/show")) == 1


def test_a_server_that_lists_no_models_is_not_ollama() -> None:
    fake = FakeOllama([])
    fake.answer = lambda path, body: (200, {"data": []})  # type: ignore[method-assign]
    with pytest.raises(CallFailedError, match="OLLAMA_HOST"):
        told_by(fake)


def test_local_models_come_before_remote_ones_and_loaded_ones_first() -> None:
    told = told_by(FakeOllama([EMBEDDING, REMOTE, IDLE, LOADED, Served("last:1b")]))
    assert offered(told) == ["loaded:1b", "idle:1b", "last:1b", "cloud:120b"]


def test_several_servers_are_merged() -> None:
    first = {"a": ModelFacts("a", "1"), "b": ModelFacts("b")}
    second = {"a": ModelFacts("a", "2", loaded=True, remote="x.org"), "c": ModelFacts("c")}
    found = merged([first, second])
    assert list(found) == ["a", "b", "c"]
    assert found["a"] == ModelFacts("a", "1", loaded=True, remote="x.org")


def test_embeddings_alone_are_said_to_be_no_help() -> None:
    assert "ollama pull" in nothing_answers({})
    assert "only embedding models here (embed:1b)" in nothing_answers({"embed:1b": ModelFacts("embed:1b")})


def test_a_server_that_is_slow_to_tell_of_its_models_still_lists_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("optimizer.llm.facts.SHOWING", 0.2)
    began = time.monotonic()
    told = told_by(FakeOllama([Served("slow-to-show:1b")], pause=3))
    assert time.monotonic() - began < 2
    assert told["slow-to-show:1b"].completes is True


def test_a_model_that_thinks_is_known_as_one() -> None:
    thinker = Served("think:1b", capabilities=("completion", "thinking"))
    assert told_by(FakeOllama([thinker, IDLE]))["think:1b"].thinks is True
    assert told_by(FakeOllama([thinker, IDLE]))["idle:1b"].thinks is False
