"""llama.cpp in this process, and the way to talk to it."""

from __future__ import annotations

import json
import os
import secrets
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx

from promptevolver.embedded.model.gguf import NotGGUFError


class LlamaError(Exception):
    """llama.cpp refused a request; `status` is its HTTP status."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Llama:
    """One model, loaded when this returns, with `slots` requests at a time and `window` tokens for each."""

    def __init__(self, gguf: Path, *, slots: int, window: int) -> None:
        key = secrets.token_hex(32)
        self._server = _serve(gguf, slots=slots, window=window, key=key)
        self._http = httpx.AsyncClient(
            base_url=self._server.listening_address,
            headers={"Authorization": f"Bearer {key}"},
            timeout=None,  # noqa: S113  generation takes as long as it takes; the client's leaving ends it
            limits=httpx.Limits(
                max_connections=None, max_keepalive_connections=0
            ),  # llama.cpp drops idle ones
            trust_env=False,
        )

    async def render(self, messages: list[dict[str, str]]) -> str:
        """The conversation as the one text that the model's own chat template makes of it."""
        reply = await self._post("/apply-template", {"messages": messages})
        return str(reply["prompt"])

    async def tokenize(self, text: str) -> list[int]:
        """The text's tokens, control tokens included."""
        reply = await self._post("/tokenize", {"content": text, "add_special": True, "parse_special": True})
        return list(reply["tokens"])

    async def complete(self, body: dict[str, Any]) -> AsyncGenerator[dict[str, Any], None]:
        """Pieces of the completion as they come. Closing the iterator stops the generation."""
        async with self._http.stream("POST", "/completion", json=body | {"stream": True}) as reply:
            if reply.is_error:
                await reply.aread()
                raise _refusal(reply)
            async for line in reply.aiter_lines():
                if piece := _piece(line):
                    yield piece

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        reply = await self._http.post(path, json=body)
        if reply.is_error:
            raise _refusal(reply)
        answer: dict[str, Any] = reply.json()
        return answer

    async def close(self) -> None:
        """Drop the connections; every generation in flight ends."""
        await self._http.aclose()


def _serve(gguf: Path, *, slots: int, window: int, key: str) -> Any:
    """llama.cpp's own HTTP server on a free loopback port that only the holder of `key` may use."""
    # OpenMP's threads spin while they wait for each other. If they spin forever, they starve the other services, and
    # are five times slower on busy cores. If they never spin, they are three times slower on idle ones.
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    import xllamacpp  # imported here because it takes long, and the rest of this file is used without it

    params = xllamacpp.CommonParams()
    params.model.path = str(gguf)
    params.n_parallel = slots
    params.n_ctx = slots * window
    params.cpuparams.n_threads = os.cpu_count() or 1
    params.ctx_shift = True
    params.ui = False
    params.endpoint_slots = False
    params.cache_ram_mib = 256
    params.verbosity = 1
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [key]
    try:
        return xllamacpp.Server(params)
    except RuntimeError as problem:
        raise NotGGUFError(f"llama.cpp cannot run {gguf}; its own messages above say why.") from problem


def _piece(line: str) -> dict[str, Any] | None:
    """What one line of the event stream says; an error in mid-stream is raised."""
    if line.startswith("error: "):
        raise LlamaError(500, line.removeprefix("error: "))
    if not line.startswith("data: {"):
        return None
    piece: dict[str, Any] = json.loads(line.removeprefix("data: "))
    if "error" in piece:
        raise LlamaError(int(piece["error"].get("code", 500)), str(piece["error"].get("message")))
    return piece


def _refusal(reply: httpx.Response) -> LlamaError:
    try:
        message = str(reply.json()["error"]["message"])
    except (ValueError, KeyError, TypeError):
        message = reply.text
    return LlamaError(reply.status_code, message)
