"""A short trial of how fast a model answers."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from contextlib import closing

from optimizer.llm.base import Done, Failed, Idle, Message, Model, Reply, Request, Unavailable

SHAPES = ((8, 4), (8, 48), (240, 4))  # words of the prompt, most tokens of the answer
LONGEST = 120.0  # seconds, loading the model included


def trial(model: Model, name: str) -> list[Reply]:
    """Replies to three small calls a slot, sent together, so that each is timed while the others are busy.

    Raises Unavailable when no server answers in time, and CallFailed when it refuses.
    """
    ends = time.monotonic() + LONGEST
    _replies(model, [_request(name, SHAPES[0])], ends)  # whatever loads the model is not timed
    shapes = [shape for _ in range(model.slots) for shape in SHAPES]
    return _replies(model, [_request(name, shape) for shape in shapes], ends)


def _request(name: str, shape: tuple[int, int]) -> Request:
    """A call that no prompt cache knows, and whose answer is as long as it may be."""
    words, most = shape
    start = random.randrange(10**9)
    numbers = " ".join(str(start + n) for n in range(words // 8))
    text = f"{numbers}. Go on counting from there, without stopping, a number a line."
    return Request("speed", name, (Message("user", text),), max_tokens=most, seed=start)


def _replies(model: Model, requests: Sequence[Request], ends: float) -> list[Reply]:
    replies = []
    with closing(model.replies(requests)) as arrivals:  # type: ignore[type-var]
        for arrival in arrivals:
            match arrival:
                case Done(_, reply):
                    replies.append(reply)
                case Failed(_, error):
                    raise error
                case Idle(waiting) if waiting or time.monotonic() > ends:
                    raise Unavailable(waiting or f"{model} takes longer than {LONGEST:g} s to answer.")
    return replies
