"""Trying a prompt: one call of a model, whose answer is told while it is written."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from dataclasses import dataclass, field
from uuid import uuid4

from django.core.cache import cache

from optimizer import pools
from optimizer.llm.base import Arrival, CallFailedError, Done, Failed, Idle, InVain, Message, Piece, Request
from optimizer.models import User

MOST_TOKENS = 1024  # of an answer
LASTS, RENEWED = 20, 5.0  # seconds that a turn is kept without a word, and between two words
PATIENCE = 5.0  # seconds that a turn is waited for: the answer of a page that was just left ends within them
BUSY = (
    "An answer is being written for you already, perhaps in another tab. Stop it there, or wait for its end."
)
Tell = Callable[[Arrival | None], None]
LOST = "Something went wrong while the answer was written. Try again."


@dataclass
class Turn:
    """The right to one answer at a time. It lapses if its holder dies."""

    key: str
    token: str = field(default_factory=lambda: uuid4().hex)
    renewed: float = 0.0

    def take(self, left: threading.Event) -> bool:
        """Whether it is this one's turn now. Who left while waiting takes none."""
        until = time.monotonic() + PATIENCE
        while not left.is_set():
            self.renewed = time.monotonic()
            if cache.add(self.key, self.token, LASTS):
                return True
            if self.renewed >= until:
                break
            left.wait(0.1)
        return False

    def renew(self) -> None:
        """Keep it a while longer."""
        if time.monotonic() - self.renewed >= RENEWED:
            cache.touch(self.key, LASTS)
            self.renewed = time.monotonic()

    def end(self) -> None:
        """Let the next one begin."""
        if cache.get(self.key) == self.token:
            cache.delete(self.key)


def turn_of(user: User) -> Turn:
    """A turn for this person, not taken yet."""
    return Turn(f"trying:{user.pk}")


def asking(*, model: str, text: str, system_text: str = "") -> Request:
    """The call that sends a filled prompt."""
    system = (Message("system", system_text),) if system_text.strip() else ()
    return Request("try", model, (*system, Message("user", text)), max_tokens=MOST_TOKENS)


async def answer(*, by: User, request: Request) -> AsyncIterator[Arrival]:
    """What comes of the call, to its end: a failure in words, if one is being written for them already. Whoever stops
    reading ends it, on the server too."""
    loop = asyncio.get_running_loop()
    arrivals: asyncio.Queue[Arrival | None] = asyncio.Queue()
    left = threading.Event()

    def tell(arrival: Arrival | None) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(arrivals.put_nowait, arrival)

    threading.Thread(target=_ask, args=(request, turn_of(by), tell, left), daemon=True, name="trying").start()
    try:
        while (arrival := await arrivals.get()) is not None:
            yield arrival
    finally:
        left.set()


def _ask(request: Request, turn: Turn, tell: Tell, left: threading.Event) -> None:
    """In a thread of its own."""
    try:
        if turn.take(left):
            _tell_all(request, turn, tell, left)
        else:
            tell(Failed(0, CallFailedError("busy", BUSY)))
    except Exception:
        tell(Failed(0, CallFailedError("lost", LOST)))
        raise
    finally:
        tell(None)


def _tell_all(request: Request, turn: Turn, tell: Tell, left: threading.Event) -> None:
    """The pool tells of something a few times a second, so that a reader who left is noticed."""
    try:
        with pools.connected() as pool, closing(pool.replies([request])) as arrivals:  # type: ignore[type-var]
            for arrival in arrivals:
                if left.is_set():
                    break
                turn.renew()
                told = _failed(arrival) or arrival
                tell(told)
                if isinstance(told, Done | Failed):
                    break
    finally:
        turn.end()


def _failed(arrival: Arrival) -> Failed | None:
    """Nobody waits here for a server that does not answer, or that reports a fault: its words are the answer."""
    match arrival:
        case Idle(waiting, away) if away:
            return Failed(0, CallFailedError("away", waiting))
        case InVain(fault):
            return Failed(0, CallFailedError("fault", fault))
        case _:
            return None


def told_of(arrival: Arrival, before: str) -> dict[str, str | bool]:
    """What a page is told: `add` to the text so far, or the whole `text` where it does not continue; `waiting` for
    what; `failed` why; `ended` how. Empty if there is nothing to tell."""
    match arrival:
        case Piece(_, text):
            return _grown(text, before)
        case Done(_, reply):
            cut = reply.finish_reason == "length"
            said = _grown(reply.text, before) if reply.text != before else {}
            return {**said, "ended": _ending(reply.completion_tokens, reply.duration_ms, request_cut=cut)}
        case Failed(_, error):
            return {"failed": str(error)}
        case Idle(waiting, _):
            return {"waiting": waiting} if waiting else {}
        case _:
            return {}


def _grown(text: str, before: str) -> dict[str, str | bool]:
    return {"add": text[len(before) :]} if text.startswith(before) else {"text": text}


def _ending(tokens: int, milliseconds: int, *, request_cut: bool) -> str:
    took = f"{tokens:,} tokens in {milliseconds / 1000:.1f} s"
    return f"Cut off after {took}." if request_cut else f"{took}."
