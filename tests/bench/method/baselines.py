"""Methods without a search: the given prompt, random examples as chat turns, one rewrite."""

from __future__ import annotations

import random

from optimizer.engine.components import Components, shot_of
from optimizer.llm.base import Message
from tests.bench.method.jobs import Job
from tests.bench.method.meter import Meter
from tests.bench.method.programs import Found, prompted
from tests.bench.method.tasks import BenchTask

SHOTS, SHOWN = 8, 3
REWRITE = """Here is a prompt for a language model:

\"\"\"
{prompt}
\"\"\"

Examples of inputs and the answers that are wanted:

{examples}

Write a better prompt for this task. Reply with the prompt only."""


def original(job: Job, task: BenchTask, meter: Meter) -> Found:
    """The given prompt as it is."""
    return Found(prompted(task.original, task))


def few_shot(job: Job, task: BenchTask, meter: Meter) -> Found:
    """Random rows as user and assistant turns before the question."""
    rows = random.Random(f"{job.seed}:{task.name}").sample(task.rows, SHOTS)
    shots = tuple(shot_of(row) for row in rows)
    return Found(prompted(Components(task.prompt, shots=shots, shots_as="turns"), task))


def rewrite(job: Job, task: BenchTask, meter: Meter) -> Found:
    """What the model makes of the prompt when asked once; the given prompt if it says nothing."""
    rows = random.Random(f"{job.seed}:{task.name}").sample(task.rows, SHOWN)
    examples = "\n\n".join(f"Input: {row.input}\nOutput: {row.expected}" for row in rows)
    asked = [Message("user", REWRITE.format(prompt=task.prompt, examples=examples))]
    [text] = meter.samples([asked], [job.seed], max_tokens=320, temperature=0.8)
    text = text.strip().strip('"`').strip()
    return Found(prompted(Components(text or task.prompt), task))


BASELINES = {"original": original, "few-shot": few_shot, "rewrite": rewrite}
