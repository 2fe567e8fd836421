"""What a run will cost, before it starts: the search is rehearsed on models of several abilities that only pretend to
answer."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from optimizer.engine.comparing import Contender, compare
from optimizer.engine.crossfit import FOLDS, QUARTER
from optimizer.engine.events import Spent, Stage
from optimizer.engine.optimizing import run
from optimizer.engine.rehearsal import AVERAGE, STRONG, WEAK, Rehearsal
from optimizer.engine.speed import Speed
from optimizer.engine.task import Config, Task
from optimizer.llm.base import Reply, Request
from optimizer.llm.ledger import Ledger

__all__ = ["Estimate", "Range", "Speed", "estimate", "estimate_comparison"]

Paid = Callable[[Collection[str]], Mapping[str, Reply]]  # of keys of requests, the replies that are known

# Times its lower end is the upper end of a range: about nine of ten searches keep to that, but for early ends.
WIDEST = 3.0
MARGIN = 1.25  # more or less are the tokens of a comparison, whose calls are known
SCENARIOS = [(ability, salt) for salt in range(3) for ability in (AVERAGE, STRONG, WEAK)]
FEWEST = 3  # scenarios: one of each ability
EFFORT = 1_500  # calls that are rehearsed: more scenarios of short searches, fewer of long ones


class Range(NamedTuple):
    """From the least to the most that is likely."""

    low: float
    high: float

    def at_least(self, other: Range) -> Range:
        """With both ends no lower than the other's."""
        return Range(max(self.low, other.low), max(self.high, other.high))

    def at_most(self, limit: float | None) -> Range:
        """With both ends no higher than the limit, if there is one."""
        return self if limit is None else Range(min(self.low, limit), min(self.high, limit))

    def whole(self) -> Range:
        """In whole numbers."""
        low = math.ceil(self.low)
        return Range(low, max(low, math.floor(self.high)))


@dataclass(frozen=True)
class Estimate:
    """Model calls, tokens in and out, and minutes of wall-clock."""

    calls: Range
    tokens: Range
    minutes: Range

    def at_least(self, other: Estimate) -> Estimate:
        """No lower than the other in anything."""
        return Estimate(
            self.calls.at_least(other.calls),
            self.tokens.at_least(other.tokens),
            self.minutes.at_least(other.minutes),
        )


@dataclass(frozen=True)
class Took:
    """What one rehearsal took."""

    calls: int
    tokens: int
    minutes: float

    def repeated(self, since: Took, times: int) -> Took:
        """With what was taken since then so many times more."""
        return Took(
            self.calls + times * (self.calls - since.calls),
            self.tokens + times * (self.tokens - since.tokens),
            self.minutes + times * (self.minutes - since.minutes),
        )


def estimate(
    task: Task,
    config: Config,
    speed: Speed,
    seed: int = 0,
    *,
    writing: Speed | None = None,
    judging: Speed | None = None,
    others: Mapping[str, Speed] | None = None,
    within: float = math.inf,
) -> Estimate:
    """What running the task will take at the speed of the target model. `writing` is the speed of the optimizer model,
    `judging` that of the judge, `others` those of other models by name, if they are known. No model is asked.

    As many scenarios are rehearsed as fit into the effort, and into `within` so many seconds of computing. Raises
    TaskRefusedError as the run itself would, and TimeoutError where not even one fits.
    """
    deadline = time.thread_time() + within
    took: list[Took] = []
    for ability, salt in SCENARIOS:
        model = Rehearsal(
            task, speed, ability=ability, salt=salt, writing=writing, judging=judging, others=others
        )
        one = _rehearsed(task, config, model, seed, deadline)
        if one is None:
            break
        took.append(one)
        if len(took) >= FEWEST and sum(known.calls for known in took) >= EFFORT:
            break
    if not took:
        raise TimeoutError(f"The rehearsal of the search takes longer than {within:g} s.")
    return _told(took, config, speed)


def _rehearsed(task: Task, config: Config, model: Rehearsal, seed: int, deadline: float) -> Took | None:
    """What the search took with that model; None where it was not over in time. The search of one quarter stands for
    those of all."""
    took, first, before = Took(0, 0, 0), "", Took(0, 0, 0)
    for event in run(task, config, model, seed):
        if time.thread_time() > deadline:
            return None
        match event:
            case Spent(calls, prompt_tokens, completion_tokens):
                took = Took(calls, prompt_tokens + completion_tokens, model.ms / 60_000)
            case Stage(name) if not first and name.startswith(QUARTER):
                first, before = name.partition(":")[0], took
            case Stage(name) if first and not name.startswith(first):
                return took.repeated(before, FOLDS - 1)
    return took


def _told(took: Sequence[Took], config: Config, speed: Speed) -> Estimate:
    minutes = around(fmean(one.minutes for one in took))
    loading = speed.load_seconds / 60
    return Estimate(
        calls=around(fmean(one.calls for one in took)).at_most(config.max_calls).whole(),
        tokens=around(fmean(one.tokens for one in took)).at_most(config.max_tokens).whole(),
        minutes=Range(minutes.low + loading, minutes.high + loading).at_most(config.max_minutes),
    )


def around(amount: float, factor: float = math.sqrt(WIDEST)) -> Range:
    """So many times less to so many times more."""
    return Range(amount / factor, amount * factor)


def estimate_comparison(
    task: Task,
    config: Config,
    speed: Speed,
    seed: int = 0,
    *,
    contender: Contender,
    paid: Paid,
    judging: Speed | None = None,
    within: float = math.inf,
) -> Estimate:
    """What comparing a contender takes, besides what `paid` knows: its calls are known, not how long answers are. No
    model is asked. Raises TimeoutError where that takes more than `within` so many seconds of computing."""
    deadline = time.thread_time() + within
    model = Rehearsal(task, speed, judging=judging)
    for _ in compare(task, config, Ledger(model, Beforehand(paid)), seed, contender=contender):
        if time.thread_time() > deadline:
            raise TimeoutError(f"The rehearsal of the comparison takes longer than {within:g} s.")
    return Estimate(
        calls=Range(model.calls, model.calls),
        tokens=around(model.tokens, MARGIN).whole(),
        minutes=around(model.ms / 60_000 + speed.load_seconds / 60, MARGIN),
    )


class Beforehand:
    """A ledger's store that knows what is paid for, and forgets what is only rehearsed."""

    def __init__(self, paid: Paid) -> None:
        self._paid = paid
        self._rehearsed: dict[str, Reply] = {}

    def find(self, keys: Iterable[str]) -> Mapping[str, Reply]:
        """See `Store`."""
        asked = set(keys)
        return {**self._paid(asked), **{key: self._rehearsed[key] for key in asked & self._rehearsed.keys()}}

    def save(self, request: Request, reply: Reply) -> Reply:
        """See `Store`."""
        self._rehearsed[request.key] = reply
        return reply
