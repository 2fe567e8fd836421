"""Asking the model in batches, within hard limits, telling what goes on meanwhile."""

from __future__ import annotations

import random
from collections.abc import Generator, Sequence
from typing import Any, TypeVar

from optimizer.engine.events import Beat, Event, Spent, Stage, Writing
from optimizer.engine.task import Config
from optimizer.llm.base import CallFailed, Done, Failed, Idle, Message, Model, Piece, Reply, Request

T = TypeVar("T")
Steps = Generator[Event, None, T]
Answer = Reply | CallFailed


class BudgetSpent(Exception):
    """The next batch of calls would go over a limit of the run. Says which."""


class Asker:
    """Sends batches to the model and counts what they cost.

    Costs are counted by distinct request, so that a replay from the ledger counts the same. `reserve` calls
    are kept back for the final comparison.
    """

    def __init__(self, model: Model, config: Config) -> None:
        self.model = model
        self.config = config
        self.reserve = 0
        self.spent = Spent(0, 0, 0)
        self._paid: set[str] = set()

    def ask(self, stage: str, requests: Sequence[Request]) -> Steps[list[Answer]]:
        """Answers in the order of the requests. Raises BudgetSpent before anything is sent."""
        self._check(requests)
        answers: dict[int, Answer] = {}
        yield Stage(stage, 0, len(requests))
        for arrival in self.model.replies(requests):
            match arrival:
                case Done(index, reply):
                    answers[index] = reply
                    self._count(requests[index], reply)
                    yield Stage(stage, len(answers), len(requests))
                case Failed(index, error):
                    answers[index] = error
                    yield Stage(stage, len(answers), len(requests))
                case Piece(_, text):
                    yield Writing(text)
                case Idle(waiting):
                    yield Beat(waiting)
        yield self.spent
        return [answers[index] for index in range(len(requests))]

    @property
    def calls_left(self) -> int | None:
        """Calls that the limit still allows, beyond the reserve; None without a limit."""
        limit = self.config.max_calls
        return None if limit is None else limit - self.spent.calls - self.reserve

    def affordable(self, requests: Sequence[Request]) -> bool:
        """Whether the batch keeps within the limits."""
        new = len({request.key for request in requests} - self._paid)
        calls, tokens = self.config.max_calls, self.config.max_tokens
        used = self.spent.prompt_tokens + self.spent.completion_tokens
        return not (
            (calls is not None and self.spent.calls + new + self.reserve > calls)
            or (tokens is not None and used + sum(most_tokens(r) for r in requests) > tokens)
        )

    def _check(self, requests: Sequence[Request]) -> None:
        if not self.affordable(requests):
            tokens = self.spent.prompt_tokens + self.spent.completion_tokens
            raise BudgetSpent(f"The budget is spent: {self.spent.calls} calls, {tokens} tokens.")

    def _count(self, request: Request, reply: Reply) -> None:
        if request.key in self._paid:
            return
        self._paid.add(request.key)
        self.spent = Spent(
            self.spent.calls + 1,
            self.spent.prompt_tokens + reply.prompt_tokens,
            self.spent.completion_tokens + reply.completion_tokens,
        )


def most_tokens(request: Request) -> int:
    """An upper bound of what a request costs: a token is at least one byte."""
    return sum(len(message.content.encode()) + 8 for message in request.messages) + request.max_tokens


def proposal_request(
    purpose: str, text: str, schema: dict[str, Any], *, model: str, config: Config, salt: str
) -> Request:
    """A sampled call of the optimizer model; equal texts with another `salt` get another seed."""
    return Request(
        purpose=purpose,
        model=model,
        messages=(Message("user", text),),
        max_tokens=config.proposal_tokens,
        temperature=config.temperature,
        seed=random.Random(f"{config.seed}:{purpose}:{salt}").randrange(2**31),
        schema=schema,
    )


def judge_request(purpose: str, text: str, schema: dict[str, Any], *, model: str) -> Request:
    """A call for a verdict: temperature 0, few tokens."""
    return Request(purpose, model, (Message("user", text),), max_tokens=64, schema=schema)
