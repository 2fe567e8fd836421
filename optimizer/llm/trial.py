"""A short trial of how fast a model answers."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass

from optimizer.llm.base import Done, Failed, Idle, Message, Model, Reply, Request, Unavailable

PROMPT = 30  # numbers
SHORT, LONG = 4, 48  # most tokens of an answer
LONGEST = 120.0  # seconds, loading the model included


@dataclass(frozen=True)
class Trial:
    """Three small calls for each slot: of a new prompt, of the same prompt again, and again with a longer answer."""

    new: list[Reply]
    again: list[Reply]
    longer: list[Reply]


def trial(model: Model, name: str) -> Trial:
    """Time a model. The calls of a kind are sent together, so that each is timed while the other slots are busy.

    Raises Unavailable when no server answers in time, and CallFailed when it refuses.
    """
    ends = time.monotonic() + LONGEST
    _replies(model, [_request(name, "Hello.", SHORT)], ends)  # whatever loads the model is not timed
    prompts = [_numbers(PROMPT) for _ in range(model.slots)]

    def asked(most: int) -> list[Reply]:
        texts = [f"{prompt}\n\nGo on from {_numbers(1)}." for prompt in prompts]
        return _replies(model, [_request(name, text, most) for text in texts], ends)

    return Trial(new=asked(SHORT), again=asked(SHORT), longer=asked(LONG))


def _numbers(count: int) -> str:
    """So many that no server has seen, eight tokens each or so."""
    return " ".join(str(random.randrange(10**7, 10**8)) for _ in range(count))


def _request(name: str, text: str, most: int) -> Request:
    """A call whose answer is as long as it may be, if the model likes to count."""
    asked = f"{text} Write numbers, one a line, and do not stop."
    return Request("speed", name, (Message("user", asked),), max_tokens=most)


def _replies(model: Model, requests: Sequence[Request], ends: float) -> list[Reply]:
    replies = []
    with closing(model.replies(requests)) as arrivals:  # type: ignore[type-var]
        for arrival in arrivals:
            match arrival:
                case Done(_, reply):
                    replies.append(reply)
                case Failed(_, error):
                    raise error
                case Idle(waiting, away) if away or time.monotonic() > ends:
                    raise Unavailable(waiting or f"{model} takes longer than {LONGEST:g} s to answer.")
    return replies
