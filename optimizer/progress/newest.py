"""The answer that open pages show: one at a time, so that it can be read, in the cache, for it changes all the time."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import dataclass, replace

from django.core.cache import cache
from redis.exceptions import RedisError

from optimizer.engine.events import Answered, Writing

KEPT = 60  # seconds
SILENT = 2.0  # seconds after which another answer is followed


@dataclass(frozen=True)
class Newest:
    """A text that a model writes, or wrote last: where it answers a row, with the candidate's number and the row's
    input, and once it is scored with `expected` and `score`."""

    text: str = ""
    number: int | None = None
    input: str = ""
    expected: str = ""
    score: float | None = None


class Follower:
    """Follows one answer until it is scored or nothing more comes of it, then the next that is written."""

    def __init__(self) -> None:
        self.newest = Newest()
        self._heard = 0.0

    def begin(self) -> None:
        """Another stage: what was written before belongs to it no more."""
        self.newest = Newest()

    def writing(self, event: Writing) -> None:
        """More of an answer, if it is the one to follow."""
        newest, now = self.newest, time.monotonic()
        same = (event.number, event.input) == (newest.number, newest.input)
        if same or not newest.text or newest.score is not None or now - self._heard > SILENT:
            self.newest, self._heard = Newest(event.text, event.number, event.input), now

    def answered(self, event: Answered) -> None:
        """The score of an answer, if it is the one that is followed."""
        outcome = event.outcome
        if (event.number, outcome.input) == (self.newest.number, self.newest.input):
            self.newest = replace(
                self.newest, text=outcome.output, expected=outcome.expected, score=outcome.score
            )


def show(session_id: int, newest: Newest) -> None:
    """Let pages see it."""
    with suppress(RedisError):  # only for show: the search does not need it
        cache.set(_key(session_id), vars(newest), KEPT)


def hide(session_id: int) -> None:
    """Nothing is written any more."""
    with suppress(RedisError):
        cache.delete(_key(session_id))


def newest_answer(session_id: int) -> Newest:
    """What a model writes for the session now, or wrote last; empty where there is nothing to show."""
    with suppress(RedisError, TypeError):  # another version may have kept something else
        return Newest(**cache.get(_key(session_id), {}))
    return Newest()


def _key(session_id: int) -> str:
    return f"session:{session_id}:newest"
