"""A model whose replies are known beforehand, for tests and for measuring the engine's schedule."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from optimizer.llm.base import Arrival, CallFailed, Done, Failed, Reply, Request

Script = Callable[[Request], str | CallFailed]


class Scripted:
    """Answers each request by a function, after `latency` seconds for each wave of `slots` requests."""

    def __init__(self, script: Script, *, slots: int = 4, latency: float = 0.0) -> None:
        self.script = script
        self.slots = slots
        self.latency = latency
        self.requests: list[Request] = []

    def replies(self, requests: Sequence[Request]) -> Iterator[Arrival]:
        """See `Model`."""
        self.requests.extend(requests)
        for index, request in enumerate(requests):
            if self.latency and index % self.slots == 0:
                time.sleep(self.latency)
            said = self.script(request)
            yield Failed(index, said) if isinstance(said, CallFailed) else Done(index, _reply(request, said))


def _reply(request: Request, text: str) -> Reply:
    words = sum(len(message.content.split()) for message in request.messages)
    return Reply(text, prompt_tokens=words, completion_tokens=len(text.split()), duration_ms=1)
