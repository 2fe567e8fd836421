"""Runs one request on llama.cpp and words the answer as Ollama does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from promptevolver.embedded.model.llama import Llama, LlamaError
from promptevolver.embedded.model.request import Request
from promptevolver.embedded.model.weights import iso
from promptevolver.embedded.model.window import fit_prompt

JSON_STARTS = {"object": ("{",), "array": ("[",), "string": ('"',)}
ANY_JSON = tuple('{["-0123456789tfn')

Wording = Callable[[str], dict[str, Any]]


def chat_words(text: str) -> dict[str, Any]:
    """Text as /api/chat says it."""
    return {"message": {"role": "assistant", "content": text}}


def generate_words(text: str) -> dict[str, Any]:
    """Text as /api/generate says it."""
    return {"response": text}


@dataclass
class Reply:
    """One request's answer: pieces with `done` false, then one with the counts and times."""

    request: Request
    words: Wording
    window: int
    started: float = field(default_factory=time.perf_counter)
    prompt: list[int] = field(default_factory=list)
    spoken: bool = False

    async def pieces(self, llama: Llama, slots: asyncio.Semaphore) -> AsyncGenerator[dict[str, Any], None]:
        """Waits for a slot, first come first served; closing the iterator gives it back."""
        async with slots:
            self.prompt = await fit_prompt(llama, self.request, self._effective_window())
            async with aclosing(llama.complete(self._completion())) as pieces:
                async for piece in pieces:
                    if piece["content"] and not self.spoken:
                        self._check_format(piece["content"])
                    if piece["stop"]:
                        yield self._last(piece)
                    elif piece["content"]:
                        yield self._piece(piece["content"])

    def idle(self) -> dict[str, Any]:
        """The answer to a request with nothing to answer: the model is loaded."""
        return self._piece("") | {"done": True, "done_reason": "load"}

    def whole(self, pieces: list[dict[str, Any]]) -> dict[str, Any]:
        """All pieces as the one object of "stream": false."""
        texts = [piece["message"]["content"] if "message" in piece else piece["response"] for piece in pieces]
        return pieces[-1] | self.words("".join(texts))

    def _effective_window(self) -> int:
        return min(self.request.num_ctx or self.window, self.window)

    def _completion(self) -> dict[str, Any]:
        return self.request.sampling | {
            "prompt": self.prompt,
            "n_predict": self._limit(),
            "cache_prompt": True,
        }

    def _limit(self) -> int:
        """At most this many tokens; past the window (old ones make room) only if that many are asked for."""
        room = max(1, self._effective_window() - len(self.prompt))
        wanted = self.request.num_predict
        if wanted < 0:
            return room
        return wanted if self.request.shift else min(wanted, room)

    def _check_format(self, first: str) -> None:
        """llama.cpp answers without a grammar when it cannot read the schema, which shows at the first letter."""
        self.spoken = True
        schema = self.request.sampling.get("json_schema")
        if schema and not first.startswith(JSON_STARTS.get(str(schema.get("type")), ANY_JSON)):
            raise LlamaError(500, "invalid JSON schema in format")  # as Ollama says it

    def _piece(self, text: str) -> dict[str, Any]:
        return {
            "model": self.request.model,
            "created_at": iso(datetime.now(UTC)),
            **self.words(text),
            "done": False,
        }

    def _last(self, piece: dict[str, Any]) -> dict[str, Any]:
        timings = piece["timings"]
        return self._piece(piece["content"]) | {
            "done": True,
            "done_reason": "length" if piece["stop_type"] == "limit" else "stop",
            "total_duration": int((time.perf_counter() - self.started) * 1e9),
            "load_duration": 0,
            "prompt_eval_count": len(self.prompt),
            "prompt_eval_duration": int(timings["prompt_ms"] * 1e6),
            "eval_count": piece["tokens_predicted"],
            "eval_duration": int(timings["predicted_ms"] * 1e6),
        }
