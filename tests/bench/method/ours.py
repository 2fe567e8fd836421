"""The product's own search, and how much of its spending was search."""

from __future__ import annotations

import hashlib
import time
from functools import cache
from math import sqrt
from pathlib import Path

import optimizer
from optimizer.engine import Config, Task, run
from optimizer.engine.estimate import Estimate, Range, estimate
from optimizer.engine.events import Finished, Proposed, Spent
from optimizer.engine.speed import Speed, Timing, fit
from optimizer.llm.ledger import Ledger, MemoryStore
from tests.bench.method.jobs import Job
from tests.bench.method.meter import SLOTS, Meter
from tests.bench.method.programs import Found, prompted
from tests.bench.method.tasks import LONGEST_ANSWER, BenchTask

SOURCES = ("engine", "llm")
timings: list[Timing] = []  # of the calls of earlier runs in this process
speeds: list[Speed] = []  # what these told: estimates go by the last


def search(job: Job, task: BenchTask, meter: Meter) -> Found:
    """The engine on the same rows and server. It never sees the held-out rows, as the peers do not."""
    asked = Task(
        prompt=task.prompt,
        target_model=job.model,
        optimizer_model=job.model,
        items=task.rows,
        grader=task.grader,
    )
    config = Config(max_tokens=job.budget, answer_tokens=LONGEST_ANSWER, compare=False)
    expected = estimate(asked, config, speeds[-1], job.seed) if speeds else None
    watch, store = Watch(), MemoryStore()
    for event in run(asked, config, Ledger(meter.model, store), seed=job.seed):
        watch.note(event)
    timings.extend(Timing.of(reply) for reply in store.kept.values())
    del timings[:-200]
    if speed := fit(timings, SLOTS):
        speeds.append(speed)
    return Found(
        prompted(watch.finished.components, task),
        version(),
        watch.best_at,
        spent=watch.spent,
        seconds=watch.seconds,
        told={**watch.beside(expected), "reason": watch.finished.reason},
        finalists=tuple((one.kind.value, prompted(one.components, task)) for one in watch.finished.finalists),
    )


class Watch:
    """What a run has cost, and when its winner was proposed."""

    def __init__(self) -> None:
        self.start = time.perf_counter()
        self.finished: Finished
        self.seconds = 0.0
        self.spent = (0, 0)  # calls and tokens
        self._proposed_at: dict[int, int] = {}

    def note(self, event: object) -> None:
        """Tell of an event of the run."""
        match event:
            case Spent(calls, prompt, completion):
                self.seconds = time.perf_counter() - self.start
                self.spent = calls, prompt + completion
            case Proposed(number=number):
                self._proposed_at[number] = self.spent[1]
            case Finished():
                self.finished = event
            case _:
                pass

    def beside(self, expected: Estimate | None) -> dict[str, float]:
        """What the whole run took, and what was expected."""
        calls, tokens = self.spent
        took = {"took_calls": calls, "took_tokens": tokens, "took_seconds": round(self.seconds, 1)}
        if expected is None:
            return took
        return took | {
            "expected_calls": round(middle(expected.calls)),
            "expected_tokens": round(middle(expected.tokens)),
            "expected_seconds": round(60 * middle(expected.minutes), 1),
        }

    @property
    def best_at(self) -> int:
        """Tokens spent when the winner was proposed."""
        return self._proposed_at.get(self.finished.best, 0)


def middle(told: Range) -> float:
    """The most likely value of a range."""
    return sqrt(told.low * told.high)


@cache
def version() -> str:
    """A digest of what decides a run: the engine's and the client's source, as this process has loaded it."""
    digest = hashlib.sha256()
    for part in SOURCES:
        for source in sorted((Path(optimizer.__file__).parent / part).rglob("*.py")):
            digest.update(source.read_bytes())
    return f"ours {digest.hexdigest()[:10]}"


version()  # before a source can change
OURS = {"ours": search, "ours-third": search}
