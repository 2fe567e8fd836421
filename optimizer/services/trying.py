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
from django.core.exceptions import ValidationError

from optimizer import pools
from optimizer.llm.base import Arrival, CallFailedError, Done, Failed, Idle, InVain, Message, Piece, Request
from optimizer.models import User
from optimizer.services.access import require_active

MOST_TOKENS = 1024  # of an answer
LASTS, RENEWED = 20, 5.0  # seconds that a turn is kept without a word, and between two words
PATIENCE = 2.0  # seconds that a turn is waited for: the answer of a page that was just left ends within them
BUSY = (
    "An answer is being written for you already, perhaps in another tab. Stop it there, or wait for its end."
)
LOST = "Something went wrong while the answer was written. Try again."


@dataclass
class Turn:
    """The right to one answer at a time. It lapses if its holder dies."""

    key: str
    token: str = field(default_factory=lambda: uuid4().hex)
    renewed: float = 0.0

    def take(self) -> bool:
        """Whether it is this one's turn now."""
        until = time.monotonic() + PATIENCE
        while not (taken := bool(cache.add(self.key, self.token, LASTS))) and time.monotonic() < until:
            time.sleep(0.1)
        self.renewed = time.monotonic()
        return taken

    def renew(self) -> None:
        """Keep it a while longer."""
        if time.monotonic() - self.renewed >= RENEWED:
            cache.touch(self.key, LASTS)
            self.renewed = time.monotonic()

    def end(self) -> None:
        """Let the next one begin."""
        if cache.get(self.key) == self.token:
            cache.delete(self.key)


def begin_trying(*, by: User) -> Turn:
    """A turn for this person. ValidationError if an answer is being written for them already."""
    require_active(user=by)
    turn = Turn(f"trying:{by.pk}")
    if not turn.take():
        raise ValidationError(BUSY)
    return turn


def asking(*, model: str, text: str, system_text: str = "") -> Request:
    """The call that sends a filled prompt."""
    system = (Message("system", system_text),) if system_text.strip() else ()
    return Request("try", model, (*system, Message("user", text)), max_tokens=MOST_TOKENS)


async def answer(request: Request, turn: Turn) -> AsyncIterator[Arrival]:
    """What comes of the call, to its end. Whoever stops reading ends it, on the server too."""
    loop = asyncio.get_running_loop()
    arrivals: asyncio.Queue[Arrival | None] = asyncio.Queue()
    left = threading.Event()

    def tell(arrival: Arrival | None) -> None:
        if not loop.is_closed():
            loop.call_soon_threadsafe(arrivals.put_nowait, arrival)

    threading.Thread(target=_ask, args=(request, turn, tell, left), daemon=True, name="trying").start()
    try:
        while (arrival := await arrivals.get()) is not None:
            yield arrival
    finally:
        left.set()


def _ask(request: Request, turn: Turn, tell: Callable[[Arrival | None], None], left: threading.Event) -> None:
    """In a thread: the pool tells of something a few times a second, so that a reader who left is noticed."""
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
    except Exception:
        tell(Failed(0, CallFailedError("lost", LOST)))
        raise
    finally:
        turn.end()
        tell(None)


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
