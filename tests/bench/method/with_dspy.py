"""What the peers that are dspy programs share: our server as dspy's model, our rows and grades, and the program."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib import metadata
from types import SimpleNamespace
from typing import Any

import dspy

from optimizer.engine.components import INPUT
from optimizer.llm.base import Message, Request
from tests.bench.method.meter import SLOTS, Meter
from tests.bench.method.programs import Shown
from tests.bench.method.tasks import BenchTask

MARKERS = 64  # tokens for the field markers around an answer
FOR_LARGE = 40_000  # tokens: with fewer, a search compares smaller sets, or it would not come to compare any


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
    """A dspy program with one predictor. `stand_ins` are shown for examples that it chooses for each input."""

    module: Any
    max_tokens: int
    stand_ins: tuple[Any, ...] = ()

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
        demos = [*self.stand_ins, *predictor.demos]
        return list(dspy.ChatAdapter().format(predictor.signature, demos, {"input": INPUT}))


class Spent(BaseException):
    """Ends a search when the tokens are spent. dspy catches every Exception, so this is none."""


def signature(task: BenchTask) -> Any:
    """The task as dspy states it, with the given prompt."""
    return dspy.Signature("input -> answer", task.prompt)


def examples(task: BenchTask, which: slice) -> list[Any]:
    """Rows as dspy's examples."""
    return [
        dspy.Example(input=row.input, answer=row.expected, item=row).with_inputs("input")
        for row in task.rows[which]
    ]


def metric(task: BenchTask) -> Callable[..., bool]:
    """Whether an answer is right, by the task's grader."""
    return lambda row, said, trace=None: task.score(str(said.answer or ""), row.item) == 1


def version() -> str:
    """The package, as runs name it."""
    return f"dspy {metadata.version('dspy')}"


def quiet() -> None:
    """No warnings, no log, and no cache but the meter's."""
    warnings.simplefilter("ignore")
    logging.disable(logging.ERROR)
    dspy.configure_cache(enable_disk_cache=False, enable_memory_cache=False)
