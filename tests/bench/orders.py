"""In which order the calls of several candidates are sent: what that costs on a server with one slot, and with four.

Each candidate shows many examples, so that most of the work is to read them; a slot that has just read them need not
read them again. Every run has prompts of its own, because a server remembers whole ones.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from statistics import median
from uuid import uuid4

from optimizer.llm.base import Message, Request
from optimizer.llm.lanes import SharedLanes
from optimizer.llm.ollama import OllamaHost
from optimizer.llm.pool import Pool
from promptevolver.embedded.services.addresses import free_port
from promptevolver.embedded.services.home import CHECKOUT
from tests.bench.table import Row, Section, verdict

SLOTS = (1, 4)
MOST = 4  # calls under way, where an order does not say otherwise
CANDIDATES, ROWS, EXAMPLES = 4, 6, 12
RUNS = 3
WITHIN = 0.10
MODEL = "smollm2:135m"

Order = Callable[[str, Sequence[Request]], float]  # seconds, of an address and the calls


def measure() -> Section:
    rows: list[Row] = []
    late: list[str] = []
    for slots in SLOTS:
        with server(slots) as address:
            runs = [{name: order(address, calls()) for name, order in ORDERS.items()} for _ in range(RUNS)]
        seconds = {name: median(run[name] for run in runs) for name in ORDERS}
        rows.append((f"{slots} slot{'s' * (slots > 1)}", *(f"{took:.1f}" for took in seconds.values())))
        excess = seconds["ours"] / min(seconds.values()) - 1
        if excess > WITHIN:
            late.append(f"{slots} slots ({excess:+.0%})")
    return Section(
        "Orders of calls",
        f"{CANDIDATES} candidates with {EXAMPLES} examples on {ROWS} rows, the embedded model; seconds, "
        f"medians of {RUNS} runs in turn.",
        ("", *ORDERS),
        rows,
        [verdict(f"ours within {WITHIN:.0%} of the best order", failing=late)],
    )


def calls() -> list[Request]:
    """A candidate's calls one after the other, with prompts that no server has seen."""
    salts = [uuid4().hex for _ in range(CANDIDATES)]
    return [
        Request("answer", MODEL, (Message("user", _prompt(salt, row)),), max_tokens=4, beginning=salt)
        for salt in salts
        for row in range(ROWS)
    ]


def _prompt(salt: str, row: int) -> str:
    examples = [
        f"Input: message {n} of {salt} came late and broken\nOutput: negative" for n in range(EXAMPLES)
    ]
    return "\n\n".join([f"{salt}. Is it positive?", *examples, f"Input: message {row}\nOutput:"])


def _together(address: str, requests: Sequence[Request], at_once: int) -> float:
    """In the order given, this many at once."""

    async def send() -> None:
        host, free = OllamaHost(address), asyncio.Semaphore(at_once)

        async def one(request: Request) -> None:
            async with free:
                await host.reply(request, lambda text: None)

        await asyncio.gather(*map(one, requests))
        await host.close()

    began = time.perf_counter()
    asyncio.run(send())
    return time.perf_counter() - began


def in_turn(address: str, requests: Sequence[Request]) -> float:
    """A row of each candidate, then the next row."""
    return _together(address, sorted(requests, key=lambda r: requests.index(r) % ROWS), MOST)


def by_candidate(address: str, requests: Sequence[Request]) -> float:
    """All rows of a candidate, then the next candidate's; as many at once as may be."""
    return _together(address, requests, MOST)


def one_by_one(address: str, requests: Sequence[Request]) -> float:
    """The same, one call at a time."""
    return _together(address, requests, 1)


def ours(address: str, requests: Sequence[Request]) -> float:
    """Through the pool, which begins without knowing how many slots there are and remembers it."""
    pool = Pool(lambda: [OllamaHost(address)], lambda: SharedLanes(os.environ["REDIS_URL"]))
    try:
        began = time.perf_counter()
        list(pool.replies(requests))
        return time.perf_counter() - began
    finally:
        pool.close()


ORDERS: dict[str, Order] = {
    "in turn": in_turn,
    "by candidate": by_candidate,
    "one by one": one_by_one,
    "ours": ours,
}


@contextmanager
def server(slots: int) -> Iterator[str]:
    """An embedded model server of its own."""
    port = free_port(0)
    command = [sys.executable, str(CHECKOUT / "manage.py"), "serve_model", "--port", str(port)]
    process = subprocess.Popen([*command, "--parallel", str(slots)], stdout=subprocess.DEVNULL)
    address = f"http://127.0.0.1:{port}"
    try:
        _await(address)
        yield address
    finally:
        process.terminate()
        process.wait()


def _await(address: str) -> None:
    for _ in range(300):
        try:
            urllib.request.urlopen(f"{address}/api/version", timeout=1).close()
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    raise TimeoutError(address)
