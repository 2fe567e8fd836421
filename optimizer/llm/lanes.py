"""How many calls a server is sent at once: a lane is the right to one call. All workers share the lanes of a server."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Protocol
from uuid import uuid4

from redis import Redis as StoreClient
from redis.asyncio import Redis
from redis.exceptions import RedisError

from optimizer.llm.base import Reply

LASTS = 15.0  # seconds that a lane is kept for a holder that has gone silent
RENEWED = LASTS / 3
ASKED = 0.1  # seconds between two checks for a free lane
STRETCH, LONGEST_STRETCH = 2.0, 30.0  # seconds after which a lane goes to whoever waits
IN_LINE = (
    0.25,
    3,
)  # a call counts as waiting above this share of its work plus these milliseconds
CEILING = 600.0  # seconds before more lanes than a server can serve are tried again


class Lane(Protocol):
    """The right to have one call under way."""

    async def another(self, reply: Reply | None, *, pauses: bool) -> bool:
        """Whether it may be used for another call after that reply. `pauses` says that others may well have a turn
        now."""
        ...

    async def give_back(self) -> None:
        """Others may have it."""
        ...


class Lanes(Protocol):
    """The lanes of servers."""

    async def take(self, address: str, most: int, wanted: Callable[[], bool]) -> Lane | None:
        """A lane of the server, once one is free. The server has at most `most`. None if it is no longer wanted."""
        ...

    async def close(self) -> None:
        """Give back all."""
        ...


class OwnLanes:
    """Lanes of servers that nobody else uses: as many as are asked for."""

    async def take(self, address: str, most: int, wanted: Callable[[], bool]) -> Lane | None:
        """See `Lanes`."""
        return OwnLane()

    async def close(self) -> None:
        """See `Lanes`."""


class OwnLane:
    """See `Lane`."""

    async def another(self, reply: Reply | None, *, pauses: bool) -> bool:
        """See `Lane`."""
        return True

    async def give_back(self) -> None:
        """See `Lane`."""


# The state of one server: who holds a lane until when, who stands in line and was last heard of when, and how many
# calls the server was seen to answer at once. Milliseconds, by the clock of the store.
CLOCK = """
local t = redis.call('TIME')
local now = t[1] * 1000 + math.floor(t[2] / 1000)
local held, line, seen, width = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local me, most, lasts = ARGV[1], tonumber(ARGV[2]), tonumber(ARGV[3])
redis.call('ZREMRANGEBYSCORE', held, '-inf', now)
for _, gone in ipairs(redis.call('ZRANGEBYSCORE', seen, '-inf', now)) do
  redis.call('ZREM', seen, gone)
  redis.call('ZREM', line, gone)
end
local function fact(name) return tonumber(redis.call('HGET', width, name) or 0) end
local function limit() return math.max(1, math.min(most, fact('lanes'))) end
for _, key in ipairs(KEYS) do redis.call('PEXPIRE', key, key == width and 604800000 or 3600000) end
"""
TAKE = (
    CLOCK
    + """
if redis.call('ZSCORE', held, me) then return redis.call('ZCARD', held) end
if not redis.call('ZSCORE', line, me) then redis.call('ZADD', line, redis.call('HINCRBY', width, 'came', 1), me) end
redis.call('ZADD', seen, now + 3000, me)
if redis.call('ZRANK', line, me) >= limit() - redis.call('ZCARD', held) then return 0 end
redis.call('ZREM', line, me)
redis.call('ZREM', seen, me)
redis.call('ZADD', held, now + lasts, me)
return redis.call('ZCARD', held)
"""
)
# More lanes after two calls that did not wait, fewer after two that did: one alone may be chance.
KEEP = (
    CLOCK
    + """
local waited, flying, pauses, ceiling, pool = ARGV[4], tonumber(ARGV[5]), ARGV[6], tonumber(ARGV[7]), ARGV[8]
if not redis.call('ZSCORE', held, me) then return 0 end
local lanes = limit()
if waited == '1' and flying > 1 and flying <= lanes then
  redis.call('HSET', width, 'good', 0)
  if redis.call('HINCRBY', width, 'bad', 1) >= 2 then
    redis.call('HSET', width, 'lanes', flying - 1, 'bad', 0, 'ceiling', flying, 'until', now + ceiling)
  end
elseif waited == '0' and flying >= lanes then
  redis.call('HSET', width, 'bad', 0)
  local barred = fact('until') > now and lanes + 1 >= fact('ceiling')
  if redis.call('HINCRBY', width, 'good', 1) >= 2 and lanes < most and not barred then
    redis.call('HSET', width, 'lanes', lanes + 1, 'good', 0)
  end
end
local others = false
for _, name in ipairs(redis.call('ZRANGE', line, 0, -1)) do
  if string.sub(name, 1, #pool) ~= pool then others = true end
end
if redis.call('ZCARD', held) > limit() or (others and pauses == '1') then
  redis.call('ZREM', held, me)
  return 0
end
redis.call('ZADD', held, now + lasts, me)
return redis.call('ZCARD', held)
"""
)
RENEW = CLOCK + "return redis.call('ZADD', held, 'XX', now + lasts, me)"
GIVE = CLOCK + "redis.call('ZREM', held, me) redis.call('ZREM', line, me) return redis.call('ZREM', seen, me)"


class SharedLanes:
    """Lanes that all workers share, kept in Valkey.

    A server begins with one, and has more while calls do not wait there; a lane whose holder died is free again when
    its time is over. First come, first served. A holder keeps its lane for a while, because the server remembers the
    beginning of one prompt.
    """

    def __init__(self, url: str) -> None:
        self._redis = Redis.from_url(url, socket_connect_timeout=5, socket_timeout=5)
        self.name = uuid4().hex  # of this pool
        self._held: set[SharedLane] = set()
        self._renewing: asyncio.Task[None] | None = None
        self._turns: dict[str, asyncio.Lock] = {}
        self._freed = asyncio.Event()

    async def take(self, address: str, most: int, wanted: Callable[[], bool]) -> Lane | None:
        """See `Lanes`. Each pool has at most one lane in line, so that every session has its turn."""
        lane = SharedLane(self, address, most)
        async with self._turns.setdefault(address, asyncio.Lock()):
            try:
                while wanted():
                    if flying := await self.call(TAKE, lane):
                        return self._hold(lane, flying)
                    await self._freed_or(ASKED)
            except asyncio.CancelledError:
                await self.leave(lane)
                raise
        await self.leave(lane)
        return None

    async def call(self, script: str, lane: SharedLane, *more: str | int) -> int:
        """Run a script for a lane. While the store is away, nobody gets a lane, and whoever holds one keeps it."""
        keys = [_key(lane.address, name) for name in ("held", "line", "seen", "width")]
        try:
            return int(
                await self._redis.eval(script, 4, *keys, lane.name, lane.most, int(LASTS * 1000), *more)
            )
        except RedisError:
            return lane.flying

    async def leave(self, lane: SharedLane) -> None:
        """Neither hold it nor stand in line for it."""
        await asyncio.shield(self.call(GIVE, lane))
        self.forget(lane)

    def forget(self, lane: SharedLane) -> None:
        """It was taken back."""
        self._held.discard(lane)
        self._tell()

    async def close(self) -> None:
        """See `Lanes`."""
        if self._renewing:
            self._renewing.cancel()
        for lane in list(self._held):
            await self.leave(lane)
        with suppress(RedisError):
            await self._redis.aclose()

    def _tell(self) -> None:
        """A lane of this pool is free: whoever waits in it looks at once."""
        self._freed.set()
        self._freed = asyncio.Event()

    async def _freed_or(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._freed.wait()

    def _hold(self, lane: SharedLane, flying: int) -> SharedLane:
        lane.flying, lane.since = flying, time.monotonic()
        self._held.add(lane)
        if self._renewing is None:
            self._renewing = asyncio.create_task(self._renew())
        return lane

    async def _renew(self) -> None:
        """A call may take longer than a lane lasts."""
        while True:
            await asyncio.sleep(RENEWED)
            for lane in list(self._held):
                await self.call(RENEW, lane)


@dataclass(eq=False)
class SharedLane:
    """See `Lane`. `flying` is how many lanes were in use when its call was sent."""

    lanes: SharedLanes
    address: str
    most: int
    flying: int = 0
    since: float = 0.0
    name: str = ""

    def __post_init__(self) -> None:
        self.name = f"{self.lanes.name}:{uuid4().hex}"

    async def another(self, reply: Reply | None, *, pauses: bool) -> bool:
        """See `Lane`."""
        used = time.monotonic() - self.since
        over = used >= LONGEST_STRETCH or (pauses and used >= STRETCH)
        self.flying = await self.lanes.call(
            KEEP, self, _waited(reply), self.flying, int(over), int(CEILING * 1000), self.lanes.name
        )
        if not self.flying:
            self.lanes.forget(self)
        return bool(self.flying)

    async def give_back(self) -> None:
        """See `Lane`."""
        await self.lanes.leave(self)


def lanes_seen(url: str, addresses: Sequence[str], most: int) -> int:
    """How many calls the servers were seen to answer at once; one each if they were never asked."""
    with StoreClient.from_url(url, socket_connect_timeout=5, socket_timeout=5) as store:
        seen = [store.hget(_key(address, "width"), "lanes") for address in addresses]
    return sum(max(1, min(most, int(lanes or 0))) for lanes in seen)


def _key(address: str, name: str) -> str:
    where = hashlib.sha256(address.encode()).hexdigest()[:16]
    return f"lanes:{{{where}}}:{name}"


def _waited(reply: Reply | None) -> str:
    """Whether a call stood in line at the server: 1 or 0, or - without a call. A server that reports no times is
    believed to answer as many calls as it may be sent."""
    if reply is None:
        return "-"
    if not reply.busy_ms:
        return "0"
    in_line = reply.duration_ms - reply.load_ms - reply.busy_ms
    share, besides = IN_LINE
    return str(int(in_line > share * reply.busy_ms + besides))
