"""`make bench`: what the product is measured by, in one table. Takes some minutes."""

from __future__ import annotations

import time

from tests.bench.installation import installation, versions, web_server
from tests.bench.table import machine


def main() -> None:
    start = time.perf_counter()
    with installation():
        _measure()
    print(f"Took {time.perf_counter() - start:.0f} s.")


def _measure() -> None:
    from tests.bench import live, orders, pages, schedule, seed

    print(machine(versions()), flush=True)
    seeded = seed.seed()
    with web_server() as base:
        _show(pages.measure(base, seeded))
        _show(live.measure(base, seeded))
    _show(schedule.measure())
    _show(orders.measure())


def _show(section: object) -> None:
    print(f"\n{section}", flush=True)


if __name__ == "__main__":
    main()
