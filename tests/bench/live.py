"""From a committed change to the fragment in a browser's socket."""

from __future__ import annotations

import contextlib
import os
import queue
import threading
import time
from collections.abc import Callable

from django.db import transaction
from redis import Redis
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from optimizer import topics
from optimizer.live.broadcast import PAUSE
from optimizer.live.regions import SessionRegion
from optimizer.models import OptimizationSession
from tests.bench.seed import Seeded
from tests.bench.table import Section, Timing, ms

CHANGES, WARM_UP = 60, 5
SPACING = 1.4 * PAUSE  # beyond the window in which changes become one frame
LONGEST = 5.0
CHANNEL = "bench"


def measure(base: str, seeded: Seeded) -> Section:
    timings = _timings(base, seeded)
    bare = timings[0].median
    return Section(
        "Live",
        f"From the commit of a change, by another process, to the session's panel in an open socket; "
        f"{CHANGES} changes, {SPACING * 1000:.0f} ms apart.",
        ("", "median ms", "p95 ms", "× baseline"),
        [(t.name, ms(t.median), ms(t.p95), f"{t.median / bare:.1f}") for t in timings],
        [
            f"A change that comes within {PAUSE * 1000:.0f} ms of the last frame waits for the rest of that time."
        ],
    )


def _timings(base: str, seeded: Seeded) -> list[Timing]:
    """Each change is followed by a bare message over the same Valkey, and by its panel rendered in this process."""
    session, region = seeded.running, SessionRegion(seeded.running.pk, "")
    bare, rendered, fragments = [], [], []
    with Socket(base, seeded) as socket, Wire() as wire:
        for number in range(WARM_UP + CHANGES):
            time.sleep(SPACING)
            fragments.append(socket.time_to(f"Change {number}.", lambda words: _change(session, words)))
            bare.append(wire.round_trip())
            rendered.append(_timed(region.render))
    return [
        Timing("message through Valkey alone (the baseline)", bare[WARM_UP:]),
        Timing("panel rendered alone", rendered[WARM_UP:]),
        Timing("change to fragment", fragments[WARM_UP:]),
    ]


def _timed(act: Callable[[], object]) -> float:
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def _change(session: OptimizationSession, words: str) -> float:
    """As a worker does: write, then tell. Returns when it was committed."""
    committed: list[float] = []
    with transaction.atomic():
        OptimizationSession.objects.filter(pk=session.pk).update(stage=words)
        transaction.on_commit(lambda: committed.append(time.perf_counter()))
        topics.publish(topics.session(session.pk))
    return committed[0]


class Socket:
    """A page's socket; a thread of its own notes when each frame came."""

    def __init__(self, base: str, seeded: Seeded) -> None:
        address = f"ws{base.removeprefix('http')}/live/?topic={topics.session(seeded.running.pk)}&tab="
        headers = {"Cookie": f"sessionid={seeded.cookie}"}
        self._frames: queue.Queue[tuple[float, str]] = queue.Queue()
        self._connection = connect(address, origin=Origin(base), additional_headers=headers)

    def __enter__(self) -> Socket:
        threading.Thread(target=_listen, args=[self._connection, self._frames], daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def time_to(self, words: str, change: Callable[[str], float]) -> float:
        """Seconds from what `change` says was the start to the frame with these words."""
        start = change(words)
        while True:
            came, frame = self._frames.get(timeout=LONGEST)
            if words in frame:
                return came - start


def _listen(connection: ClientConnection, frames: queue.Queue[tuple[float, str]]) -> None:
    with contextlib.suppress(ConnectionClosed):
        for frame in connection:
            frames.put((time.perf_counter(), str(frame)))


class Wire:
    """Publishing and hearing over Valkey, with nothing between."""

    def __enter__(self) -> Wire:
        self._valkey = Redis.from_url(os.environ["REDIS_URL"])
        self._ear = self._valkey.pubsub()  # type: ignore[no-untyped-call]
        self._ear.subscribe(CHANNEL)
        self._ear.get_message(timeout=LONGEST)
        return self

    def __exit__(self, *_: object) -> None:
        self._ear.close()
        self._valkey.close()

    def round_trip(self) -> float:
        start = time.perf_counter()
        self._valkey.publish(CHANNEL, "changed")
        while self._ear.get_message(timeout=LONGEST) is None:
            pass
        return time.perf_counter() - start
