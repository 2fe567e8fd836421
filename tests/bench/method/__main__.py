"""`make bench-method`: run what is missing, then write the report. Hours; it continues where it was interrupted."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from optimizer.llm.facts import offered
from tests.bench.method import apart
from tests.bench.method.baselines import BASELINES
from tests.bench.method.jobs import Job, Search, run
from tests.bench.method.meter import pool
from tests.bench.method.ours import OURS, version
from tests.bench.method.report import PAGE, tables, write
from tests.bench.method.runs import BENCHMARKS, Line, Runs, file_for, kept, machine
from tests.bench.method.tasks import folder, read_tasks

HERE: dict[str, Search] = {**BASELINES, **OURS}
METHODS = (*BASELINES, *apart.PEERS, *OURS)


def main() -> None:
    options = _options()
    if not options.report:
        _run_all(options)
    lines = kept([options.results] if options.results else sorted(BENCHMARKS.glob("runs-*.jsonl")))
    write(lines)
    print(f"{tables(lines)}\n\nWritten: {PAGE}")


def _run_all(options: argparse.Namespace) -> None:
    model = options.model or first_model(options.ollama)
    runs = Runs(options.results or file_for(model))
    for job in _jobs(options, model):
        if not runs.has(asdict(job) | {"version": _version(job.method)}):
            _make(job, runs)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make bench-method", description=__doc__)
    parser.add_argument("--ollama", default="http://127.0.0.1:11434", help="address of the server")
    parser.add_argument("--model", help="target and optimizer; the first that is served by default")
    parser.add_argument("--folder", type=Path, default=folder(), help="JSONL files of input and expected")
    parser.add_argument("--tasks", nargs="+", default=[], help="names of files; all by default")
    parser.add_argument("--methods", nargs="+", choices=METHODS, default=METHODS)
    parser.add_argument("--seeds", type=int, default=3, help="how many")
    parser.add_argument("--budget", type=int, default=48_000, help="tokens of one search")
    parser.add_argument("--results", type=Path, help="file of the runs; docs/benchmarks/ by default")
    parser.add_argument(
        "--report", action="store_true", help="only write docs/benchmarks.md from what is kept"
    )
    return parser.parse_args()


def first_model(address: str) -> str:
    """The first model that the server has."""
    model = pool(address)
    try:
        return offered(model.models())[0]
    finally:
        model.close()


def _jobs(options: argparse.Namespace, model: str) -> Iterator[Job]:
    """Whole tables first: every method on every task with one seed, then the next seed."""
    names = [task.name for task in read_tasks(options.folder, options.tasks)]
    for seed in range(options.seeds):
        for name in names:
            for method in options.methods:
                yield Job(
                    method,
                    str(options.folder),
                    name,
                    seed,
                    options.ollama,
                    model,
                    _budget(method, options.budget),
                )


def _budget(method: str, budget: int) -> int:
    """What the method may spend: nothing for those that do not search."""
    free = dict.fromkeys([*BASELINES, *apart.WITHOUT_SEARCH], 0)
    return {**free, "ours-third": budget // 3}.get(method, budget)


def _version(method: str) -> str:
    if method in BASELINES:
        return ""
    return version() if method in OURS else apart.PEERS[method]


def _make(job: Job, runs: Runs) -> None:
    start = time.perf_counter()
    try:
        line: Line = run(job, HERE) if job.method in HERE else apart.run(job)
    except apart.PeerFailedError as failed:
        print(failed, flush=True)  # is tried again the next time
        return
    runs.add(line | _circumstances())
    print(
        f"{time.strftime('%H:%M:%S')} {job.method:14} {job.task:20} seed {job.seed}: {line['accuracy']:.3f}, "
        f"{line['search_tokens']} tokens, {line['search_calls']} calls, {line['seconds']:.0f} s search, "
        f"{time.perf_counter() - start:.0f} s in all",
        flush=True,
    )


def _circumstances() -> Line:
    """When, where and by which command: without this the figures say nothing."""
    command = shlex.join(["python", "-m", "tests.bench.method", *sys.argv[1:]])
    return {"at": time.strftime("%Y-%m-%d %H:%M"), "machine": machine(), "command": command}


if __name__ == "__main__":
    main()
