"""One run: a method on a task with a seed. Goes to another process and comes back as JSON."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optimizer.llm.base import Model
from tests.bench.method.meter import Meter, pool
from tests.bench.method.programs import Found, Program, held_out_scores
from tests.bench.method.tasks import BenchTask, read_tasks


@dataclass(frozen=True)
class Job:
    """What to run, on which server, for how many tokens."""

    method: str
    folder: str
    task: str
    seed: int
    ollama: str
    model: str
    budget: int


Search = Callable[[Job, BenchTask, Meter], Found]


def run(job: Job, searches: Mapping[str, Search]) -> dict[str, Any]:
    """Search, then measure: the line that is kept of a run."""
    [task] = read_tasks(Path(job.folder), [job.task])
    model = pool(job.ollama)
    try:
        meter = Meter(model, job.model, job.budget or None)
        start = time.perf_counter()
        found = searches[job.method](job, task, meter)
        seconds = time.perf_counter() - start if found.seconds is None else found.seconds
        return _line(job, found, meter, seconds) | found.told | _measured(found, task, model, job.model)
    finally:
        model.close()


def _line(job: Job, found: Found, meter: Meter, seconds: float) -> dict[str, Any]:
    calls, tokens = found.spent or (meter.calls, meter.tokens)
    return {
        "method": job.method,
        "task": job.task,
        "seed": job.seed,
        "model": job.model,
        "budget": job.budget,
        "version": found.version,
        "search_calls": calls,
        "search_tokens": tokens,
        "best_at_tokens": found.best_at,
        "seconds": round(seconds, 1),
        "prompt": found.program.shown(),
    }


def _measured(found: Found, task: BenchTask, model: Model, name: str) -> dict[str, Any]:
    """On the held-out rows: the result, what led at a third of the budget, and each finalist."""
    line = _scored(found.program, task, Meter(model, name))

    def scored(program: Program) -> dict[str, Any]:
        return line if program == found.program else _scored(program, task, Meter(model, name))

    told: dict[str, Any] = {}
    if found.at_third is not None:
        told["third_accuracy"] = scored(found.at_third)["accuracy"]
    if found.finalists is not None:
        told["finalists"] = [
            {"kind": kind, "prompt": program.shown()} | scored(program) for kind, program in found.finalists
        ]
    return line | told


def _scored(program: Program, task: BenchTask, meter: Meter) -> dict[str, Any]:
    scores = held_out_scores(program, task, meter)
    return {"scores": scores, "accuracy": sum(scores) / len(scores), "measuring_tokens": meter.tokens}
