"""One Ollama server, through its official client."""

from __future__ import annotations

import json
import sys
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from optimizer.llm.address import Address, read_address
from optimizer.llm.base import Reply, Request, UnavailableError, storable
from optimizer.llm.client import client_of, ollama
from optimizer.llm.facts import ModelFacts, facts_of, trained_window
from optimizer.llm.faults import FAULTS, explained, window_exceeded
from optimizer.llm.fitting import Fitting
from optimizer.llm.roles import Roles, rendered_roles

MILLION = 1_000_000  # nanoseconds in a millisecond


class OllamaHost:
    """A server at an address. `slots` is how many requests it is sent at once at most; `context` caps `num_ctx`
    (tokens)."""

    def __init__(
        self, address: Address | str, *, slots: int = 4, context: int = 8192, timeout: float = 300.0
    ) -> None:
        self._address = read_address(address) if isinstance(address, str) else address
        self.address = str(self._address)
        self.slots = slots
        self.context = context
        self.client = client_of(self._address, timeout=timeout)
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
            reply = await self.client._request_raw("POST" if body else "GET", path, **sent)
            return reply.json()

        return await self._asking(answer())

    async def roles(self, model: str, window: int) -> Roles | None:
        """Which roles reach the model; None if the server does not show it."""
        return await rendered_roles(self.ask, model, window)

    async def version(self) -> str:
        """The server's version."""
        return str((await self._asking(self.client.version()))["version"])

    async def close(self) -> None:
        """Drop the connections."""
        await self.client.close()  # type: ignore[no-untyped-call]

    async def reply(self, request: Request, on_text: Callable[[str], None]) -> Reply:
        """The whole reply; `on_text` gets the text so far. Raises UnavailableError or CallFailedError."""
        window = await self.window(request.model, request.window)
        said = Said()
        async for part in self._stream(request, window):
            if said.hears(part):
                on_text(storable(said.text))
        if said.last is None:
            raise UnavailableError(f"Ollama at {self.address} ended its reply early.", answered=True)
        reply = self._as_reply(request, said, said.last)
        if not await self._fitting.whole(request, reply, window):
            raise window_exceeded(request.model, window)
        return reply

    async def window(self, model: str, wanted: int = 0) -> int:
        """The context window that a call to this model gets, in tokens: as wanted, at most as it was trained."""
        if model not in self._trained:
            self._trained[model] = (
                trained_window(await self.ask("/api/show", {"model": model})) or sys.maxsize
            )
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
            raise explained(error, self._address, model=request.model, window=window) from error

    async def _asking(self, awaitable: Any) -> Any:
        try:
            return await awaitable
        except FAULTS as error:
            raise explained(error, self._address) from error

    def _as_reply(self, request: Request, said: Said, last: ollama.ChatResponse) -> Reply:
        return Reply(
            text=storable(said.answer(request)),
            finish_reason=last.done_reason or "stop",
            prompt_tokens=last.prompt_eval_count or 0,
            completion_tokens=last.eval_count or 0,
            duration_ms=(last.total_duration or 0) // MILLION,
            busy_ms=((last.prompt_eval_duration or 0) + (last.eval_duration or 0)) // MILLION,
            load_ms=(last.load_duration or 0) // MILLION,
            host=self.address,
        )


@dataclass
class Said:
    """What a stream has said so far. Some servers put an answer where thoughts or calls of tools belong."""

    text: str = ""
    thoughts: str = ""
    tools: str = ""
    last: ollama.ChatResponse | None = None

    def hears(self, part: ollama.ChatResponse) -> bool:
        """Whether the text grew."""
        self.text += part.message.content or ""
        self.thoughts += part.message.thinking or ""
        for call in part.message.tool_calls or ():
            self.tools += json.dumps(dict(call.function.arguments), ensure_ascii=False)
        if part.done:
            self.last = part
        return bool(part.message.content)

    def answer(self, request: Request) -> str:
        """The text; else a tool's arguments; else thoughts that are the JSON which was asked for."""
        if self.text.strip():
            return self.text
        if request.schema and _is_json(self.thoughts):
            return self.thoughts
        return self.tools or self.text


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list | str)
    except ValueError:
        return False
