"""The peers `gepa` and `gepa-reasoning`: gepa's own search over the instruction, on our rows, graders and server.

The second begins with a prompt that asks for reasoning, and answers are read behind the last marker.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version
from typing import Any

import gepa
from gepa.core.adapter import EvaluationBatch
from gepa.strategies.proposal_sampling import IndependentSampling

from optimizer.engine.components import Components
from optimizer.engine.reasoning import Reasoning, reasoning_for
from optimizer.engine.task import Item, Task
from optimizer.llm.base import Message
from tests.bench.method.jobs import Job
from tests.bench.method.meter import SLOTS, Meter
from tests.bench.method.programs import Found, Prompted, Track, prompted
from tests.bench.method.tasks import BenchTask

PART = "instruction"
TRAIN = 32  # of the 64 rows; the others are its validation set
REFLECTION_TOKENS = 320  # as many as ours gives a rewrite
THINK = "Think step by step, and end with a line `{marker} …`."
PLAIN = Reasoning("", "Answer:", one_line=False)  # where our own search would not ask for reasoning


@dataclass
class Adapter:
    """Runs a candidate's instruction on rows, four at a time, and tells what was wrong."""

    task: BenchTask
    meter: Meter
    start: Components
    propose_new_texts: None = None

    def program(self, candidate: Mapping[str, str]) -> Prompted:
        return prompted(self.start.but(instruction=candidate[PART]), self.task)

    def evaluate(
        self, batch: Sequence[Item], candidate: Mapping[str, str], capture_traces: bool = False
    ) -> EvaluationBatch[dict[str, str], str]:
        program = self.program(candidate)
        outputs = program.outputs([row.input for row in batch], self.meter)
        scores = self.task.scores([program.answer(output) for output in outputs], batch)
        traces = [self._trace(*told) for told in zip(batch, outputs, scores, strict=True)]
        return EvaluationBatch(
            outputs=outputs, scores=scores, trajectories=traces if capture_traces else None
        )

    def batch_evaluate(
        self, pairs: Sequence[tuple[Mapping[str, str], Sequence[Item]]]
    ) -> list[EvaluationBatch[dict[str, str], str]]:
        """Several candidates, their rows in one batch."""
        chats = [self.program(candidate).chat(row.input) for candidate, rows in pairs for row in rows]
        self.meter.answers(chats, max_tokens=prompted(self.start, self.task).limit)
        return [self.evaluate(rows, candidate, capture_traces=True) for candidate, rows in pairs]

    def _trace(self, row: Item, output: str, score: float) -> dict[str, str]:
        """The feedback is that of gepa's own default adapter, with what our graders want."""
        right = f"The generated response is correct: it is the correct answer '{row.expected}'."
        wrong = (
            f"The generated response is incorrect. The correct answer is '{row.expected}'. "
            f"Ensure that {self._whole} is exactly the correct answer and nothing else."
        )
        return {"Inputs": row.input, "Generated Outputs": output, "Feedback": right if score == 1 else wrong}

    @property
    def _whole(self) -> str:
        """What is compared with the correct answer."""
        reasoning = self.start.reasoning
        return f"what follows the last “{reasoning.marker}”" if reasoning else "the response"

    def make_reflective_dataset(
        self, candidate: Mapping[str, str], evaluated: EvaluationBatch[Any, Any], parts: Sequence[str]
    ) -> Mapping[str, Sequence[Mapping[str, str]]]:
        return {part: evaluated.trajectories or [] for part in parts}


class Reflection:
    """The optimizer model as gepa calls it: one prompt, or a batch that goes out together."""

    total_cost = 0.0  # gepa counts this itself where it is missing, and then hides the batch

    def __init__(self, meter: Meter, seed: int) -> None:
        self.meter = meter
        self.asked = seed * 100_000

    def __call__(self, prompt: Any) -> str:
        messages = prompt if isinstance(prompt, list) else [{"content": prompt}]
        return self.batch_complete([messages])[0]

    def batch_complete(self, prompts: Sequence[Sequence[Mapping[str, str]]]) -> list[str]:
        chats = [[Message("user", turn["content"]) for turn in prompt] for prompt in prompts]
        self.asked += len(chats)
        seeds = range(self.asked - len(chats), self.asked)
        return self.meter.samples(chats, seeds, max_tokens=REFLECTION_TOKENS, temperature=0.8)


class Quiet:
    """gepa's log, unread."""

    def log(self, message: str) -> None: ...


def search(job: Job, task: BenchTask, meter: Meter) -> Found:
    """gepa from the given prompt."""
    return _search(job, Adapter(task, meter, task.original))


def search_reasoning(job: Job, task: BenchTask, meter: Meter) -> Found:
    """gepa from the given prompt and a plain request to think first, which it may rewrite as well."""
    asked = Task(task.prompt, job.model, job.model, items=task.rows, grader=task.grader)
    reading = replace(reasoning_for(asked) or PLAIN, request="")
    think = THINK.format(marker=reading.marker)
    return _search(job, Adapter(task, meter, Components(f"{task.prompt}\n\n{think}", reasoning=reading)))


def _search(job: Job, adapter: Adapter) -> Found:
    """gepa with its defaults, but proposals four at a time, until the tokens are spent or it finds nothing to ask."""
    task, meter = adapter.task, adapter.meter
    track = Track(meter)
    track.note(prompted(adapter.start, task))

    def stop(state: Any) -> bool:
        scores = state.program_full_scores_val_set
        track.note(adapter.program(state.program_candidates[scores.index(max(scores))]))
        return meter.spent or track.stalled

    gepa.optimize(
        seed_candidate={PART: adapter.start.instruction},
        trainset=list(task.rows[:TRAIN]),
        valset=list(task.rows[TRAIN:]),
        adapter=adapter,
        reflection_lm=Reflection(meter, job.seed),
        sampling_strategy=IndependentSampling(SLOTS),
        stop_callbacks=stop,
        logger=Quiet(),
        cache_evaluation=True,
        track_best_outputs=False,
        raise_on_exception=False,
        seed=job.seed,
    )
    return track.found(f"gepa {version('gepa')}")
