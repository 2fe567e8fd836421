"""Models whose replies are known beforehand, for tests and for measuring the engine's schedule."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from optimizer.llm.base import Arrival, CallFailedError, Done, Failed, Reply, Request
from optimizer.llm.facts import ModelFacts
from optimizer.llm.roles import Roles

Script = Callable[[Request], "str | CallFailedError"]


class Scripted:
    """A `Model` that answers each request at once, by a function, and remembers what it was asked."""

    def __init__(self, script: Script, *, slots: int = 4) -> None:
        self.script = script
        self.slots = slots
        self.requests: list[Request] = []

    def replies(self, requests: Sequence[Request]) -> Iterator[Arrival]:
        """See `Model`."""
        self.requests.extend(requests)
        for index, request in enumerate(requests):
            said = self.script(request)
            yield (
                Failed(index, said)
                if isinstance(said, CallFailedError)
                else Done(index, reply_of(request, said))
            )


class ScriptedHost:
    """A server for a `Pool` that answers by a function, each time after `latency` seconds.

    The function may raise UnavailableError or CallFailedError. `at_once` is the most requests it had at a time.
    """

    def __init__(
        self,
        script: Callable[[Request], str],
        *,
        slots: int = 4,
        latency: float = 0.0,
        address: str = "scripted",
    ) -> None:
        self.address = address
        self.script = script
        self.digest = "1"
        self.facts: list[ModelFacts] = []
        self.shown_roles: Roles | None = None
        self.slots = slots
        self.latency = latency
        self.requests: list[Request] = []
        self.aborted = 0
        self.at_once = 0
        self._now = 0

    async def models(self) -> dict[str, ModelFacts]:
        """It has one model, unless `facts` says otherwise."""
        found = self.facts or [ModelFacts("scripted", self.digest)]
        return {facts.name: facts for facts in found}

    async def roles(self, model: str, window: int) -> Roles | None:
        """As `shown_roles` says; it shows no prompt at first."""
        return self.shown_roles

    async def close(self) -> None:
        """Nothing to close."""

    async def reply(self, request: Request, on_text: Callable[[str], None]) -> Reply:
        """See `OllamaHost`."""
        self.requests.append(request)
        self._now += 1
        self.at_once = max(self.at_once, self._now)
        try:
            await asyncio.sleep(self.latency)
            text = self.script(request)
        except asyncio.CancelledError:
            self.aborted += 1
            raise
        finally:
            self._now -= 1
        on_text(text)
        took = max(1, round(1000 * self.latency))
        return replace(reply_of(request, text), duration_ms=took, host=self.address)


def reply_of(request: Request, text: str) -> Reply:
    """The reply with words for tokens."""
    words = sum(len(message.content.split()) for message in request.messages)
    return Reply(text, prompt_tokens=words, completion_tokens=len(text.split()), duration_ms=1)
