"""A short trial of how fast a model answers: one small call, then more while they are quick."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from optimizer.llm.base import Done, Failed, Idle, Message, Model, Piece, Reply, Request, UnavailableError

PROMPT = 15  # numbers
SHORT, LONG = 4, 24  # most tokens of an answer
QUICK = 4.0  # seconds of a call, after which there is time for another
LONGEST = 90.0  # seconds in all, loading the model included


@dataclass(frozen=True)
class Timed:
    """A reply, the seconds that it took without loading, and how many of them passed while it was written: 0 if it
    came in one piece."""

    reply: Reply
    seconds: float
    writing: float = 0.0


@dataclass(frozen=True)
class Trial:
    """What was timed, one call after the other: the `first`, which loads the model; of a `new` prompt; of the same
    prompt `again`, and `shorter`. Then as many `together` as the server has slots, in `elapsed` seconds. A slow model
    leaves out the later ones."""

    first: Timed
    new: Timed | None = None
    again: Timed | None = None
    shorter: Timed | None = None
    together: tuple[Timed, ...] = ()
    elapsed: float = 0.0

    @property
    def calls(self) -> int:
        """How many calls were timed."""
        return sum(map(bool, (self.first, self.new, self.again, self.shorter))) + len(self.together)


def trial(model: Model, name: str) -> Trial:
    """Time a model.

    Raises UnavailableError when no server answers in time, and CallFailedError when it refuses.
    """
    timer = Timer(model, time.monotonic() + LONGEST)
    first = timer.one(_request(name, "Hello.", SHORT))
    if first is None:
        raise UnavailableError(timer.waiting or f"{name} takes longer than {LONGEST:g} s to answer.")
    numbers = _numbers(PROMPT)
    new = timer.one(_asking(name, numbers, LONG))
    again = timer.one(_asking(name, numbers, LONG)) if _quick(new) else None
    shorter = timer.one(_asking(name, numbers, SHORT)) if _quick(again) else None
    if not _quick(shorter):
        return Trial(first, new, again, shorter)
    started = time.monotonic()
    together = timer.replies([_asking(name, numbers, LONG) for _ in range(model.slots)])
    elapsed = time.monotonic() - started
    return Trial(first, new, again, shorter, tuple(together) if len(together) == model.slots else (), elapsed)


class Timer:
    """Asks a model and takes the time, until `ends`."""

    def __init__(self, model: Model, ends: float) -> None:
        self._model = model
        self._ends = ends
        self.waiting = ""  # what it last waited for, if that did not come

    def one(self, request: Request) -> Timed | None:
        """The reply to a request; None if it does not come in time."""
        return next(iter(self.replies([request])), None)

    def replies(self, requests: Sequence[Request]) -> list[Timed]:
        """The replies that come in time."""
        started = time.monotonic()
        begun: dict[int, float] = {}
        timed = []
        with closing(self._model.replies(requests)) as arrivals:  # type: ignore[type-var]
            for arrival in arrivals:
                now = time.monotonic()
                match arrival:
                    case Piece(index, _):
                        begun.setdefault(index, now)
                    case Done(index, reply):
                        timed.append(_timed(reply, now - started, now - begun.get(index, now)))
                    case Failed(_, error):
                        raise error
                    case Idle(waiting, away) if away:
                        self.waiting = waiting
                        break
                if now > self._ends:
                    break
        return timed


def _timed(reply: Reply, elapsed: float, writing: float) -> Timed:
    """By the server's own times, if it reports them."""
    told = reply.busy_ms or max(0, reply.duration_ms - reply.load_ms)
    return Timed(reply, told / 1000 or elapsed, writing)


def _quick(call: Timed | None) -> bool:
    """Whether it leaves time for another."""
    return call is not None and call.seconds <= QUICK


def _numbers(count: int) -> str:
    """This many numbers that no server has seen, of about eight tokens each."""
    return " ".join(str(random.randrange(10**7, 10**8)) for _ in range(count))


def _asking(name: str, numbers: str, most: int) -> Request:
    return _request(name, f"{numbers}\n\nContinue from {_numbers(1)}.", most)


def _request(name: str, text: str, most: int) -> Request:
    """A call whose answer is as long as it may be, if the model likes to count."""
    asked = f"{text} Write numbers, one a line, and do not stop."
    return Request("speed", name, (Message("user", asked),), max_tokens=most)
