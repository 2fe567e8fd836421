"""The embedded model server, as Ollama's official client and plain HTTP see it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import ollama
import pytest

from tests.embedded.ollama_server import served

MODEL = "smollm2:135m"
WINDOW = 256
HELLO = [{"role": "user", "content": "Say hello."}]
LONG = "one two three four five six seven eight nine ten " * 120
CITY = {"type": "object", "properties": {"city": {"type": "string", "maxLength": 20}}, "required": ["city"]}
ENDLESS = {"type": "array", "items": {"enum": [0, 1]}, "minItems": 100_000}
COUNTS = ["total_duration", "load_duration", "prompt_eval_duration", "eval_duration"]


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """Two slots, and a window so small that it is quickly full."""
    with served("--parallel", "2", "--ctx", str(WINDOW)) as server:
        yield server.url


@pytest.fixture
def http(url: str) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=url, timeout=120) as client:
        yield client


@pytest.fixture
def client(url: str) -> Iterator[ollama.Client]:
    with ollama.Client(host=url, timeout=120) as client:
        yield client


def chat(http: httpx.Client, **body: Any) -> dict[str, Any]:
    options = {"temperature": 0, "seed": 1, "num_predict": 12} | body.pop("options", {})
    reply = http.post("/api/chat", json={"model": MODEL, "stream": False, "options": options} | body)
    assert reply.status_code == 200, reply.text
    answer: dict[str, Any] = reply.json()
    return answer


class TestTheModel:
    def test_the_root_says_that_ollama_runs(self, http: httpx.Client) -> None:
        assert http.get("/").text == "Ollama is running"
        assert http.head("/").status_code == 200

    def test_the_version_is_one_that_clients_accept(self, http: httpx.Client) -> None:
        version = http.get("/api/version").json()["version"]
        assert tuple(map(int, version.split("."))) >= (0, 17, 1)

    def test_tags_name_the_model_with_its_size(self, client: ollama.Client) -> None:
        (model,) = client.list().models
        assert model.model == MODEL
        assert model.size is not None
        assert model.size > 90_000_000
        assert model.details is not None
        assert model.details.quantization_level == "Q4_1"
        assert len(model.digest or "") == 64

    def test_show_tells_the_window_that_is_served(self, client: ollama.Client) -> None:
        shown = client.show(MODEL)
        assert shown.modelinfo is not None
        architecture = shown.modelinfo["general.architecture"]
        assert shown.modelinfo[f"{architecture}.context_length"] == WINDOW
        assert shown.modelinfo["tokenizer.ggml.tokens"] is None
        assert shown.capabilities == ["completion"]
        assert "<|im_start|>" in (shown.template or "")
        assert (shown.parameters or "").split() == ["num_ctx", str(WINDOW)]

    def test_it_answers_to_its_short_name(self, client: ollama.Client) -> None:
        for name in ("smollm2", "smollm2:latest", MODEL):
            assert client.show(name).details is not None

    def test_ps_tells_that_the_model_is_loaded_and_its_window(
        self, client: ollama.Client, http: httpx.Client
    ) -> None:
        assert chat(http, messages=[], keep_alive="5m")["done_reason"] == "load"
        (running,) = client.ps().models
        assert (running.model, running.context_length) == (MODEL, WINDOW)


class TestAnswers:
    def test_chat_streams_pieces_and_then_the_counts(self, client: ollama.Client) -> None:
        pieces = list(client.chat(MODEL, HELLO, stream=True, options={"num_predict": 5, "temperature": 0}))
        assert not any(piece.done for piece in pieces[:-1])
        assert len(pieces) > 2
        last = pieces[-1]
        assert (last.done, last.done_reason, last.eval_count) == (True, "length", 5)
        assert all(isinstance(last[name], int) for name in COUNTS)

    def test_a_stream_is_one_json_object_a_line(self, http: httpx.Client) -> None:
        body = {"model": MODEL, "messages": HELLO, "options": {"num_predict": 3}}
        reply = http.post("/api/chat", json=body)
        assert reply.headers["content-type"] == "application/x-ndjson"
        assert [json.loads(line)["done"] for line in reply.text.splitlines()][-2:] == [False, True]

    def test_stream_and_whole_say_the_same(self, client: ollama.Client) -> None:
        options = {"temperature": 0, "num_predict": 12}
        whole = client.chat(MODEL, HELLO, options=options)
        pieces = client.chat(MODEL, HELLO, options=options, stream=True)
        assert "".join(piece.message.content or "" for piece in pieces) == whole.message.content

    async def test_the_asynchronous_client_works(self, url: str) -> None:
        async with ollama.AsyncClient(host=url) as client:
            reply = await client.generate(MODEL, "Hello", options={"num_predict": 3})
        assert reply.eval_count == 3

    def test_the_prompt_is_counted_whole_when_it_was_cached(self, http: httpx.Client) -> None:
        first, second = chat(http, messages=HELLO), chat(http, messages=HELLO)
        assert first["prompt_eval_count"] == second["prompt_eval_count"] > 20

    @pytest.mark.parametrize("options", [{"temperature": 0}, {"temperature": 1.5, "seed": 7}])
    def test_the_same_seed_gives_the_same_text(self, http: httpx.Client, options: dict[str, Any]) -> None:
        assert len({chat(http, messages=HELLO, options=options)["message"]["content"] for _ in range(3)}) == 1

    def test_stop_words_end_the_answer(self, http: httpx.Client) -> None:
        whole = chat(http, messages=HELLO)["message"]["content"]
        word = whole.split()[1]
        cut = chat(http, messages=HELLO, options={"stop": [word]})
        assert cut["message"]["content"] == whole.split(word)[0]
        assert cut["done_reason"] == "stop"

    def test_a_schema_shapes_the_answer(self, http: httpx.Client) -> None:
        reply = chat(http, messages=HELLO, format=CITY, options={"num_predict": 60})
        assert list(json.loads(reply["message"]["content"])) == ["city"]

    def test_what_the_grammar_does_not_know_of_a_schema_is_ignored(self, http: httpx.Client) -> None:
        schema = {"type": "array", "items": {"enum": [1, 2]}, "uniqueItems": True, "maxItems": 2}
        reply = chat(http, messages=HELLO, format=schema, options={"num_predict": 20})
        assert isinstance(json.loads(reply["message"]["content"]), list)

    def test_json_is_an_object(self, http: httpx.Client) -> None:
        reply = chat(http, messages=HELLO, format="json", options={"num_predict": 3})
        assert reply["message"]["content"].lstrip().startswith("{")

    @pytest.mark.parametrize("text", ["\x00", "🙂 שלום", "{{unclosed", "<|im_end|>"])
    def test_odd_text_is_answered(self, http: httpx.Client, text: str) -> None:
        assert chat(http, messages=[{"role": "user", "content": text}], options={"num_predict": 1})["done"]

    def test_half_a_character_is_replaced(self, http: httpx.Client) -> None:
        body = b'{"model":"smollm2","stream":false,"prompt":"a\\ud800b","options":{"num_predict":1}}'
        assert http.post("/api/generate", content=body).status_code == 200


class TestTheWindow:
    def test_a_long_prompt_is_refused_when_it_must_not_be_cut(self, http: httpx.Client) -> None:
        body = {"model": MODEL, "messages": [{"role": "user", "content": LONG}], "truncate": False}
        reply = http.post("/api/chat", json=body)
        assert reply.status_code == 400
        assert "exceeds the context length" in reply.json()["error"]

    def test_a_long_message_loses_its_front(self, http: httpx.Client) -> None:
        reply = chat(http, messages=[{"role": "user", "content": LONG}])
        assert WINDOW // 2 < reply["prompt_eval_count"] < WINDOW

    def test_num_ctx_makes_the_window_smaller(self, http: httpx.Client) -> None:
        messages = [{"role": "user", "content": "word " * 100}]
        assert chat(http, messages=messages, options={"num_ctx": 64})["prompt_eval_count"] < 64
        assert chat(http, messages=messages)["prompt_eval_count"] > 100

    def test_the_oldest_messages_go_and_the_system_message_stays(self, http: httpx.Client) -> None:
        rules, last = {"role": "system", "content": "Be brief."}, {"role": "user", "content": "Now?"}
        old = [{"role": "user", "content": LONG[:400]}, {"role": "assistant", "content": "Yes."}] * 9
        kept = chat(http, messages=[rules, *old, last])["prompt_eval_count"]
        alone = chat(http, messages=[rules, last])["prompt_eval_count"]
        assert alone < kept < WINDOW

    def test_generation_stops_at_the_window_without_shift(self, http: httpx.Client) -> None:
        options = {"num_predict": 500, "num_ctx": 64}
        reply = chat(http, messages=HELLO, shift=False, format=ENDLESS, options=options)
        assert reply["done_reason"] == "length"
        assert reply["prompt_eval_count"] + reply["eval_count"] == 64

    def test_generation_goes_on_past_the_window_with_shift(self, http: httpx.Client) -> None:
        reply = chat(http, messages=HELLO, format=ENDLESS, options={"num_predict": WINDOW + 20})
        assert reply["eval_count"] == WINDOW + 20

    def test_generation_without_a_limit_ends_at_the_window(self, http: httpx.Client) -> None:
        reply = chat(http, messages=HELLO, format=ENDLESS, options={"num_predict": -1, "num_ctx": 64})
        assert reply["prompt_eval_count"] + reply["eval_count"] == 64


class TestRefusals:
    @pytest.mark.parametrize("path", ["/api/chat", "/api/generate", "/api/show"])
    def test_an_unknown_model_is_not_found(self, http: httpx.Client, path: str) -> None:
        reply = http.post(path, json={"model": "nope"})
        assert (reply.status_code, reply.json()) == (404, {"error": "model 'nope' not found"})

    def test_the_official_client_sees_the_error(self, client: ollama.Client) -> None:
        with pytest.raises(ollama.ResponseError, match="model 'nope' not found") as raised:
            client.chat("nope", HELLO)
        assert raised.value.status_code == 404

    @pytest.mark.parametrize(
        "extra",
        [
            {"model": None},
            {"model": 5},
            {"messages": "hello"},
            {"messages": [5]},
            {"messages": [{"content": "no role"}]},
            {"messages": [{"role": "user", "content": ["parts"]}]},
            {"stream": "no"},
            {"options": []},
            {"options": {"temperature": "hot"}},
            {"options": {"num_predict": 1.5}},
            {"options": {"stop": [1]}},
            {"format": "xml"},
            {"think": True},
            {"tools": [{"type": "function", "function": {"name": "f"}}]},
            {"messages": [{"role": "user", "content": "x", "images": ["aGk="]}]},
        ],
        ids=str,
    )
    def test_a_wrong_request_is_explained(self, http: httpx.Client, extra: dict[str, Any]) -> None:
        reply = http.post("/api/chat", json={"model": MODEL, "messages": HELLO} | extra)
        assert reply.status_code == 400, reply.text
        assert len(reply.json()["error"]) > 10

    @pytest.mark.parametrize("schema", [{"type": "nonsense"}, {"type": "string", "pattern": "("}], ids=str)
    def test_a_schema_that_cannot_be_used_is_refused(
        self, http: httpx.Client, schema: dict[str, Any]
    ) -> None:
        body = {"model": MODEL, "messages": HELLO, "format": schema, "options": {"temperature": 0}}
        reply = http.post("/api/chat", json=body)
        assert (reply.status_code, reply.json()) == (500, {"error": "invalid JSON schema in format"})

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b"\xff", b'"text"', b"[" * 100_000])
    def test_bad_json_is_explained(self, http: httpx.Client, body: bytes) -> None:
        reply = http.post("/api/generate", content=body)
        assert (reply.status_code, list(reply.json())) == (400, ["error"])

    def test_what_only_a_real_ollama_does_says_so(self, http: httpx.Client) -> None:
        for path in ("/api/pull", "/api/create", "/api/embed"):
            reply = http.post(path, json={"model": MODEL})
            assert (reply.status_code, "real Ollama" in reply.json()["error"]) == (501, True)

    def test_insertion_is_not_supported(self, http: httpx.Client) -> None:
        body = {"model": MODEL, "prompt": "a", "suffix": "b"}
        assert "does not support" in http.post("/api/generate", json=body).json()["error"]

    def test_other_paths_and_methods(self, http: httpx.Client) -> None:
        assert http.get("/nowhere").status_code == 404
        assert http.get("/api/chat").status_code == 405
        assert "error" in http.get("/api/chat").json()


class TestTheQueue:
    """With both slots taken by generations that would go on for many minutes."""

    async def test_a_client_that_leaves_gives_its_slot_back(self, url: str) -> None:
        async with httpx.AsyncClient(base_url=url, timeout=60) as http:
            for stream in (True, False):
                endless = await _take_both_slots(http, stream=stream)
                with pytest.raises(httpx.ReadTimeout):
                    await _one_token(http, timeout=1.0)
                await _leave(endless)
                assert (await _one_token(http, timeout=30)).status_code == 200

    async def test_waiting_requests_are_served_in_their_order(self, url: str) -> None:
        served_order: list[int] = []

        async def wait(http: httpx.AsyncClient, number: int) -> None:
            await asyncio.sleep(number * 0.05)
            await _one_token(http, timeout=60)
            served_order.append(number)

        async with httpx.AsyncClient(base_url=url, timeout=60) as http:
            endless = await _take_both_slots(http, stream=True)
            waiting = [asyncio.create_task(wait(http, number)) for number in range(6)]
            await asyncio.sleep(0.6)
            assert served_order == []
            await _leave(endless)
            await asyncio.gather(*waiting)
        assert sorted(served_order[:2]) == [0, 1]
        assert sorted(served_order[-2:]) == [4, 5]


async def _take_both_slots(http: httpx.AsyncClient, *, stream: bool) -> list[asyncio.Task[httpx.Response]]:
    body = {"model": MODEL, "prompt": "Count.", "format": ENDLESS, "stream": stream}
    body["options"] = {"num_predict": 100_000}
    tasks = [asyncio.create_task(http.post("/api/generate", json=body)) for _ in range(2)]
    await asyncio.sleep(1)
    return tasks


async def _leave(tasks: list[asyncio.Task[httpx.Response]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def _one_token(http: httpx.AsyncClient, *, timeout: float) -> httpx.Response:  # noqa: ASYNC109
    body = {"model": MODEL, "prompt": "Hi", "stream": False, "options": {"num_predict": 1}}
    return await http.post("/api/generate", json=body, timeout=timeout)
