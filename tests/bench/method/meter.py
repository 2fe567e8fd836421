"""The one way in which every method reaches the server, and what it has cost so far."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import Any

from optimizer.llm.base import Done, Failed, Message, Model, Reply, Request
from optimizer.llm.ollama import OllamaHost
from optimizer.llm.pool import Pool

SLOTS = 4


class BudgetSpentError(Exception):
    """No token is left for another call."""


class Meter:
    """Counts distinct calls and the tokens that the server reports for them. Safe to use from several threads.

    An equal request is paid for once, as in the product. A call is refused once `budget` tokens are used up.
    """

    def __init__(self, model: Model, name: str, budget: int | None = None) -> None:
        self.model = model
        self.name = name
        self.budget = budget
        self.calls = self.tokens = 0
        self.refused = False
        self._known: dict[str, Reply] = {}
        self._lock = threading.Lock()

    @property
    def spent(self) -> bool:
        return self.budget is not None and self.tokens >= self.budget

    def answers(
        self, chats: Sequence[Sequence[Message]], *, max_tokens: int, schema: dict[str, Any] | None = None
    ) -> list[str]:
        """Replies at temperature 0, in order. BudgetSpentError where the tokens do not last for all."""
        return self._texts(
            [Request("answer", self.name, tuple(chat), max_tokens, schema=schema) for chat in chats]
        )

    def samples(
        self, chats: Sequence[Sequence[Message]], seeds: Sequence[int], *, max_tokens: int, temperature: float
    ) -> list[str]:
        """Replies drawn with the seeds, in order. BudgetSpentError where the tokens do not last for all."""
        return self._texts(
            [
                Request("sample", self.name, tuple(chat), max_tokens, temperature, seed)
                for chat, seed in zip(chats, seeds, strict=True)
            ]
        )

    def _texts(self, requests: Sequence[Request]) -> list[str]:
        return [self.reply_to(request, requests[at:]) for at, request in enumerate(requests)]

    def reply_to(self, request: Request, ahead: Sequence[Request]) -> str:
        """The text of one reply; the requests `ahead` go out in the same batch. Empty where the call fails."""
        if request.key not in self._known:
            if self.spent:
                self.refused = True
                raise BudgetSpentError
            self._ask({new.key: new for new in ahead if new.key not in self._known})
        return self._known[request.key].text

    def _ask(self, new: dict[str, Request]) -> None:
        requests = list(new.values())[: None if self.budget is None else 2 * SLOTS]
        for arrival in self.model.replies(requests):
            match arrival:
                case Done(index, reply):
                    self._count(requests[index], reply)
                case Failed(index, _):
                    self._count(requests[index], Reply(""))
                case _:
                    pass

    def _count(self, request: Request, reply: Reply) -> None:
        with self._lock:
            self._known[request.key] = reply
            self.calls += 1
            self.tokens += reply.prompt_tokens + reply.completion_tokens


def pool(address: str) -> Pool:
    """The server, as the product reaches it."""
    return Pool(lambda: [OllamaHost(address, slots=SLOTS)])
