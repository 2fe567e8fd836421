"""The peer `miprov2`: dspy's optimizer of instruction and examples, on our rows, graders and server."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import Any

import dspy
from dspy.propose.grounded_proposer import GroundedProposer
from dspy.teleprompt import mipro_optimizer_v2 as mipro

from tests.bench.method.jobs import Job
from tests.bench.method.meter import SLOTS, BudgetSpentError, Meter
from tests.bench.method.programs import Found, Track
from tests.bench.method.tasks import BenchTask
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

PROPOSAL_TOKENS = 320  # as many as ours gives a rewrite
TRAIN = 16  # rows: it tries each, one at a time, to make examples of those that it gets right
TRIALS = 30  # more than the tokens last for
MINIBATCH = 8


@dataclass(frozen=True)
class Size:
    """Instructions and sets of examples to choose from, rows to choose by, minibatches between two full counts."""

    candidates: int
    validation: int
    full_every: int


SMALL, LARGE = Size(3, 16, 2), Size(4, 32, 3)


def search(job: Job, task: BenchTask, meter: Meter) -> Found:
    """MIPROv2 until the tokens are spent; what led its own validation then."""
    quiet()
    student = dspy.Predict(signature(task))
    limit = task.answer_tokens + MARKERS
    track = Track(meter)
    track.note(Predictor(student, limit))
    _watch(meter, track, limit, student)
    answering = Served(meter, seed=job.seed, max_tokens=limit)
    proposing = Served(meter, seed=job.seed, max_tokens=PROPOSAL_TOKENS, temperature=1.0)
    dspy.configure(lm=answering, adapter=dspy.ChatAdapter())
    size = LARGE if job.budget >= FOR_LARGE else SMALL
    with contextlib.suppress(Spent, BudgetSpentError):
        _optimizer(job, task, answering, proposing, size.candidates).compile(
            student,
            trainset=examples(task, slice(TRAIN)),
            valset=examples(task, slice(TRAIN, TRAIN + size.validation)),
            num_trials=TRIALS,
            minibatch_size=MINIBATCH,
            minibatch_full_eval_steps=size.full_every,
            view_data_batch_size=TRAIN,
            program_aware_proposer=False,
        )
    return track.found(version())


def _optimizer(job: Job, task: BenchTask, answering: Served, proposing: Served, candidates: int) -> Any:
    return dspy.MIPROv2(
        metric=metric(task),
        prompt_model=proposing,
        task_model=answering,
        max_bootstrapped_demos=4,
        max_labeled_demos=4,
        auto=None,
        num_candidates=candidates,
        num_threads=SLOTS,
        max_errors=10_000,
        seed=job.seed + 1,  # 0 would mean its default
    )


def _watch(meter: Meter, track: Track, limit: int, student: Any) -> None:
    """Note the best program after each evaluation; a proposal that cannot be read is the given prompt."""
    best = -1.0
    evaluated, chosen = mipro.eval_candidate_program, mipro.get_program_with_highest_avg_score
    proposed = GroundedProposer.propose_instruction_for_predictor

    def evaluate(size: int, rows: Any, program: Any, *rest: Any) -> Any:
        nonlocal best
        outcome = evaluated(size, rows, program, *rest)
        if size >= len(rows) and outcome.score > best and not meter.refused:
            best = outcome.score
            track.note(Predictor(program.deepcopy(), limit))
        if meter.spent:
            raise Spent
        return outcome

    def propose(self: Any, *args: Any, **kwargs: Any) -> str:
        try:
            return str(proposed(self, *args, **kwargs))
        except dspy.utils.exceptions.AdapterParseError:
            return str(student.signature.instructions)

    def leading(seen: Any, counted: Any) -> Any:
        """The best on minibatches that has no full count, or the best: dspy has no answer if all have one."""
        return chosen(seen, counted if seen.keys() - counted.keys() else {})

    mipro.eval_candidate_program = evaluate
    mipro.get_program_with_highest_avg_score = leading
    GroundedProposer.propose_instruction_for_predictor = propose
