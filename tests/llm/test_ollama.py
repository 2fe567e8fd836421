"""The client of one Ollama server, against the embedded one and against servers that misbehave."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import jsonschema
import pytest

from optimizer.engine import Item, Task
from optimizer.engine.constraint import Constraint, constraint_for
from optimizer.llm.address import read_addresses
from optimizer.llm.base import CallFailedError, Message, Reply, Request, UnavailableError
from optimizer.llm.facts import ModelFacts
from optimizer.llm.faults import explained
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


def test_an_answer_is_held_to_its_constraint() -> None:
    """As inferred from rows: labels that contain each other, and objects with optional keys, bounds and lists."""
    labels = Constraint(labels=("toxic", "non-toxic", "very toxic, ä"))
    said = reply_to(request("Rate: hello.", schema=labels.format, max_tokens=20)).text
    assert labels.unwrapped(said) in labels.labels
    answers = [
        '{"name": "tea", "sizes": [1, 2], "note": null}',
        '{"name": "cup", "sizes": [], "note": "x"}',
    ] * 4
    rows = tuple(Item(str(n), answer) for n, answer in enumerate([*answers, '{"name": "pot", "sizes": [3]}']))
    demanded = constraint_for(Task("", MODEL, MODEL, items=rows, grader="json"), rows)
    assert demanded
    value = json.loads(reply_to(request("Describe a tea cup.", schema=demanded.format, max_tokens=200)).text)
    jsonschema.validate(value, demanded.format)


def test_a_prompt_over_the_window_is_an_error_that_names_model_window_and_fix() -> None:
    host = OllamaHost(os.environ["OLLAMA_HOST"], context=512)
    with pytest.raises(CallFailedError, match=rf"{MODEL}, 512 tokens.*OLLAMA_CONTEXT") as failed:
        reply_to(request("word " * 2000), host)
    assert failed.value.code == "context_window"


def test_a_prompt_that_an_older_server_cut_is_an_error_too(odd: tuple[type[Odd], OllamaHost]) -> None:
    handler, host = odd
    handler.counted = 20
    with pytest.raises(CallFailedError, match="does not fit"):
        reply_to(request("word " * 200), host)
    assert handler.sent[-1]["truncate"] is False
    assert handler.sent[-1]["shift"] is False
    assert handler.sent[-1]["options"]["num_ctx"] == 64


def test_an_unknown_model_says_how_to_get_one() -> None:
    with pytest.raises(CallFailedError, match="ollama pull") as failed:
        reply_to(request("hi", model="nobody:1b"))
    assert failed.value.code == "unknown_model"


def test_a_busy_server_is_unavailable(odd: tuple[type[Odd], OllamaHost]) -> None:
    handler, host = odd
    for handler.status in (503, 500, 429, 524):
        with pytest.raises(UnavailableError, match="says: busy") as failed:
            reply_to(request("hi"), OllamaHost(host.address))
        assert (failed.value.answered, failed.value.status) == (True, handler.status)


def test_a_server_that_is_away_is_unavailable() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with pytest.raises(UnavailableError) as failed:
        reply_to(request("hi"), OllamaHost(f"http://127.0.0.1:{port}"))
    assert not failed.value.answered


def test_a_server_that_is_not_ollama_is_named(odd: tuple[type[Odd], OllamaHost]) -> None:
    handler, host = odd
    handler.counted = "many"  # type: ignore[assignment]
    with pytest.raises(UnavailableError, match="sent a reply that cannot be read") as failed:
        reply_to(request("hi"), host)
    assert failed.value.answered


@pytest.mark.parametrize(
    "sent",
    [
        b'{"message": {"role": "assist',
        b"<html>Sign in</html>",
        b"[]\n",
        b'{"done": true}\n',
        b'{"message": null}\n',
    ],
)
def test_a_line_that_cannot_be_read_is_tried_again(saying: Callable[..., Reply], sent: bytes) -> None:
    with pytest.raises(UnavailableError, match="sent a reply that cannot be read") as failed:
        saying(line("po"), sent)
    assert failed.value.answered


def line(content: str, *, done: bool = False, **message: Any) -> bytes:
    """A line of a chat's stream."""
    said = {"model": "x", "message": {"role": "assistant", "content": content, **message}, "done": done}
    ended = {"done_reason": "stop", "eval_count": 1, "prompt_eval_count": 40} if done else {}
    return json.dumps(said | ended, ensure_ascii=False).encode() + b"\n"


class Saying(Odd):
    """Sends these bytes as its answer to a chat, or this error."""

    bytes_sent = b""

    def do_POST(self) -> None:
        if self.path != "/api/chat":
            super().do_POST()
            return
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(self.status)
        self.end_headers()
        self.wfile.write(self.bytes_sent)


SCHEMA = {"type": "object", "properties": {"score": {"type": "integer"}}}
JSON = '{"score": 7}'


@pytest.fixture
def saying() -> Iterator[Callable[..., Reply]]:

    class Handler(Saying):
        pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    def say(*lines: bytes, status: int = 200, **asked: Any) -> Reply:
        Handler.bytes_sent, Handler.status = b"".join(lines), status
        return reply_to(request("hi", **asked), OllamaHost(f"http://127.0.0.1:{server.server_port}"))

    yield say
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("mark", ["\u0085", "\u2028", "\u2029", "\x0c", "\x1e"])
def test_only_a_newline_ends_a_line(saying: Callable[..., Reply], mark: str) -> None:
    text = f"one{mark}two"
    assert saying(line(text), line("", done=True)).text == text


def test_an_error_inside_a_stream_is_one_that_may_pass(saying: Callable[..., Reply]) -> None:
    with pytest.raises(UnavailableError, match="says: unexpected EOF") as failed:
        saying(line("po"), b'{"error": "unexpected EOF"}\n')
    assert failed.value.answered


def test_a_stream_without_an_end_is_no_reply(saying: Callable[..., Reply]) -> None:
    with pytest.raises(UnavailableError, match="ended its reply early") as failed:
        saying(line("positive"))
    assert failed.value.answered


def test_an_answer_is_found_where_the_server_puts_it(saying: Callable[..., Reply]) -> None:
    thought = line("", thinking=JSON)
    assert saying(thought, line("", done=True), schema=SCHEMA).text == JSON
    assert saying(thought, line("", done=True)).text == ""
    assert saying(line("", thinking="Hmm."), line("", done=True), schema=SCHEMA).text == ""
    label = line("", thinking='"refund"')
    assert (
        saying(label, line("", done=True), schema={"type": "string", "enum": ["refund"]}).text == '"refund"'
    )
    call = {"function": {"name": "answer", "arguments": {"score": 7}}}
    assert saying(line("", tool_calls=[call]), line("", done=True)).text == JSON


PAGE = b"<!DOCTYPE html><html><head><title>524: A timeout occurred</title></head><body>" + b"x" * 3000


@pytest.mark.parametrize(
    ("status", "said", "words", "code"),
    [
        (524, PAGE, "says: 524: A timeout occurred$", ""),
        (429, b'{"error": "you have reached your weekly usage limit"}', "weekly usage limit", ""),
        (500, b'{"error": "model requires more system memory (8.4 GiB)"}', "more system memory", ""),
        (500, b'{"error": "{\\"error\\": {\\"message\\": \\"no room\\"}}"}', "says: no room$", ""),
        (500, b'{"error": {"message": "usage limit"}}', "says: usage limit$", ""),
        (500, b"[]", r"says: \[\]$", ""),
        (500, b'"Unauthorized"', "says: Unauthorized$", ""),
        (500, b"null", "says: null$", ""),
        (500, b'{"error": "cut \\ud83d"}', r"says: cut \?$", ""),
        (500, b'{"error": "failed to allocate KV cache, try a smaller context size"}', "KV cache", ""),
        (500, b'{"error": "invalid JSON schema in format"}', "JSON schema in format$", "refused"),
        (500, b'{"error": "Failed to initialize samplers: failed to parse grammar"}', "grammar$", "refused"),
        (402, b'{"error": "this model requires a subscription"}', "requires a subscription", "refused"),
        (401, b"<html><title>401 Authorization Required</title>", "OLLAMA_API_KEY", "unauthorized"),
        (404, b"<html>404 Not Found</html>", "Check OLLAMA_HOST", "not_ollama"),
        (404, b'{"error": "model \'x\' not found"}', "ollama pull", "unknown_model"),
        (
            400,
            b'{"error": "request (9030 tokens) exceeds the available context size"}',
            "fit",
            "context_window",
        ),
    ],
)
def test_an_error_is_told_in_the_servers_own_words(
    saying: Callable[..., Reply], status: int, said: bytes, words: str, code: str
) -> None:
    with pytest.raises((UnavailableError, CallFailedError), match=words) as failed:
        saying(said, status=status)
    assert getattr(failed.value, "code", "") == code
    assert len(str(failed.value)) < 400


def test_a_schema_that_the_server_cannot_use_is_refused() -> None:
    with pytest.raises(CallFailedError, match="invalid JSON schema in format") as failed:
        reply_to(request("hi", schema={"type": "string", "pattern": "("}))
    assert failed.value.code == "refused"


def test_https_to_a_server_without_it_says_so(odd: tuple[type[Odd], OllamaHost]) -> None:
    _, host = odd
    with pytest.raises(CallFailedError, match="Write http://"):
        reply_to(request("hi"), OllamaHost(host.address.replace("http:", "https:")))


def test_what_runs_on_this_machine_is_asked_without_a_proxy(
    odd: tuple[type[Odd], OllamaHost], monkeypatch: pytest.MonkeyPatch
) -> None:
    _, host = odd
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert reply_to(request("hi"), OllamaHost(host.address)).text == "hi"
    with pytest.raises(UnavailableError, match="through a proxy; if it needs none"):
        reply_to(request("hi"), OllamaHost("http://model.invalid:11434"))


def test_a_redirect_is_told_and_not_followed(odd: tuple[type[Odd], OllamaHost]) -> None:
    handler, host = odd

    class Moved(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.send_response(301)
            self.send_header("Location", "https://gpu.example/api/chat")
            self.end_headers()

    handler.do_POST = Moved.do_POST  # type: ignore[assignment]
    with pytest.raises(
        CallFailedError, match=r"redirects to https://gpu\.example\. Write that in OLLAMA_HOST"
    ):
        reply_to(request("hi"), host)


@pytest.mark.parametrize("environ", [{"ALL_PROXY": "socks5://127.0.0.1:9"}, {}])
def test_a_client_that_cannot_be_made_says_why(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str]
) -> None:
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    (address,) = read_addresses("http://model.invalid", api_key="" if environ else "schlüssel–")
    with pytest.raises(CallFailedError, match="cannot be asked") as failed:
        OllamaHost(address)
    assert "schlüssel" not in str(failed.value)


@pytest.mark.parametrize(
    ("error", "counts"),
    [(httpx.RemoteProtocolError("cut"), True), (httpx.ReadError(""), True), (httpx.ConnectError(""), False)],
    ids=lambda part: type(part).__name__,
)
def test_a_server_that_hangs_up_was_there(error: httpx.HTTPError, counts: bool) -> None:
    """It is not waited for forever, unlike one that is away."""
    fault = explained(error, read_addresses("http://127.0.0.1:9")[0])
    assert isinstance(fault, UnavailableError)
    assert fault.answered is counts
    assert "Error" not in str(fault)
