"""The client of one Ollama server, against the embedded one and against servers that misbehave."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from optimizer.llm.base import CallFailed, Message, Reply, Request, Unavailable
from optimizer.llm.facts import ModelFacts
from optimizer.llm.ollama import OllamaHost

MODEL = "smollm2:135m"


def request(text: str, **changes: Any) -> Request:
    return Request(
        **{
            "purpose": "test",
            "model": MODEL,
            "messages": (Message("user", text),),
            "max_tokens": 8,
            **changes,
        }
    )


def reply_to(asked: Request, host: OllamaHost | None = None, pieces: list[str] | None = None) -> Reply:
    async def reply() -> Reply:
        server = host or OllamaHost(os.environ["OLLAMA_HOST"])
        try:
            return await server.reply(asked, (pieces if pieces is not None else []).append)
        finally:
            await server.close()

    return asyncio.run(reply())


class Odd(BaseHTTPRequestHandler):
    """An older Ollama that cuts long prompts silently, or one that is broken."""

    status, counted = 200, 40
    sent: list[dict[str, Any]] = []

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.sent.append(body)
        said: dict[str, Any] = {"model_info": {"x.context_length": 64}, "details": {}, "capabilities": []}
        if self.path == "/api/chat":
            said = {"message": {"role": "assistant", "content": "hi"}, "done": True, "done_reason": "stop"}
            said |= {
                "model": "x",
                "prompt_eval_count": self.counted,
                "eval_count": 1,
                "total_duration": 5_000_000,
            }
        broken = self.path == "/api/chat" and self.status != 200
        self.send_response(self.status if broken else 200)
        self.end_headers()
        self.wfile.write(json.dumps({"error": "busy"} if broken else said).encode() + b"\n")

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture
def odd() -> Iterator[tuple[type[Odd], OllamaHost]]:
    handler = type("Handler", (Odd,), {"sent": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield handler, OllamaHost(f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()


def test_a_reply_has_its_text_and_its_cost() -> None:
    reply = reply_to(request("Say hello."))
    assert reply.text
    assert reply.prompt_tokens > 5
    assert 0 < reply.completion_tokens <= 8
    assert reply.duration_ms > 0


def test_models_are_told_with_what_stands_behind_their_names() -> None:
    async def models() -> dict[str, ModelFacts]:
        server = OllamaHost(os.environ["OLLAMA_HOST"])
        try:
            return await server.models()
        finally:
            await server.close()

    told = asyncio.run(models())[MODEL]
    assert len(told.digest) == 64
    assert (told.completes, told.remote, told.trained) == (True, "", 4096)


def test_the_text_is_told_while_it_grows() -> None:
    pieces: list[str] = []
    reply = reply_to(request("Count to five."), pieces=pieces)
    assert len(pieces) > 1
    assert pieces[-1] == reply.text


def test_a_schema_is_kept() -> None:
    schema = {"type": "object", "properties": {"score": {"type": "integer"}}, "required": ["score"]}
    assert "score" in json.loads(reply_to(request("Rate it.", schema=schema, max_tokens=40)).text)


def test_a_prompt_over_the_window_is_an_error_that_names_model_window_and_fix() -> None:
    host = OllamaHost(os.environ["OLLAMA_HOST"], context=512)
    with pytest.raises(CallFailed, match=rf"{MODEL}, 512 tokens.*OLLAMA_CONTEXT") as failed:
        reply_to(request("word " * 2000), host)
    assert failed.value.code == "context_window"


def test_a_prompt_that_an_older_server_cut_is_an_error_too(odd: tuple[type[Odd], OllamaHost]) -> None:
    handler, host = odd
    handler.counted = 20
    with pytest.raises(CallFailed, match="does not fit"):
        reply_to(request("word " * 200), host)
    assert handler.sent[-1]["truncate"] is False
    assert handler.sent[-1]["shift"] is False
    assert handler.sent[-1]["options"]["num_ctx"] == 64


def test_an_unknown_model_says_how_to_get_one() -> None:
    with pytest.raises(CallFailed, match="ollama pull") as failed:
        reply_to(request("hi", model="nobody:1b"))
    assert failed.value.code == "unknown_model"


def test_a_busy_server_is_unavailable(odd: tuple[type[Odd], OllamaHost]) -> None:
    handler, host = odd
    for handler.status, answered in ((503, False), (500, True)):
        with pytest.raises(Unavailable) as failed:
            reply_to(request("hi"), OllamaHost(host.address))
        assert failed.value.answered is answered


def test_a_server_that_is_away_is_unavailable() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(Unavailable) as failed:
        reply_to(request("hi"), OllamaHost(f"http://127.0.0.1:{port}"))
    assert not failed.value.answered


def test_a_server_that_is_not_ollama_is_named(odd: tuple[type[Odd], OllamaHost]) -> None:
    handler, host = odd
    handler.counted = "many"  # type: ignore[assignment]
    with pytest.raises(CallFailed, match="OLLAMA_HOST"):
        reply_to(request("hi"), host)
