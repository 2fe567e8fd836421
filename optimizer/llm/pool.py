"""Many calls at once over one or several servers, with retries, and a quick end when nobody wants them."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from concurrent.futures import Future
from typing import Any, TypeVar

from optimizer.llm.base import (
    Arrival,
    CallFailedError,
    Done,
    Failed,
    Idle,
    InVain,
    Piece,
    Reply,
    Request,
    UnavailableError,
)
from optimizer.llm.facts import ModelFacts, merged, named
from optimizer.llm.lanes import Lanes, OwnLanes
from optimizer.llm.roles import Roles
from optimizer.llm.servers import MOST_FAULTS, Faults, Host, Server, given_up
from optimizer.llm.work import Track, Work

BEAT = 0.2  # seconds between two signs of life
SOON = 5.0  # seconds for a list of models
SHORTEST_LOOK, LOOK = 0.05, 0.5  # seconds after which a lane without a call looks again
IN_LINE = 2.0  # seconds in line for a lane that are worth mentioning

LISTING = ""  # stands for the list of models, among the models that a server may fail at
OF_THE_SERVER = {
    "unknown_model", "unauthorized", "not_ollama", "no_https", "bad_address", "bad_certificate", "redirected",
}  # fmt: skip

T = TypeVar("T")
Arrivals = queue.Queue[tuple[Arrival, asyncio.Event]]  # with the event to set once it is dealt with


class Pool:
    """A `Model` over hosts. Each has lanes, which take calls as long as there are some; a host that fails is left out
    for a while, each time for longer; one that lacks a model, or fails each time, is not asked for it again."""

    def __init__(self, connect: Callable[[], Sequence[Host]], lanes: Callable[[], Lanes] = OwnLanes) -> None:
        """`connect` and `lanes` make the hosts and their lanes inside the pool's own event loop."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True, name="llm-pool")
        self._thread.start()
        try:
            hosts, self._lanes = self._run(self._connect(connect, lanes))
        except BaseException:
            self._end()
            raise
        self._servers = [Server(host) for host in hosts]
        self._tracks = [[Track() for _ in range(host.slots)] for host in hosts]
        self._flying = 0
        self._idle_since: float | None = None
        self.slots = sum(host.slots for host in hosts)

    def replies(self, requests: Sequence[Request]) -> Iterator[Arrival]:
        """See `Model`. While no server answers, yields Idle that says so, and continues when one does."""
        arrivals: Arrivals = queue.Queue()
        work = asyncio.run_coroutine_threadsafe(self._answer_all(requests, arrivals), self._loop)
        left, models = len(requests), {request.model for request in requests}
        try:
            while left:
                arrival, taken = self._next(arrivals, work, models)
                left -= isinstance(arrival, Done | Failed)
                try:
                    yield arrival
                finally:
                    if not self._loop.is_closed():  # a reader that was left alone may outlive the pool
                        self._loop.call_soon_threadsafe(taken.set)
        finally:
            if left:  # else the lanes end by themselves, and learn from the last replies
                work.cancel()

    def models(self) -> dict[str, ModelFacts]:
        """The models that hosts have, by name. UnavailableError when none answers soon."""
        lists = self._run(self._lists())
        found = [models for models in lists if isinstance(models, dict)]
        if found:
            return merged(found)
        faults = [fault for fault in lists if isinstance(fault, BaseException)]
        if all(LISTING in server.broken for server in self._servers):
            raise self._servers[0].broken[LISTING]
        raise next((fault for fault in faults if isinstance(fault, UnavailableError)), faults[0])

    def faults(self) -> dict[str, dict[str, Faults]]:
        """What servers reported lately, by address and model: for the worker that continues."""
        return {server.host.address: server.faults for server in self._servers if server.faults}

    def recall(self, faults: Mapping[str, Mapping[str, Faults]]) -> None:
        """Take over what an earlier worker saw."""
        for server in self._servers:
            server.recall(faults.get(server.host.address, {}))

    def roles(self, model: str, window: int) -> Future[Roles | None]:
        """Which roles reach the model, by the first host that shows it; None where none does."""
        return asyncio.run_coroutine_threadsafe(self._roles(model, window), self._loop)

    def close(self) -> None:
        """Abort everything and end the pool's thread."""
        self._run(self._abort())
        self._end()

    def _run(self, steps: Coroutine[Any, Any, T]) -> T:
        """Run these inside the pool's loop, to their end."""
        return asyncio.run_coroutine_threadsafe(steps, self._loop).result()

    def _end(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    # Inside the caller's thread

    def _next(
        self, arrivals: Arrivals, work: Future[None], models: set[str]
    ) -> tuple[Arrival, asyncio.Event]:
        try:
            found = arrivals.get(timeout=BEAT)
            self._idle_since = None
            return found
        except queue.Empty:
            if work.done() and (fault := work.exception()):
                raise fault from None
            return self._idle(models), asyncio.Event()

    def _idle(self, models: set[str]) -> Idle:
        """What a batch of calls to these models waits for."""
        asked = [server for server in self._servers if any(map(server.serves, models))]
        away = [server for server in asked if server.away]
        if away and len(away) == len(asked):
            return Idle(away[0].said, away=True)
        if self._flying:
            self._idle_since = None
            loading = next((server.loading for server in self._servers if server.loading), "")
            return Idle(f"Loading {loading}" if loading else "")
        self._idle_since = self._idle_since or time.monotonic()
        long = time.monotonic() - self._idle_since > IN_LINE
        return Idle("Waiting for its turn at the model server" if long else "")

    # Inside the pool's loop

    @staticmethod
    async def _connect(
        connect: Callable[[], Sequence[Host]], lanes: Callable[[], Lanes]
    ) -> tuple[Sequence[Host], Lanes]:
        return connect(), lanes()

    async def _roles(self, model: str, window: int) -> Roles | None:
        for server in self._servers:
            if roles := await server.host.roles(model, window):
                return roles
        return None

    async def _lists(self) -> list[dict[str, ModelFacts] | BaseException]:
        return await asyncio.gather(*map(self._listed, self._servers), return_exceptions=True)

    @staticmethod
    async def _soon(server: Server) -> dict[str, ModelFacts]:
        try:
            async with asyncio.timeout(SOON):
                return await server.host.models()
        except TimeoutError as error:
            raise UnavailableError(f"{server.host.address} does not answer.") from error

    async def _listed(self, server: Server) -> dict[str, ModelFacts]:
        """Like `_soon`, but an error counts like that of a call."""
        try:
            found = await self._soon(server)
        except UnavailableError as fault:
            server.failed(LISTING, fault, time.time())
            raise
        server.answered(LISTING)
        return found

    async def _abort(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await self._lanes.close()
        await asyncio.gather(*(server.host.close() for server in self._servers))

    async def _answer_all(self, requests: Sequence[Request], arrivals: Arrivals) -> None:
        work = Work(requests)
        for model in {request.model for request in requests}:
            if not any(server.serves(model) for server in self._servers):
                for server in self._servers:
                    server.forgive(model)
        async with asyncio.TaskGroup() as group:
            for server, tracks in zip(self._servers, self._tracks, strict=True):
                for track in tracks[: len(requests)]:
                    group.create_task(self._lane(server, track, work, arrivals))

    async def _lane(self, server: Server, track: Track, work: Work, arrivals: Arrivals) -> None:
        """Take calls for a server as long as any is unanswered."""

        def wanted() -> bool:
            return not _called_off() and self._may_ask(server) and work.has(track, server.serves)

        while work.open and not _called_off():
            if not wanted():
                left_out = server.away_until - time.time()
                await work.news(min(LOOK, max(SHORTEST_LOOK, left_out)) if server.pause else LOOK)
            elif lane := await self._lanes.take(server.host.address, server.host.slots, wanted):
                try:
                    while wanted() and (index := work.take(track, server.serves)) is not None:
                        reply = await self._answer(server, index, work, arrivals)
                        if not await lane.another(reply, pauses=work.begins_another(track)):
                            break
                finally:
                    work.leave(track)
                    await lane.give_back()

    @staticmethod
    def _may_ask(server: Server) -> bool:
        """Not while it is left out; then one call tries it before others follow."""
        return server.away_until <= time.time() and not (server.pause and server.tried)

    async def _answer(self, server: Server, index: int, work: Work, arrivals: Arrivals) -> Reply | None:
        """The lane stays taken until the caller has dealt with the reply, so that a crash loses a lane's worth."""
        request, reply = work.requests[index], None
        self._flying += 1
        server.tried = True

        def on_text(text: str) -> None:
            server.speaks(request.model, time.time())
            arrivals.put((Piece(index, text), asyncio.Event()))

        try:
            if server.may_load(request.model, time.time()) and await self._loads(server, request.model):
                server.loading = request.model
            reply = await server.host.reply(request, on_text)
            server.speaks(request.model, time.time())
            server.answered(request.model)
        except UnavailableError as fault:
            self._try_later(server, index, fault, work, arrivals)
            return None
        except CallFailedError as error:
            if error.code in OF_THE_SERVER:
                self._try_elsewhere(server, index, error, work, arrivals)
                return None
            arrival: Arrival = Failed(index, error)
        else:
            arrival = Done(index, reply)
        finally:
            self._flying -= 1
            server.tried, server.loading = False, ""
        taken = asyncio.Event()
        arrivals.put((arrival, taken))
        await taken.wait()
        work.answered()
        return reply

    async def _loads(self, server: Server, model: str) -> bool:
        """Whether the server has to load the model first; false if that is unknown."""
        try:
            facts = named(await self._soon(server), model)
        except (UnavailableError, CallFailedError):
            return False
        return bool(facts and not facts.loaded and not facts.remote)

    def _try_later(
        self, server: Server, index: int, fault: UnavailableError, work: Work, arrivals: Arrivals
    ) -> None:
        model = work.requests[index].model
        if server.failed(model, fault, time.time()):
            arrivals.put((InVain(str(fault)), asyncio.Event()))
        work.faults[index] += fault.answered
        if work.faults[index] >= MOST_FAULTS * len(self._servers):
            arrivals.put((Failed(index, given_up(fault)), asyncio.Event()))
            work.answered()
        else:
            work.put_back(index)
        healthy = [other for other in self._servers if other.serves(model) and not other.away]
        if model in server.broken and not healthy:
            self._give_up(model, server.broken[model], work, arrivals)

    def _try_elsewhere(
        self, server: Server, index: int, error: CallFailedError, work: Work, arrivals: Arrivals
    ) -> None:
        model = work.requests[index].model
        server.lacking.add(model)
        work.put_back(index)
        if not any(other.serves(model) for other in self._servers):
            self._give_up(model, error, work, arrivals)

    def _give_up(self, model: str, error: CallFailedError, work: Work, arrivals: Arrivals) -> None:
        """No server answers calls to this model."""
        for index in work.drop(model):
            arrivals.put((Failed(index, error), asyncio.Event()))
            work.answered()


def _called_off() -> bool:
    """Whether this task was cancelled, also if that was lost on the way: `asyncio.wait_for` loses it in Python 3.11
    where what it waits for comes at the same moment, and the client of Valkey uses it."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
