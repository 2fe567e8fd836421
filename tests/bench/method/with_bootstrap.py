"""The peer `cot-bootstrap`: dspy's ChainOfThought with its own right reasonings as examples, chosen by
BootstrapFewShotWithRandomSearch."""

from __future__ import annotations

import contextlib
import random
from typing import Any

import dspy
from dspy.teleprompt import random_search

from tests.bench.method.jobs import Job
from tests.bench.method.meter import SLOTS, BudgetSpentError, Meter
from tests.bench.method.programs import Found, Track
from tests.bench.method.tasks import LONGEST_ANSWER, BenchTask
from tests.bench.method.with_dspy import (
    FOR_LARGE,
    MARKERS,
    Predictor,
    Served,
    Spent,
    examples,
    metric,
    quiet,
    signature,
    version,
)

LIMIT = LONGEST_ANSWER + MARKERS
TRAIN = 32  # rows: it tries one after the other until it has enough right reasonings
FEW, MANY = 12, 32  # rows to choose by: with few tokens, so few that they last for some sets of examples


def search(job: Job, task: BenchTask, meter: Meter) -> Found:
    """Random search until it is through its candidates or the tokens are spent; what led its own validation then."""
    quiet()
    student = dspy.ChainOfThought(signature(task))
    track = Track(meter)
    track.note(Predictor(student, LIMIT))
    _watch(meter, track)
    dspy.configure(lm=Served(meter, seed=job.seed, max_tokens=LIMIT), adapter=dspy.ChatAdapter())
    with contextlib.suppress(Spent, BudgetSpentError):
        _optimizer(task).compile(
            student,
            trainset=_shuffled(job, examples(task, slice(TRAIN))),
            valset=examples(task, slice(TRAIN, TRAIN + (MANY if job.budget >= FOR_LARGE else FEW))),
        )
    return track.found(version())


def _optimizer(task: BenchTask) -> Any:
    """With its defaults, but no examples without reasoning: to try those too, the tokens would not last."""
    return dspy.BootstrapFewShotWithRandomSearch(
        metric=metric(task),
        max_bootstrapped_demos=4,
        max_labeled_demos=0,
        num_candidate_programs=16,
        num_threads=SLOTS,
        max_errors=10_000,
    )


def _shuffled(job: Job, rows: list[Any]) -> list[Any]:
    """The optimizer takes no seed; the order of its rows decides what it finds."""
    return random.Random(f"{job.seed}:{job.task}").sample(rows, len(rows))


def _watch(meter: Meter, track: Track) -> None:
    """Note the best program after each whole evaluation."""
    best = -1.0

    class Watched(dspy.Evaluate):  # type: ignore[misc]
        def __call__(self, program: Any, *args: Any, **kwargs: Any) -> Any:
            nonlocal best
            outcome = super().__call__(program, *args, **kwargs)
            if outcome.score > best and not meter.refused:
                best = outcome.score
                track.note(Predictor(program.deepcopy(), LIMIT))
            if meter.spent:
                raise Spent
            return outcome

    random_search.Evaluate = Watched
