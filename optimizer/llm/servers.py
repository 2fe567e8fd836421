"""How a server has behaved: whether to ask it now, later, or not again."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from optimizer.llm.base import CallFailedError, Reply, Request, UnavailableError
from optimizer.llm.facts import ModelFacts
from optimizer.llm.roles import Roles

SHORTEST_PAUSE, LONGEST_PAUSE = 0.25, 10.0  # seconds between two tries of a server that is away
FAULTY_PAUSE, BUSY_PAUSE = 0.5, 2.0  # the first pause after an error, and after a temporary refusal
GROWS = 3  # how many times longer each pause after an error is than the last
MOST_FAULTS = 5  # repetitions of the same error
KEPT_LOADED = 240.0  # seconds, at least, that a server keeps an idle model loaded
FORGOTTEN = 300.0  # seconds after which an error no longer counts
BUSY = {429, 503}


class Host(Protocol):
    """A server that answers one request; see `OllamaHost`."""

    address: str
    slots: int

    async def models(self) -> dict[str, ModelFacts]: ...

    async def roles(self, model: str, window: int) -> Roles | None: ...

    async def close(self) -> None: ...

    async def reply(self, request: Request, on_text: Callable[[str], None]) -> Reply: ...


Faults = dict[
    str, list[float]
]  # an error's words, and when it came (seconds, by a clock that all processes share)


@dataclass
class Server:
    """One host, and what happened there. Times are seconds of the clock that the caller uses throughout."""

    host: Host
    away_until: float = 0.0
    pause: float = 0.0
    said: str = ""  # why it is left out
    reached: bool = False  # whether it was the server itself that said so
    tried: bool = False  # whether a call is under way
    loading: str = ""  # the model that it is loading for a call
    warm: dict[str, float] = field(default_factory=dict)  # by model, when it last answered
    lacking: set[str] = field(default_factory=set)  # models that it does not have
    faults: dict[str, Faults] = field(default_factory=dict)  # by model
    broken: dict[str, CallFailedError] = field(default_factory=dict)  # by model

    def serves(self, model: str) -> bool:
        """Whether it may answer calls to this model."""
        return model not in self.lacking and model not in self.broken

    @property
    def away(self) -> bool:
        """Whether it does not answer. While a refused call is tried again, that is open."""
        return bool(self.said) and not (self.tried and self.reached)

    def forgive(self, model: str) -> None:
        """Give it a fresh start with this model."""
        self.lacking.discard(model)
        self.broken.pop(model, None)
        self.faults.pop(model, None)

    def may_load(self, model: str, now: float) -> bool:
        """Whether the next call may find the model not loaded."""
        return now - self.warm.get(model, 0.0) > KEPT_LOADED

    def speaks(self, model: str, now: float) -> None:
        """The model writes, so it is loaded."""
        self.loading, self.warm[model] = "", now

    def answered(self, model: str) -> None:
        """A call went well."""
        self.pause, self.away_until, self.said = 0.0, 0.0, ""
        self.faults.pop(model, None)

    def failed(self, model: str, fault: UnavailableError, now: float) -> bool:
        """Leave it out for a while, each time for longer. Returns whether this was a new try: calls that were under
        way together fail together, and count once."""
        if self.away_until > now:
            return False
        self.said, self.reached = str(fault), fault.answered
        first, grows = SHORTEST_PAUSE, 2
        if fault.answered:
            first, grows = (BUSY_PAUSE if fault.status in BUSY else FAULTY_PAUSE), GROWS
            self._count(model, fault, now)
        self.pause = min(
            max(first, grows * self.pause), max(LONGEST_PAUSE, first * GROWS**3 * fault.answered)
        )
        self.away_until = now + self.pause
        return True

    def _count(self, model: str, fault: UnavailableError, now: float) -> None:
        faults = self.faults.setdefault(model, {})
        times = [at for at in faults.get(str(fault), []) if now - at < FORGOTTEN]
        faults[str(fault)] = [*times, now]
        if len(faults[str(fault)]) >= MOST_FAULTS:
            self.broken[model] = given_up(fault)

    def recall(self, faults: Mapping[str, Faults]) -> None:
        """Take over what an earlier worker saw."""
        self.faults = {
            model: {words: list(times) for words, times in by.items()} for model, by in faults.items()
        }


def given_up(fault: UnavailableError) -> CallFailedError:
    """The end of trying, with the server's words."""
    return CallFailedError("server_fault", f"{str(fault).rstrip('.')}. Tried {MOST_FAULTS} times.")
