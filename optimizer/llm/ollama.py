"""One Ollama server, through its official client."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

from optimizer.llm.address import Address, read_address
from optimizer.llm.base import Reply, Request, Unavailable, storable
from optimizer.llm.client import client_of, ollama
from optimizer.llm.faults import FAULTS, explained, window_exceeded

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
        self._windows: dict[str, int] = {}

    async def models(self) -> dict[str, str]:
        """The models the server has: digests by name, "" where it tells none."""
        found = await self._asking(self.client.list())
        return {model.model: model.digest or "" for model in found.models}

    async def version(self) -> str:
        """What the server says that it is."""
        return str((await self._asking(self.client.version()))["version"])

    async def close(self) -> None:
        """Drop the connections."""
        await self.client.close()  # type: ignore[no-untyped-call]

    async def reply(self, request: Request, on_text: Callable[[str], None]) -> Reply:
        """The whole reply; `on_text` is told the text so far. Raises Unavailable or CallFailed."""
        window = await self.window(request.model)
        said = Said()
        async for part in self._stream(request, window):
            if said.hears(part):
                on_text(said.text)
        if said.last is None:
            raise Unavailable(f"Ollama at {self.address} ended its reply early.", answered=True)
        return checked(request, self._as_reply(request, said, said.last), window)

    async def window(self, model: str) -> int:
        """The context window that calls to this model get, in tokens."""
        if model not in self._windows:
            shown = await self._asking(self.client.show(model))
            trained = [v for k, v in (shown.modelinfo or {}).items() if k.endswith(".context_length")]
            self._windows[model] = min([self.context, *map(int, trained)])
        return self._windows[model]

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
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False


def checked(request: Request, reply: Reply, window: int) -> Reply:
    """The reply, if the model read all that was sent. Older servers cut the front of a prompt and say nothing.

    A token is at least one byte, so a prompt of fewer bytes than the window always fits; beyond that, fewer
    than one token to eight bytes, or a full window, gives a cut away.
    """
    sent = sum(len(message.content.encode()) for message in request.messages)
    if sent + request.max_tokens < window:
        return reply
    cut_front = reply.prompt_tokens and (reply.prompt_tokens >= window or reply.prompt_tokens < sent / 8)
    filled = reply.prompt_tokens + reply.completion_tokens >= window
    if cut_front or (
        filled and reply.finish_reason == "length" and reply.completion_tokens < request.max_tokens
    ):
        raise window_exceeded(request.model, window)
    return reply
