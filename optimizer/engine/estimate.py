"""What a run will cost, before it starts: the search is rehearsed on a model that only pretends to answer."""

from __future__ import annotations

import json
import math
import random
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from optimizer.engine.asking import size_of, wall_clock
from optimizer.engine.comparing import Contender, compare
from optimizer.engine.components import original_of
from optimizer.engine.events import Spent
from optimizer.engine.search import run
from optimizer.engine.speed import Speed
from optimizer.engine.task import Config, Task
from optimizer.llm.base import Arrival, Done, Reply, Request
from optimizer.llm.ledger import Ledger

__all__ = ["Estimate", "Speed", "estimate", "estimate_comparison"]

Paid = Callable[[Collection[str]], Mapping[str, Reply]]  # of keys of requests, the replies that are known

BYTES_A_TOKEN = 4  # of usual text
TURN = 5  # of a chat template, for each message and for the answer
TALKATIVE = 40  # tokens of a wrong answer of a model that was shown no examples, where the limit allows
REWRITE = 60  # tokens of a proposal
VERDICT = 8
WRONG = "zzz"  # by any grader, whatever is expected
BARE = (0.0, 0.5)  # shares of right answers, of the worst and the best candidate rehearsed without chat turns
TAUGHT = (0.4, 0.9)  # and of those that show examples as turns


@dataclass(frozen=True)
class Estimate:
    """Model calls, tokens in and out, and minutes of wall-clock."""

    calls: int
    tokens: int
    minutes: float


def estimate(
    task: Task, config: Config, speed: Speed, seed: int = 0, *, within: float = math.inf
) -> Estimate:
    """What running the task will take. No model is asked.

    Raises TaskRefused as the run itself would, and TimeoutError where the rehearsal takes longer than `within` seconds.
    """
    model = Rehearsal(task, speed)
    spent, deadline = Spent(0, 0, 0), time.monotonic() + within
    for event in run(task, config, model, seed):
        if time.monotonic() > deadline:
            raise TimeoutError(f"The rehearsal of the search takes longer than {within:g} s.")
        if isinstance(event, Spent):
            spent = event
    return Estimate(spent.calls, spent.prompt_tokens + spent.completion_tokens, model.ms / 60_000)


def estimate_comparison(
    task: Task, config: Config, speed: Speed, seed: int = 0, *, contender: Contender, paid: Paid
) -> Estimate:
    """What comparing a contender takes, besides what `paid` knows. No model is asked."""
    model = Rehearsal(task, speed)
    for _ in compare(task, config, Ledger(model, Beforehand(paid)), seed, contender=contender):
        pass
    return Estimate(model.calls, model.tokens, model.ms / 60_000)


class Beforehand:
    """A ledger's store that knows what is paid for, and forgets what is only rehearsed."""

    def __init__(self, paid: Paid) -> None:
        self._paid = paid
        self._rehearsed: dict[str, Reply] = {}

    def find(self, keys: Iterable[str]) -> Mapping[str, Reply]:
        """See `Store`."""
        asked = set(keys)
        return {**self._paid(asked), **{key: self._rehearsed[key] for key in asked & self._rehearsed.keys()}}

    def save(self, request: Request, reply: Reply) -> Reply:
        """See `Store`."""
        self._rehearsed[request.key] = reply
        return reply


class Rehearsal:
    """A `Model` that answers at once with texts of plausible length, rightly as often as an average candidate.

    `ms` is how long a model of that speed would have worked, `calls` and `tokens` what it was asked and answered.
    """

    def __init__(self, task: Task, speed: Speed) -> None:
        self.slots = speed.slots
        self.ms = self.calls = self.tokens = 0
        self._task = task
        self._speed = speed
        rows = (*task.items, *task.held_out)
        self._expected = {item.input: item.expected for item in rows}
        self._variables = original_of(task.prompt, task.literals).variables
        self._filled = [
            (tuple(text for _, text in item.values), item.expected) for item in rows if item.values
        ]
        self._answers = sorted({item.expected for item in rows}) or [""]
        self._written = 0

    def replies(self, requests: Sequence[Request]) -> Iterator[Arrival]:
        """See `Model`."""
        replies = {request.key: self._reply(request) for request in requests}
        self.ms += wall_clock([reply.duration_ms for reply in replies.values()], self.slots)
        self.calls += len(replies)
        self.tokens += sum(reply.prompt_tokens + reply.completion_tokens for reply in replies.values())
        yield from (Done(index, replies[request.key]) for index, request in enumerate(requests))

    def _reply(self, request: Request) -> Reply:
        text, completion = self._answer(request) if request.purpose == "answer" else self._proposal(request)
        prompt = size_of(request) // BYTES_A_TOKEN + TURN * (len(request.messages) + 1)
        return Reply(text, "stop", prompt, completion, self._speed.ms(prompt, completion))

    def _answer(self, request: Request) -> tuple[str, int]:
        content = request.messages[-1].content
        head, _, asked = content.rpartition("\n\n")
        turns = len(request.messages) > 1
        share = random.Random(f"{head}{len(request.messages)}").uniform(*(TAUGHT if turns else BARE))
        expected = self._expected_of(asked.removeprefix("Input: ").removesuffix("\nOutput:"), content)
        right = random.Random(request.key).random() < share
        shown = turns or asked.endswith("\nOutput:")
        usual = math.ceil(len(expected.encode()) / BYTES_A_TOKEN) + 1  # and the one that ends it
        tokens = usual if right or shown else min(TALKATIVE, request.max_tokens // 2)
        return expected if right else WRONG, min(request.max_tokens, tokens)

    def _expected_of(self, asked: str, content: str) -> str:
        """The answer that is expected. Where the prompt has variables, the input is somewhere in the text."""
        if not self._variables:
            return self._expected.get(asked, self._answers[0])
        found = (answer for texts, answer in self._filled if all(text in content for text in texts))
        return next(found, self._answers[0])

    def _input(self, text: str) -> str | dict[str, str]:
        return dict.fromkeys(self._variables, text) if len(self._variables) > 1 else text

    def _proposal(self, request: Request) -> tuple[str, int]:
        self._written += 1
        text = f"{self._task.prompt} ({self._written})"
        said = {
            "prompt": text,
            "critique": text,
            "rule": text,
            "task": text,
            "reasoning": text,
            "inputs": [self._input(f"{self._written} {number}") for number in range(4)],
            "better": random.Random(request.key).choice(["A", "B", "tie"]),
            "score": random.Random(request.key).randrange(11),
        }
        few = request.purpose in {"compare", "rubric", "rate"}
        return json.dumps(said), VERDICT if few else REWRITE
