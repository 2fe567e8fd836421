"""The calls of a batch, and which of them a lane takes next."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass

from optimizer.llm.base import Request

WORTH_JOINING = 3  # with this many calls of one beginning, a second lane reads that beginning too


@dataclass
class Track:
    """What a lane did last: its server has the beginning of that prompt in memory."""

    beginning: str = ""


class Work:
    """Calls that nobody has taken yet, those of one beginning together, in the order in which they were asked for.

    `open` counts the calls that have no answer yet, also those that are under way.
    """

    def __init__(self, requests: Sequence[Request]) -> None:
        self.requests = requests
        self.open = len(requests)
        self.faults = Counter[int]()  # by call, how often a server reported one
        self._names = [request.beginning or f"call {index}" for index, request in enumerate(requests)]
        self._groups: dict[str, deque[int]] = {}
        self._places: dict[int, str] = {}  # by track, the group that its lane is at
        self._news = asyncio.Event()
        for index, name in enumerate(self._names):
            self._groups.setdefault(name, deque()).append(index)

    def take(self, track: Track, serves: Callable[[str], bool]) -> int | None:
        """The next call for a lane of a server that serves these models; None if there is none.

        A lane stays with its beginning, then begins one that nobody has begun, then joins where most are left.
        """
        name = self._choice(track, serves)
        if name is None:
            return None
        self._places[id(track)] = track.beginning = name
        return self._groups[name].popleft()

    def has(self, track: Track, serves: Callable[[str], bool]) -> bool:
        """Whether there is a call for such a lane."""
        return self._choice(track, serves) is not None

    def begins_another(self, track: Track) -> bool:
        """Whether the lane's beginning is done."""
        return not self._groups.get(track.beginning)

    def put_back(self, index: int) -> None:
        """The call was not answered: it is the next again."""
        self._groups[self._names[index]].appendleft(index)
        self.tell()

    def leave(self, track: Track) -> None:
        """The lane takes no more calls for now: others may begin what it has left."""
        self._places.pop(id(track), None)
        self.tell()

    def answered(self) -> None:
        """One call more has its answer."""
        self.open -= 1
        self.tell()

    def drop(self, model: str) -> list[int]:
        """Take out all untaken calls of a model."""
        dropped: list[int] = []
        for group in self._groups.values():
            if group and self.requests[group[0]].model == model:
                dropped += group
                group.clear()
        return dropped

    def tell(self) -> None:
        """Something changed: whoever waits looks again."""
        self._news.set()
        self._news = asyncio.Event()

    async def news(self, seconds: float) -> None:
        """Wait for a change, at most this long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(
                seconds
            ):  # wait_for would lose a cancellation that comes with the news
                await self._news.wait()

    def _choice(self, track: Track, serves: Callable[[str], bool]) -> str | None:
        if self._groups.get(track.beginning) and self._served(track.beginning, serves):
            return track.beginning
        names = [name for name in self._untaken() if self._served(name, serves)]
        lanes = Counter(self._places.values())
        fresh = next((name for name in names if name not in lanes), None)
        if fresh is not None:
            return fresh
        joined = max(names, key=lambda name: len(self._groups[name]) / lanes[name], default=None)
        if joined is None or len(self._groups[joined]) < WORTH_JOINING * lanes[joined]:
            return None
        return joined

    def _served(self, name: str, serves: Callable[[str], bool]) -> bool:
        return serves(self.requests[self._groups[name][0]].model)

    def _untaken(self) -> Iterator[str]:
        return (name for name, group in self._groups.items() if group)
