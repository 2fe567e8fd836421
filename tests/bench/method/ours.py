"""The product's own search, and how much of its spending was search."""

from __future__ import annotations

import hashlib
import time
from dataclasses import replace
from pathlib import Path

import optimizer
from optimizer.engine import Config, Task, run
from optimizer.engine.events import Finished, Proposed, Scored, Spent
from optimizer.llm.ledger import Ledger, MemoryStore
from tests.bench.method.jobs import Job
from tests.bench.method.meter import Meter
from tests.bench.method.programs import Found, prompted
from tests.bench.method.tasks import BenchTask

SOURCES = ("engine", "llm")


def search(job: Job, task: BenchTask, meter: Meter) -> Found:
    """The engine on the same rows and server, at the budget."""
    asked = Task(
        prompt=task.prompt,
        target_model=job.model,
        optimizer_model=job.model,
        items=task.rows,
        held_out=task.held_out,
        grader=task.grader,
    )
    config = Config(max_tokens=job.budget, answer_tokens=task.answer_tokens)
    watch = Watch()
    for event in run(asked, config, Ledger(meter.model, MemoryStore()), seed=job.seed):
        watch.note(event)
    return Found(
        prompted(watch.finished.components, task),
        version(),
        watch.best_at,
        spent=watch.searched,
        seconds=watch.seconds,
    )


def third(job: Job, task: BenchTask, meter: Meter) -> Found:
    """The same at a third of the budget."""
    return search(replace(job, budget=job.budget // 3), task, meter)


class Watch:
    """What the search alone has cost: all before the batch that the first held-out scores come from."""

    def __init__(self) -> None:
        self.start = time.perf_counter()
        self.finished: Finished
        self.searched: tuple[int, int] | None = None
        self.seconds: float | None = None
        self._batches = [
            (0, 0, 0.0),
            (0, 0, 0.0),
        ]  # calls, tokens and seconds after each of the last two batches
        self._proposed_at: dict[int, int] = {}

    def note(self, event: object) -> None:
        """Tell of an event of the run."""
        match event:
            case Spent(calls, prompt, completion):
                seconds = time.perf_counter() - self.start
                self._batches = [self._batches[-1], (calls, prompt + completion, seconds)]
            case Proposed(number=number):
                self._proposed_at[number] = self._batches[-1][1]
            case Scored(split="held-out") if self.searched is None:
                calls, tokens, self.seconds = self._batches[0]
                self.searched = calls, tokens
            case Finished():
                self.finished = event
            case _:
                pass

    @property
    def best_at(self) -> int:
        """Tokens spent when the winner was proposed."""
        return self._proposed_at.get(self.finished.best, 0)


def version() -> str:
    """A digest of what decides a run: the engine's and the client's source."""
    digest = hashlib.sha256()
    for part in SOURCES:
        for source in sorted((Path(optimizer.__file__).parent / part).glob("*.py")):
            digest.update(source.read_bytes())
    return f"ours {digest.hexdigest()[:10]}"


OURS = {"ours": search, "ours-third": third}
