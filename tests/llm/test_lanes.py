"""How many calls a server is sent at once, over all workers. The store is Valkey."""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any
from uuid import uuid4

import pytest

from optimizer.llm import lanes
from optimizer.llm.base import Done, Idle, Message, Reply, Request, UnavailableError
from optimizer.llm.lanes import Lane, SharedLanes
from optimizer.llm.pool import Pool
from optimizer.llm.scripted import ScriptedHost, reply_of

AT_ONCE = Reply("yes", duration_ms=100, busy_ms=100)
WAITED = Reply("yes", duration_ms=200, busy_ms=100)


@pytest.fixture
def address() -> str:
    """A server that no lane was ever taken from."""
    return f"http://{uuid4()}:11434"


def shared() -> SharedLanes:
    return SharedLanes(os.environ["REDIS_URL"])


def run(scene: Callable[[SharedLanes], Awaitable[Any]]) -> Any:
    async def play() -> Any:
        held = shared()
        try:
            return await scene(held)
        finally:
            await held.close()

    return asyncio.run(play())


async def one(held: SharedLanes, address: str, *, most: int = 4, seconds: float = 0.3) -> Lane | None:
    """A lane, if one is free at once."""
    ends = time.monotonic() + seconds
    return await held.take(address, most, lambda: time.monotonic() < ends)


async def widened(held: SharedLanes, address: str, count: int, most: int = 4) -> list[Lane]:
    """This many lanes, because calls do not wait."""
    found: list[Lane] = []
    while len(found) < count:
        lane = await one(held, address, most=most)
        if lane is not None:
            found.append(lane)
            continue
        for lane in found:
            assert await lane.another(AT_ONCE, pauses=False)
    return found


def test_a_server_begins_with_one_lane_and_has_more_while_nothing_waits(address: str) -> None:
    async def scene(held: SharedLanes) -> None:
        first = await one(held, address)
        assert first is not None
        assert await one(held, address) is None
        for _ in range(2):
            assert await first.another(AT_ONCE, pauses=False)
        assert await one(held, address) is not None

    run(scene)


def test_there_are_never_more_than_the_setting_allows(address: str) -> None:
    async def scene(held: SharedLanes) -> None:
        found = await widened(held, address, 2, most=2)
        for _ in range(5):
            for lane in found:
                assert await lane.another(AT_ONCE, pauses=False)
        assert await one(held, address, most=2) is None

    run(scene)


def test_calls_that_wait_take_a_lane_away_for_a_while(address: str) -> None:
    async def scene(held: SharedLanes) -> None:
        found = await widened(held, address, 2)
        assert await found[0].another(AT_ONCE, pauses=False)
        kept = [await lane.another(WAITED, pauses=False) for lane in found]
        assert kept == [True, False]
        for _ in range(5):
            assert await found[0].another(AT_ONCE, pauses=False)
        assert await one(held, address) is None

    run(scene)


def test_who_waits_alone_waits_for_somebody_elses_calls(address: str) -> None:
    async def scene(held: SharedLanes) -> None:
        lane = await one(held, address)
        assert lane is not None
        for _ in range(4):
            assert await lane.another(WAITED, pauses=False)

    run(scene)


def test_a_lane_goes_to_who_waits_after_a_stretch(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "STRETCH", 0.2)

    async def scene(held: SharedLanes) -> None:
        other = shared()
        lane = await one(held, address)
        assert lane is not None
        waiting = asyncio.create_task(one(other, address, seconds=5))
        await asyncio.sleep(0.1)
        assert await lane.another(AT_ONCE, pauses=True), "a stretch is longer than this"
        await asyncio.sleep(0.2)
        assert await lane.another(WAITED, pauses=False), "in the middle of a candidate"
        assert not await lane.another(WAITED, pauses=True)
        assert await waiting is not None
        await other.close()

    run(scene)


def test_the_lane_of_a_dead_holder_is_free_when_its_time_is_over(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "LASTS", 0.5)
    monkeypatch.setattr(lanes, "RENEWED", 60.0)

    async def scene(held: SharedLanes) -> None:
        dead = shared()
        lane = await one(dead, address)
        assert isinstance(lane, lanes.SharedLane)
        dead.forget(lane)  # as if it had been killed: it gives nothing back
        await dead.close()
        assert await one(held, address, seconds=0.2) is None
        assert await one(held, address, seconds=2) is not None

    run(scene)


def test_a_lane_lasts_as_long_as_its_call(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "LASTS", 0.5)
    monkeypatch.setattr(lanes, "RENEWED", 0.1)

    async def scene(held: SharedLanes) -> None:
        assert await one(held, address) is not None
        assert await one(held, address, seconds=1.5) is None

    run(scene)


class Narrow(ScriptedHost):
    """A server that answers `width` calls at once, first come first served, and tells how long each waited."""

    def __init__(self, address: str, width: int, latency: float) -> None:
        super().__init__(lambda request: "yes", slots=4, latency=latency)
        self.address = address
        self.width = width
        self.flights: list[int] = []
        self._free: asyncio.Semaphore | None = None

    async def reply(self, request: Request, on_text: Callable[[str], None]) -> Reply:
        self._free = self._free or asyncio.Semaphore(self.width)
        began = time.monotonic()
        self._now += 1
        self.flights.append(self._now)
        try:
            async with self._free:
                await asyncio.sleep(self.latency)
        finally:
            self._now -= 1
        took = int((time.monotonic() - began) * 1000)
        busy = {"busy_ms": int(self.latency * 1000), "duration_ms": took}
        return Reply(**{**vars(reply_of(request, "yes")), **busy})


@contextmanager
def pool_of(host: Narrow) -> Iterator[Pool]:
    pool = Pool(lambda: [host], shared)
    try:
        yield pool
    finally:
        pool.close()


def asked(count: int, beginnings: int) -> list[Request]:
    return [
        Request("test", "m", (Message("user", str(n)),), max_tokens=5, beginning=str(n % beginnings))
        for n in range(count)
    ]


@pytest.mark.parametrize("width", [1, 4])
def test_hardly_more_calls_are_under_way_than_a_server_answers(address: str, width: int) -> None:
    host = Narrow(address, width, latency=0.05)
    with pool_of(host) as pool:
        done = [arrival for arrival in pool.replies(asked(60, 6)) if isinstance(arrival, Done)]
    assert len(done) == 60
    assert max(host.flights) <= max(width, 2)
    assert max(host.flights) >= width
    assert sum(flight > width for flight in host.flights) <= 6


def test_two_pools_share_a_server_and_each_has_its_turn(
    address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lanes, "STRETCH", 0.2)
    hosts = [Narrow(address, 1, latency=0.03) for _ in range(2)]
    ends: list[float] = []

    def work(host: Narrow) -> None:
        with pool_of(host) as pool:
            for _ in range(3):
                list(pool.replies(asked(12, 3)))
                ends.append(time.monotonic())

    began = time.monotonic()
    threads = [threading.Thread(target=work, args=(host,)) for host in hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(len(host.flights) for host in hosts) == 72
    assert min(ends) - began > 0.3
    halfway = [sum(end <= sorted(ends)[2] for end in ends)]
    assert halfway == [3]


def test_while_others_have_the_server_a_pool_says_so(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("optimizer.llm.pool.IN_LINE", 0.3)
    taken, free = threading.Event(), threading.Event()

    def hold() -> None:
        async def scene(held: SharedLanes) -> None:
            assert await one(held, address)
            taken.set()
            await asyncio.to_thread(free.wait)

        run(scene)

    thread = threading.Thread(target=hold)
    thread.start()
    taken.wait()
    with pool_of(Narrow(address, 1, latency=0.01)) as pool:
        for arrival in pool.replies(asked(1, 1)):
            if isinstance(arrival, Idle) and arrival.waiting:
                assert not arrival.away
                assert "Waiting for its turn" in arrival.waiting
                free.set()
    assert free.is_set()
    thread.join()


def test_a_pools_own_lane_in_line_ends_no_stretch(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "STRETCH", 0.0)
    monkeypatch.setattr(lanes, "LONGEST_STRETCH", 0.0)

    async def scene(held: SharedLanes) -> None:
        lane = await one(held, address)
        assert lane is not None
        waiting = asyncio.create_task(one(held, address, seconds=0.5))
        await asyncio.sleep(0.2)
        assert await lane.another(None, pauses=True)
        await waiting

    run(scene)


def test_a_lane_that_was_given_back_is_not_renewed(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def scene(held: SharedLanes) -> None:
        lane = await one(held, address)
        assert isinstance(lane, lanes.SharedLane)
        await lane.give_back()
        await held.call(lanes.RENEW, lane)
        assert await one(held, address) is not None

    run(scene)


def test_a_pool_that_is_closed_just_after_a_fault_ends_at_once(address: str) -> None:
    """A cancellation that comes while the store answers must not be lost."""

    def script(request: Request) -> str:
        raise UnavailableError("at fault", answered=True, status=500)

    for _ in range(5):
        pool = Pool(lambda: [ScriptedHost(script, address=address)], shared)
        with closing(pool.replies([Request("x", "scripted", (Message("user", "a"),), 5)])) as arrivals:  # type: ignore[type-var]
            next(arrivals)
        started = time.monotonic()
        pool.close()
        assert time.monotonic() - started < 3
