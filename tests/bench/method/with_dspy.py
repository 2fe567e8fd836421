"""The peer `miprov2`: dspy's optimizer of instruction and examples, on our rows, graders and server."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import version
from types import SimpleNamespace
from typing import Any

os.environ |= {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "HF_HUB_OFFLINE": "1"}

import dspy
from dspy.propose.grounded_proposer import GroundedProposer
from dspy.teleprompt import mipro_optimizer_v2 as mipro

from optimizer.engine.components import INPUT
from optimizer.llm.base import Message, Request
from tests.bench.method.jobs import Job
from tests.bench.method.meter import SLOTS, BudgetSpentError, Meter
from tests.bench.method.programs import Found, Shown, Track
from tests.bench.method.tasks import BenchTask

MARKERS = 64  # tokens for the field markers around an answer
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
FOR_LARGE = 40_000  # tokens: with fewer it would not come to compare its candidates


class Served(dspy.BaseLM):  # type: ignore[misc]
    """The server as a dspy model; every call goes through the meter."""

    def __init__(self, meter: Meter, *, seed: int, max_tokens: int, temperature: float = 0.0) -> None:
        super().__init__(
            meter.name, temperature=temperature, max_tokens=max_tokens, cache=False, num_retries=0
        )
        self.meter = meter
        self.seed = seed

    def forward(self, prompt: Any = None, messages: Any = None, **kwargs: Any) -> SimpleNamespace:
        asked = {**self.kwargs, **kwargs}
        chat = messages or [{"role": "user", "content": prompt}]
        request = Request(
            "dspy",
            self.model,
            tuple(Message(turn["role"], turn["content"]) for turn in chat),
            max_tokens=asked["max_tokens"],
            temperature=asked["temperature"],
            seed=(asked.get("rollout_id") or 0) + self.seed if asked["temperature"] else 0,
        )
        text = self.meter.reply_to(request, [request])
        choice = SimpleNamespace(message=SimpleNamespace(content=text), finish_reason="stop")
        return SimpleNamespace(choices=[choice], usage={}, model=self.model)


@dataclass(frozen=True)
class Predictor:
    """A dspy program with one predictor."""

    module: Any
    max_tokens: int

    def answers(self, inputs: Sequence[str], meter: Meter) -> list[str]:
        served = Served(meter, seed=0, max_tokens=self.max_tokens)
        with ThreadPoolExecutor(SLOTS) as threads:
            return list(threads.map(lambda text: self._answer(text, served), inputs))

    def _answer(self, text: str, served: Served) -> str:
        """ "" for a reply that dspy cannot read."""
        try:
            with dspy.context(lm=served, adapter=dspy.ChatAdapter()):
                return str(self.module(input=text).answer or "")
        except dspy.utils.exceptions.AdapterParseError:
            return ""

    def shown(self) -> Shown:
        [predictor] = self.module.predictors()
        return list(dspy.ChatAdapter().format(predictor.signature, predictor.demos, {"input": INPUT}))


class Spent(BaseException):
    """Ends MIPROv2 when the tokens are spent. MIPROv2 catches every Exception, so this is none."""


def search(job: Job, task: BenchTask, meter: Meter) -> Found:
    """MIPROv2 until the tokens are spent; what led its own validation then."""
    _quiet()
    student = dspy.Predict(dspy.Signature("input -> answer", task.prompt))
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
            trainset=_examples(task, slice(TRAIN)),
            valset=_examples(task, slice(TRAIN, TRAIN + size.validation)),
            num_trials=TRIALS,
            minibatch_size=MINIBATCH,
            minibatch_full_eval_steps=size.full_every,
            view_data_batch_size=TRAIN,
            program_aware_proposer=False,
        )
    return track.found(f"dspy {version('dspy')}")


def _optimizer(job: Job, task: BenchTask, answering: Served, proposing: Served, candidates: int) -> Any:
    return dspy.MIPROv2(
        metric=lambda row, said, trace=None: task.score(str(said.answer or ""), row.item) == 1,
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


def _examples(task: BenchTask, which: slice) -> list[Any]:
    return [
        dspy.Example(input=row.input, answer=row.expected, item=row).with_inputs("input")
        for row in task.rows[which]
    ]


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


def _quiet() -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.ERROR)
    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)
