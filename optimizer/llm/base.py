"""What a model is to us: a thing that answers batches of requests, in any order, and can be told to stop."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol


class UnavailableError(Exception):
    """The server cannot be reached or is not ready. Trying again later may help.

    `answered` is true if the server itself reported a fault, which is not waited out forever. `status` is its HTTP
    status, or 0.
    """

    def __init__(self, text: str, *, answered: bool = False, status: int = 0) -> None:
        super().__init__(text)
        self.answered = answered
        self.status = status


class CallFailedError(Exception):
    """This call cannot succeed as it is. `code` is for programs, the text for people."""

    def __init__(self, code: str, text: str) -> None:
        super().__init__(text)
        self.code = code


UNEQUAL = {"purpose", "beginning", "window", "reasons"}  # what does not decide the reply


@dataclass(frozen=True)
class Message:
    """One chat message; `role` is system, user or assistant."""

    role: str
    content: str


@dataclass(frozen=True)
class Request:
    """One call of a model. Equal requests are paid for once.

    `schema` is a JSON schema that the reply should follow; `max_tokens` limits the reply. What does not count for
    equality: `purpose` says which step asks; requests of one `beginning` share the beginning of their prompts, which
    a server need not read again when they come one after the other; `window` is how many tokens of context the call
    gets, 0 for as many as are allowed; with `reasons` the prompt asks for reasoning before the answer, so that the
    reply is long.
    """

    purpose: str
    model: str
    messages: tuple[Message, ...]
    max_tokens: int
    temperature: float = 0.0
    seed: int = 0
    schema: dict[str, Any] | None = None
    beginning: str = ""
    window: int = 0
    reasons: bool = False

    @cached_property
    def key(self) -> str:
        """The ledger's key for this request: a digest of everything that decides the reply."""
        messages = [
            vars(message) for message in self.messages
        ]  # asdict would copy each value, for many requests
        content = {name: value for name, value in vars(self).items() if name not in UNEQUAL}
        content |= {"messages": messages, "purpose": None}  # keys in existing ledgers have a place for it
        return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


@dataclass(frozen=True)
class Reply:
    """What the model said. `finish_reason` is "stop", or "length" if `max_tokens` cut it.

    Milliseconds: `duration_ms` is the whole call. `busy_ms` of it went into reading and writing, `load_ms` into
    loading the model; both are 0 if the server does not say. The rest was time in line. `host` is the server's
    address. `at_ms` is how long the run had worked when the reply came, None if nobody counts.
    """

    text: str
    finish_reason: str = "stop"
    prompt_tokens: int = 0
    completion_tokens: int = 0
    duration_ms: int = 0
    host: str = ""
    busy_ms: int = 0
    load_ms: int = 0
    at_ms: int | None = None


@dataclass(frozen=True)
class Piece:
    """The text of request `index` so far, while it is being generated."""

    index: int
    text: str


@dataclass(frozen=True)
class Done:
    """The reply to request `index`."""

    index: int
    reply: Reply


@dataclass(frozen=True)
class Failed:
    """Request `index` cannot succeed."""

    index: int
    error: CallFailedError


@dataclass(frozen=True)
class Idle:
    """Nothing came for a moment. `waiting` says what it waits for, unless the model just thinks. `away` is true if a
    server does not answer."""

    waiting: str = ""
    away: bool = False


@dataclass(frozen=True)
class InVain:
    """A call failed and will be tried again; `fault` says why."""

    fault: str


def storable(text: str) -> str:
    """The text without what no database takes: NUL, and halves of surrogate pairs. Models write both at times."""
    return text.replace("\0", "").encode("utf-8", "replace").decode("utf-8")


Arrival = Piece | Done | Failed | Idle | InVain


class Model(Protocol):
    """Answers requests. `slots` is how many it works on at once."""

    slots: int

    def replies(self, requests: Sequence[Request]) -> Iterator[Arrival]:
        """Yield arrivals as they come, one Done or Failed a request; closing aborts what is in flight."""
        ...
