"""Many calls at once over one or several servers, with retries, and a prompt end when nobody wants them."""

from __future__ import annotations

import asyncio
import queue
import random
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from typing import Protocol

from optimizer.llm.base import Arrival, CallFailed, Done, Failed, Idle, Piece, Reply, Request, Unavailable
from optimizer.llm.facts import ModelFacts, merged
from optimizer.llm.roles import Roles

BEAT = 0.2  # seconds between two signs of life
SHORTEST_PAUSE, LONGEST_PAUSE = 0.25, 10.0  # seconds between two tries of a server that is away
SOON = 5.0  # seconds for a list of models
MOST_FAULTS = 6  # tries of a call that the server itself reports as failed


Arrivals = queue.Queue[tuple[Arrival, asyncio.Event]]  # with what to set once it is dealt with


class Host(Protocol):
    """A server that answers one request; see `OllamaHost`."""

    address: str
    slots: int

    async def models(self) -> dict[str, ModelFacts]: ...

    async def roles(self, model: str, window: int) -> Roles | None: ...

    async def close(self) -> None: ...

    async def reply(self, request: Request, on_text: Callable[[str], None]) -> Reply: ...


class Pool:
    """A `Model` over hosts: the least loaded first; one that fails is left out for a while, each time for longer; one
    that has not got a model is not asked for it again."""

    def __init__(self, connect: Callable[[], Sequence[Host]]) -> None:
        """`connect` makes the hosts inside the pool's own event loop."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="llm-pool")
        self._thread.start()
        self._hosts = list(asyncio.run_coroutine_threadsafe(self._connect(connect), self._loop).result())
        self._busy = dict.fromkeys(range(len(self._hosts)), 0)
        self._away_until = dict.fromkeys(range(len(self._hosts)), 0.0)
        # Seconds for which a host was last left out.
        self._pauses = dict.fromkeys(range(len(self._hosts)), 0.0)
        self._lacking: set[tuple[int, str]] = set()  # hosts and models that they do not have
        self._waiting = ""
        self.slots = sum(host.slots for host in self._hosts)

    def replies(self, requests: Sequence[Request]) -> Iterator[Arrival]:
        """See `Model`. While no server answers, yields Idle that says so, and continues when one does."""
        arrivals: Arrivals = queue.Queue()
        work = asyncio.run_coroutine_threadsafe(self._answer_all(requests, arrivals), self._loop)
        left = len(requests)
        try:
            while left:
                arrival, taken = self._next(arrivals, work)
                left -= isinstance(arrival, Done | Failed)
                yield arrival
                self._loop.call_soon_threadsafe(taken.set)
        finally:
            work.cancel()

    def models(self) -> dict[str, ModelFacts]:
        """The models that hosts have, by name. Unavailable when none answers soon."""
        lists = asyncio.run_coroutine_threadsafe(self._lists(), self._loop).result()
        found = [models for models in lists if isinstance(models, dict)]
        if not found:
            faults = [fault for fault in lists if isinstance(fault, BaseException)]
            raise faults[0] if faults else Unavailable("No Ollama address is configured.")
        return merged(found)

    def roles(self, model: str, window: int) -> Future[Roles | None]:
        """What reaches the model of who said what, by the first host that shows it; None where none does."""
        return asyncio.run_coroutine_threadsafe(self._roles(model, window), self._loop)

    async def _roles(self, model: str, window: int) -> Roles | None:
        for host in self._hosts:
            if roles := await host.roles(model, window):
                return roles
        return None

    async def _lists(self) -> list[dict[str, ModelFacts] | BaseException]:
        return await asyncio.gather(*map(self._soon, self._hosts), return_exceptions=True)

    @staticmethod
    async def _soon(host: Host) -> dict[str, ModelFacts]:
        try:
            return await asyncio.wait_for(host.models(), SOON)
        except TimeoutError as error:
            raise Unavailable(f"{host.address} does not answer.") from error

    def close(self) -> None:
        """Abort everything and end the pool's thread."""
        asyncio.run_coroutine_threadsafe(self._abort(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    async def _abort(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.gather(*(host.close() for host in self._hosts))

    def _next(self, arrivals: Arrivals, work: Future[None]) -> tuple[Arrival, asyncio.Event]:
        try:
            return arrivals.get(timeout=BEAT)
        except queue.Empty:
            if work.done() and (fault := work.exception()):
                raise fault from None
            return Idle(self._waiting), asyncio.Event()

    @staticmethod
    async def _connect(connect: Callable[[], Sequence[Host]]) -> Sequence[Host]:
        return connect()

    async def _answer_all(self, requests: Sequence[Request], arrivals: Arrivals) -> None:
        slots = asyncio.Semaphore(self.slots)
        async with asyncio.TaskGroup() as group:
            for index, request in enumerate(requests):
                group.create_task(self._answer(index, request, slots, arrivals))

    async def _answer(
        self, index: int, request: Request, slots: asyncio.Semaphore, arrivals: Arrivals
    ) -> None:
        """The slot stays taken until the caller has dealt with the reply, so that a crash loses a slot's worth."""
        taken = asyncio.Event()
        async with slots:
            try:
                reply = await self._insist(
                    request, lambda text: arrivals.put((Piece(index, text), asyncio.Event()))
                )
            except CallFailed as error:
                arrivals.put((Failed(index, error), taken))
            else:
                arrivals.put((Done(index, reply), taken))
            await taken.wait()

    async def _insist(self, request: Request, on_text: Callable[[str], None]) -> Reply:
        """Try until a server answers, with growing pauses; only CallFailed ends it."""
        pause, faults = SHORTEST_PAUSE, 0
        while True:
            number = self._least_loaded(request.model)
            self._busy[number] += 1
            try:
                reply = await self._hosts[number].reply(request, on_text)
            except Unavailable as error:
                faults += error.answered
                if faults >= MOST_FAULTS:
                    raise CallFailed("server_fault", f"{error} Tried {faults} times.") from error
                self._waiting = f"waiting for Ollama: {error}"
                self._leave_out(number)
                own = pause if error.answered else 0.0  # who is away is not this call's fault
            except CallFailed as error:
                if error.code != "unknown_model":
                    raise
                self._lacking.add((number, request.model))
                if all((number, request.model) in self._lacking for number in self._busy):
                    raise
                continue
            else:
                self._waiting, self._pauses[number] = "", 0.0
                return reply
            finally:
                self._busy[number] -= 1
            await asyncio.sleep(max(own, self._until_next(request.model)) * random.uniform(1.0, 1.5))
            pause = min(2 * pause, LONGEST_PAUSE)

    def _leave_out(self, number: int) -> None:
        """For a while: twice as long as last time, where it was not left out already."""
        now = self._loop.time()
        if self._away_until[number] <= now:
            self._pauses[number] = min(max(SHORTEST_PAUSE, 2 * self._pauses[number]), LONGEST_PAUSE)
            self._away_until[number] = now + self._pauses[number]

    def _until_next(self, model: str) -> float:
        """Seconds until a host that may have the model is not left out any more."""
        return max(0.0, min(self._away_until[n] for n in self._having(model)) - self._loop.time())

    def _having(self, model: str) -> list[int]:
        """Hosts that may have the model; all, where none has."""
        return [n for n in self._busy if (n, model) not in self._lacking] or list(self._busy)

    def _least_loaded(self, model: str) -> int:
        now = self._loop.time()
        return min(
            self._having(model),
            key=lambda n: (self._away_until[n] > now, self._busy[n] / self._hosts[n].slots, n),
        )
