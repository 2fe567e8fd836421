"""The engine's wall clock against the best schedule that its dependencies allow.

Every batch of requests depends on the replies to the batch before. Replies take the same time `latency` each, and
the server works on N at once. So no schedule of these batches ends before the sum over them of
latency * ceil(new distinct requests / N): that is "best". If nothing had to wait for anything else, the bound would
be
latency * all requests / N: that is "work". "asyncio" is a bare loop over the same batches, with nothing around the
sleeps: what is over "best" there is this machine's clock, not the engine.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from optimizer.engine import Config, run
from optimizer.llm.base import Arrival, Model, Request
from optimizer.llm.ledger import Ledger, MemoryStore
from optimizer.llm.pool import Pool
from optimizer.llm.scripted import Scripted, ScriptedHost
from tests.bench.table import Row, Section, verdict
from tests.engine.world import task, world

CASES = [(0.020, 1), (0.020, 4), (0.020, 16), (0.100, 1), (0.100, 4), (0.100, 16)]  # seconds a reply, slots
RUNS = 3
MOST = 0.05
EVERY_STAGE = Config(target_score=2)  # never reached, so that nothing is left out


class Recorded:
    """A model that notes the size of each batch."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self.slots = model.slots
        self.batches: list[int] = []

    def replies(self, requests: Sequence[Request]) -> Iterator[Arrival]:
        self.batches.append(len(requests))
        return self._model.replies(requests)


@dataclass(frozen=True)
class Measured:
    """Runs of the engine with so many slots. Times in seconds."""

    slots: int
    latency: float
    batches: Sequence[int]
    wall: float
    bare: float

    @property
    def best(self) -> float:
        return self.latency * sum(math.ceil(batch / self.slots) for batch in self.batches)

    @property
    def work(self) -> float:
        return self.latency * sum(self.batches) / self.slots

    @property
    def excess(self) -> float:
        return self.wall / self.best - 1


def measure() -> Section:
    own = _own_work()
    measured = [_measured(latency, slots) for latency, slots in CASES]
    late = [f"{_name(m)} ({m.excess:+.1%})" for m in measured if m.excess > MOST]
    return Section(
        "Engine's schedule",
        f"{sum(measured[0].batches)} requests in {len(measured[0].batches)} batches, each waiting for the replies "
        f"to the one before; medians of {RUNS} runs, except with 1 slot.",
        ("", "wall s", "best s", "over best", "over, ms a request", "asyncio s", "work s"),
        [_row(m) for m in measured],
        [
            verdict(f"within {MOST:.0%} of the best schedule", failing=late),
            f"With replies that take no time at all the same search takes {own:.3f} s.",
        ],
    )


def _row(m: Measured) -> Row:
    over = 1000 * (m.wall - m.best) / sum(m.batches)
    seconds = (f"{value:.3f}" for value in (m.bare, m.work))
    return _name(m), f"{m.wall:.3f}", f"{m.best:.3f}", f"{m.excess:+.1%}", f"{over:.2f}", *seconds


def _name(m: Measured) -> str:
    return f"{m.latency * 1000:.0f} ms a reply, {m.slots} slot{'s' if m.slots > 1 else ''}"


def _own_work() -> float:
    """The engine's own work; the first run, which loads what languages look like, does not count."""
    return [_searched(Scripted(world))[0] for _ in range(1 + RUNS)][-1]


def _measured(latency: float, slots: int) -> Measured:
    runs = [_through_pool(slots, latency) for _ in range(RUNS if slots > 1 else 1)]
    batches = runs[0][1]
    bare = asyncio.run(_bare(batches, slots, latency))
    return Measured(slots, latency, batches, median(wall for wall, _ in runs), bare)


def _through_pool(slots: int, latency: float) -> tuple[float, list[int]]:
    pool = Pool(lambda: [ScriptedHost(_said, slots=slots, latency=latency)])
    try:
        return _searched(pool)
    finally:
        pool.close()


def _said(request: Request) -> str:
    return str(world(request))


def _searched(model: Model) -> tuple[float, list[int]]:
    """A whole search: how long, and what it asked."""
    recorded = Recorded(model)
    start = time.perf_counter()
    for _ in run(task(), EVERY_STAGE, Ledger(recorded, MemoryStore())):
        pass
    return time.perf_counter() - start, recorded.batches


async def _bare(batches: Sequence[int], slots: int, latency: float) -> float:
    free = asyncio.Semaphore(slots)

    async def reply() -> None:
        async with free:
            await asyncio.sleep(latency)

    start = time.perf_counter()
    for batch in batches:
        await asyncio.gather(*(reply() for _ in range(batch)))
    return time.perf_counter() - start
