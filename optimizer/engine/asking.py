"""Asking the model for whole batches, within the limits of the run, and telling what happens meanwhile."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from typing import TypeVar

from optimizer.engine.arriving import Arrived, Live, Written, public, translated
from optimizer.engine.budget import Budget
from optimizer.engine.calls import Answer
from optimizer.engine.events import Beat, Event, Stage, Tried
from optimizer.engine.task import Config
from optimizer.llm.base import Done, Failed, Idle, InVain, Model, Piece, Request

T = TypeVar("T")
Steps = Generator[Event, None, T]  # tells events, and ends with a value
Asking = Generator[
    Sequence[Request], list[Answer], T
]  # asks for batches, gets their answers, ends with a value


class Asker(Budget):
    """A budget with the model on which it is spent: sends batches, as long as the limits allow them."""

    def __init__(self, model: Model, config: Config, seed: int = 0) -> None:
        super().__init__(config, model.slots)
        self.model = model
        self.seed = seed

    def ask(self, stage: str, requests: Sequence[Request]) -> Steps[list[Answer]]:
        """Answers in the order of the requests. Before anything is sent that may pass a limit: BudgetSpentError."""
        return translated(self.follow(stage, requests), public)

    def follow(self, stage: str, requests: Sequence[Request]) -> Live[list[Answer]]:
        """As `ask`, and tells what is written and what arrives, each with the place of its request."""
        self.check(self.cost(requests), likely=True)
        yield Stage(stage, 0, len(requests))
        answers: list[Answer] = []
        for wave in self._waves(requests):
            self.check(self.cost(wave))
            answers += yield from self._send(wave, stage, len(answers), len(requests))
            yield self.spent
        return answers

    def _waves(self, requests: Sequence[Request]) -> list[Sequence[Request]]:
        """All at once where the limits allow the longest replies, and it is known how long such calls take; else as
        many as are answered side by side, so that what each really took is known before the next are sent."""
        timed = self.config.max_minutes is None or self.times(requests)
        if not requests or (timed and not self.limit_passed(self.cost(requests))):
            return [requests]
        slots = self.slots
        return [requests[start : start + slots] for start in range(0, len(requests), slots)]

    def _send(self, wave: Sequence[Request], stage: str, before: int, total: int) -> Live[list[Answer]]:
        answers: dict[int, Answer] = {}
        for arrival in self.model.replies(wave):
            match arrival:
                case Done(index, answer) | Failed(index, answer):
                    answers[index] = answer
                    yield Arrived(before + index, answer)
                    yield Stage(stage, before + len(answers), total)
                case Piece(index, text):
                    yield Written(before + index, text)
                case Idle(waiting, away):
                    yield Beat(waiting, away)
                case InVain(fault):
                    yield Tried(fault)
        in_order = [answers[index] for index in range(len(wave))]
        self.count(wave, in_order)
        return in_order

    def together(self, stage: str, askings: Sequence[Asking[T]]) -> Steps[list[T]]:
        """The values of several askings, whose requests go to the model side by side, step by step."""
        values: dict[int, T] = {}
        wanted = self._advance(dict.fromkeys(range(len(askings))), askings, values)
        while wanted:
            batch = [request for requests in wanted.values() for request in requests]
            answers = iter((yield from self.ask(stage, batch)))
            given = {index: [next(answers) for _ in requests] for index, requests in wanted.items()}
            wanted = self._advance(given, askings, values)
        return [values[index] for index in range(len(askings))]

    @staticmethod
    def _advance(
        given: dict[int, list[Answer]] | dict[int, None], askings: Sequence[Asking[T]], values: dict[int, T]
    ) -> dict[int, Sequence[Request]]:
        """Take each asking one step further: what it asks for next, or its value."""
        wanted = {}
        for index, answers in given.items():
            try:
                wanted[index] = askings[index].send(answers)  # type: ignore[arg-type]
            except StopIteration as end:
                values[index] = end.value
        return wanted
