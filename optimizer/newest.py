"""The answer that open pages show. Only one at a time, so that people can read it. In the cache, because it changes
all the time."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from django.core.cache import cache
from redis.exceptions import RedisError

KEPT = 60  # seconds


@dataclass(frozen=True)
class Newest:
    """A text that a model writes, or wrote last. An answer to a row has the candidate's number and the row's input.
    Once it is scored, it has `expected` and `score`."""

    text: str = ""
    number: int | None = None
    input: str = ""
    expected: str = ""
    score: float | None = None


def show(session_id: int, newest: Newest) -> None:
    """Let pages see it."""
    with suppress(RedisError):  # only for show: the search does not need it
        cache.set(_key(session_id), vars(newest), KEPT)


def hide(session_id: int) -> None:
    """Nothing is written any more."""
    with suppress(RedisError):
        cache.delete(_key(session_id))


def newest_answer(session_id: int) -> Newest:
    """What a model writes for the session now, or wrote last; empty if there is nothing to show."""
    with suppress(RedisError, TypeError):  # another version may have kept something else
        return Newest(**cache.get(_key(session_id), {}))
    return Newest()


def _key(session_id: int) -> str:
    return f"newest:{session_id}"
