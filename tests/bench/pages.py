"""Pages through a real web server, against a view that makes one query behind the same middleware and sign-in."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from uuid import uuid4

import httpx
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.bench.seed import COMMON, RARE, SESSIONS, Seeded
from tests.bench.table import Row, Section, Timing, ms, verdict

REQUESTS, WARM_UP = 200, 25
MOST = 3.0
CSRF = "b" * 32
TRANSACTION = ("BEGIN", "COMMIT", "SAVEPOINT", "RELEASE")


@dataclass(frozen=True)
class Page:
    """A GET, or a POST of the form that `fields` makes each time."""

    name: str
    path: str
    status: int = 200
    fields: Callable[[], dict[str, str]] | None = None


def pages_of(seeded: Seeded) -> list[Page]:
    """The first is the baseline."""
    return [
        Page("one-query view (the baseline)", "/baseline/"),
        Page("History, first page", "/history/"),
        Page("History, search for a common word", f"/history/?q={COMMON}"),
        Page("History, search for a rare word", f"/history/?q={RARE}"),
        Page("Session, done", f"/optimizations/{seeded.done.pk}/"),
        Page("Session, running", f"/optimizations/{seeded.running.pk}/"),
        Page("Submit", "/", 302, _submission),
    ]


def _submission() -> dict[str, str]:
    """What the form sends for a small prompt."""
    typed = {"prompt": "Is this customer satisfied? Answer with one word.", "preset": "balanced"}
    return typed | {"submit_key": str(uuid4()), "csrfmiddlewaretoken": CSRF}


def measure(base: str, seeded: Seeded) -> Section:
    pages = pages_of(seeded)
    queries = {page.name: _queries(page, seeded) for page in pages}
    timings = _timings(base, pages, seeded)
    baseline = timings[0].median
    return Section(
        "Pages",
        f"One Daphne process, one keep-alive client, {SESSIONS:,} sessions of one person; "
        f"{REQUESTS} requests each, interleaved.",
        ("", "median ms", "p95 ms", "× baseline", "SQL queries"),
        [_row(timing, baseline, queries[timing.name]) for timing in timings],
        [
            verdict(
                f"a median of at most {MOST:g} × the baseline",
                failing=[f"“{t.name}”" for t in timings if t.median > MOST * baseline],
            ),
            "Queries include the two that sign in; statements that only begin or end transactions do not count.",
        ],
    )


def _row(timing: Timing, baseline: float, queries: int) -> Row:
    return timing.name, ms(timing.median), ms(timing.p95), f"{timing.median / baseline:.2f}", str(queries)


def _queries(page: Page, seeded: Seeded) -> int:
    """In this process, where they can be seen."""
    browser = seeded.browser
    with CaptureQueriesContext(connection) as captured:
        reply = browser.post(page.path, page.fields()) if page.fields else browser.get(page.path)
    assert reply.status_code == page.status, f"{page.name}: {reply.status_code}"
    return sum(not query["sql"].startswith(TRANSACTION) for query in captured.captured_queries)


def _timings(base: str, pages: list[Page], seeded: Seeded) -> list[Timing]:
    """In another order each round, so that no page always follows the same one."""
    taken: dict[str, list[float]] = {page.name: [] for page in pages}
    dice = random.Random(7)
    with httpx.Client(base_url=base, cookies={"sessionid": seeded.cookie, "csrftoken": CSRF}) as client:
        for _ in range(WARM_UP + REQUESTS):
            for page in dice.sample(pages, len(pages)):
                taken[page.name].append(_timed(client, page))
    return [Timing(name, seconds[WARM_UP:]) for name, seconds in taken.items()]


def _timed(client: httpx.Client, page: Page) -> float:
    form = {name: (None, value) for name, value in page.fields().items()} if page.fields else None
    request = client.build_request("POST" if form else "GET", page.path, files=form)
    start = time.perf_counter()
    reply = client.send(request)
    seconds = time.perf_counter() - start
    assert reply.status_code == page.status, f"{page.name}: {reply.status_code}"
    return seconds
