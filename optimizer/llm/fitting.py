"""Whether a prompt fits into a window: the server says so, or its bytes and the counts of other prompts do.

Servers since 0.13 refuse a prompt that is too long. Older ones cut its front and say nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache

from optimizer.llm.base import CallFailedError, Message, Reply, Request, UnavailableError
from optimizer.llm.versions import REFUSES, Ask, Version, version_of

# Blanks, drawn lines and fillings: many of them are one token.
REPEATED = re.compile(r"(\s)\s{2,}|([^\w\s])\2{2,}|(.)\3{7,}")
SOLID = 8  # more bytes per token than any text has, without repetitions
LONG = 200  # bytes of a prompt that is long enough to show how dense its tokens are
SURELY = 1.5  # later prompts may be this much thinner than anything counted so far


def solid_size(messages: Sequence[Message]) -> int:
    """Bytes of the messages. Repetitions that fit into one token count little."""
    return sum(_solid(message.content) for message in messages)


@lru_cache(4096)  # examples stand in many prompts
def _solid(text: str) -> int:
    return len(REPEATED.sub(r"\1\2\3", text).encode())


class Counted:
    """What servers counted for whole prompts, by model: the fewest tokens per solid byte."""

    def __init__(self) -> None:
        self._thinnest: dict[str, float] = {}

    def add(self, request: Request, reply: Reply) -> None:
        """Learn from a prompt that was read as a whole."""
        if (size := solid_size(request.messages)) >= LONG:
            thin = reply.prompt_tokens / size
            self._thinnest[request.model] = min(thin, self._thinnest.get(request.model, thin))

    def fewest(self, model: str, messages: Sequence[Message]) -> float:
        """Tokens that the messages surely have for the model; 0 if nothing is known."""
        return solid_size(messages) * self._thinnest.get(model, 0.0) / SURELY

    def knows(self, model: str) -> bool:
        """Whether anything was counted for the model."""
        return model in self._thinnest

    def credible(self, model: str) -> bool:
        """Whether whole prompts were counted: some servers leave out the part that they remember, or count nothing."""
        return self._thinnest.get(model, 0.0) * SOLID >= 1


class Fitting:
    """Tells from one server's replies whether it read everything that was sent."""

    def __init__(self, ask: Ask) -> None:
        self._ask = ask
        self._version: Version = ()
        self._counted = Counted()

    async def whole(self, request: Request, reply: Reply, window: int) -> bool:
        """Whether the prompt, and the answer up to its limit, fitted into the window."""
        filled = reply.prompt_tokens + reply.completion_tokens >= window
        if filled and reply.finish_reason == "length" and reply.completion_tokens < request.max_tokens:
            return False
        sent = sum(len(message.content.encode()) for message in request.messages)
        if sent + request.max_tokens < window:  # a token is at least one byte
            self._counted.add(request, reply)
            return True
        return await self._refuses() or not await self._cut(request, reply, window)

    async def _refuses(self) -> bool:
        """Whether the server refuses by itself what does not fit."""
        self._version = self._version or await version_of(self._ask)
        return self._version >= REFUSES

    async def _cut(self, request: Request, reply: Reply, window: int) -> bool:
        """Whether the front is surely gone: the window is full, or fewer tokens were counted than there must be."""
        least = solid_size(request.messages) / SOLID
        if least >= window or reply.prompt_tokens >= window:
            return True
        if reply.prompt_tokens < least and not self._counted.knows(request.model):
            await self._count(request, window)
        if not self._counted.credible(request.model):
            return False
        return reply.prompt_tokens < self._counted.fewest(request.model, request.messages)

    async def _count(self, request: Request, window: int) -> None:
        """Let the server count a part of the text that surely fits."""
        part = request.messages[-1].content.encode()[: window // 2].decode(errors="ignore")
        body = {
            "model": request.model,
            "messages": [{"role": "user", "content": part}],
            "stream": False,
            "options": {"num_predict": 1, "num_ctx": window},
        }
        try:
            answer = await self._ask("/api/chat", body)
        except (CallFailedError, UnavailableError, ValueError):
            return
        counted = answer.get("prompt_eval_count") if isinstance(answer, dict) else None
        if isinstance(counted, int):
            asked = replace(request, messages=(Message("user", part),))
            self._counted.add(asked, Reply("", prompt_tokens=counted))
