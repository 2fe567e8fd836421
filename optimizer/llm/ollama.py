"""One Ollama server, through its official client."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import ollama

from optimizer.llm.base import CallFailed, Reply, Request, Unavailable, storable
from optimizer.llm.facts import ModelFacts, facts_of
from optimizer.llm.fitting import Fitting
from optimizer.llm.roles import Roles, rendered_roles

FAULTS = (ollama.ResponseError, httpx.HTTPError, ConnectionError, ValueError)
WINDOW_FULL = ("exceeds the context", "exceed the context", "exceeds the available context", "exceeds maximum context",
               "input length", "prompt is too long", "context length", "context size", "context window")  # fmt: skip
TRANSIENT = {408, 429, 500, 502, 503, 504}


class StrictClient(ollama.AsyncClient):
    """The official client, which has no arguments for `truncate` and `shift`: a prompt is never cut silently."""

    async def _request(self, cls: Any, *args: Any, stream: bool = False, **kwargs: Any) -> Any:
        if isinstance(kwargs.get("json"), dict) and "messages" in kwargs["json"]:
            kwargs["json"] |= {"truncate": False, "shift": False}
        return await super()._request(cls, *args, stream=stream, **kwargs)


class OllamaHost:
    """A server at an address. `slots` is how many requests it answers at once; `context` caps `num_ctx` (tokens)."""

    def __init__(self, address: str, *, slots: int = 4, context: int = 8192, timeout: float = 300.0) -> None:
        self.address = address
        self.slots = slots
        self.context = context
        self.client = StrictClient(host=address, timeout=httpx.Timeout(timeout, connect=5.0))
        self._trained: dict[str, int] = {}
        self._fitting = Fitting(self.ask)

    async def models(self) -> dict[str, ModelFacts]:
        """The models the server has, by name."""
        found: dict[str, ModelFacts] = await self._asking(facts_of(self.ask, self.address))
        return found

    async def ask(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """The server's whole answer, which the client's own types would cut to what they know."""

        async def answer() -> Any:
            sent = {"json": body} if body else {}
            reply = await self.client._request_raw("POST" if body else "GET", path, **sent)  # type: ignore[no-untyped-call]
            return reply.json()

        return await self._asking(answer())

    async def roles(self, model: str, window: int) -> Roles | None:
        """What reaches the model of who said what; None where the server does not show it."""
        return await rendered_roles(self.ask, model, window)

    async def close(self) -> None:
        """Drop the connections."""
        await self.client.close()  # type: ignore[no-untyped-call]

    async def reply(self, request: Request, on_text: Callable[[str], None]) -> Reply:
        """The whole reply; `on_text` is told the text so far. Raises Unavailable or CallFailed."""
        window = await self.window(request.model, request.window)
        text, last = "", None
        async for part in self._stream(request, window):
            text += part.message.content or ""
            if part.message.content:
                on_text(text)
            last = part
        if last is None or not last.done:
            raise Unavailable(f"{self.address} ended its reply early.")
        reply = self._as_reply(text, last)
        if not await self._fitting.whole(request, reply, window):
            raise window_exceeded(request.model, window)
        return reply

    async def window(self, model: str, wanted: int = 0) -> int:
        """The context window that a call to this model gets, in tokens: as wanted, at most as it was trained."""
        if model not in self._trained:
            shown = await self._asking(self.client.show(model))
            trained = [v for k, v in (shown.modelinfo or {}).items() if k.endswith(".context_length")]
            self._trained[model] = min(map(int, trained), default=sys.maxsize)
        return min(wanted or self.context, self._trained[model])

    async def _stream(self, request: Request, window: int) -> AsyncIterator[ollama.ChatResponse]:
        options = {
            "temperature": request.temperature,
            "seed": request.seed,
            "num_predict": request.max_tokens,
            "num_ctx": window,
        }
        parts = await self._asking(
            self.client.chat(
                model=request.model,
                messages=[{"role": m.role, "content": m.content} for m in request.messages],
                format=request.schema,
                options=options,
                stream=True,
            )
        )
        try:
            async for part in parts:
                yield part
        except FAULTS as error:
            raise self._explain(error, request.model, window) from error

    async def _asking(self, awaitable: Any) -> Any:
        try:
            return await awaitable
        except FAULTS as error:
            raise self._explain(error) from error

    def _explain(self, error: Exception, model: str = "", window: int = 0) -> Exception:
        if isinstance(error, ValueError):  # what the client's own validation raises
            return CallFailed("not_ollama", f"{self.address} does not speak Ollama's API. Check OLLAMA_HOST.")
        if not isinstance(error, ollama.ResponseError):
            return Unavailable(f"Ollama at {self.address} does not answer ({type(error).__name__}).")
        text = str(error.error)
        if any(words in text for words in WINDOW_FULL):
            return window_exceeded(model, window)
        if error.status_code in TRANSIENT:
            return Unavailable(f"Ollama at {self.address} says: {text}", answered=error.status_code == 500)
        if error.status_code == 404:
            return CallFailed("unknown_model", f"{text}. Get it with `ollama pull`, or choose another model.")
        return CallFailed("refused", f"Ollama at {self.address} refused the call: {text}")

    @staticmethod
    def _as_reply(text: str, last: ollama.ChatResponse) -> Reply:
        return Reply(
            text=storable(text),
            finish_reason=last.done_reason or "stop",
            prompt_tokens=last.prompt_eval_count or 0,
            completion_tokens=last.eval_count or 0,
            duration_ms=(last.total_duration or 0) // 1_000_000,
        )


def window_exceeded(model: str, window: int) -> CallFailed:
    """The error for a call that does not fit: names the model, its window and the fix."""
    return CallFailed(
        "context_window",
        f"A call does not fit into the context window of {model}, {window} tokens. Shorten the prompt, the rows or "
        "the answers, choose a model with a larger window, or raise OLLAMA_CONTEXT "
        "(for the embedded model: EMBEDDED_CONTEXT).",
    )
