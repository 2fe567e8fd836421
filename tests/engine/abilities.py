"""Target models of several abilities, and tasks for them: what estimates are tried on. They know nothing of the
rehearsal."""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import NamedTuple

from optimizer.brief import PRESETS, completed, in_force
from optimizer.engine import Config, Item, Task, run
from optimizer.engine.calls import size_of
from optimizer.engine.events import Finished, Spent
from optimizer.llm.base import Arrival, Done, Reply, Request

LABELS = {
    "exact": ("billing", "delivery", "returns", "other"),
    "words": ("very good", "quite bad", "so so"),
    "contains": ("refund", "replacement", "none"),
}
SENTENCE = "please the order arrived late and broken I want my money back thank you for quick help"
VOCABULARY = SENTENCE.split(" ")
PROMPT = "What does this customer want?"
BYTES_A_TOKEN = 4.2
SHARED = 0.8  # of answers hang on the row alone: in the benchmarks two prompts are right on the same rows that often


@dataclass(frozen=True)
class Ability:
    """Shares of right answers, of the worst candidate and the best: bare, with examples in the text, and as turns.
    `written` is tokens of a proposal."""

    bare: tuple[float, float]
    text: tuple[float, float]
    turns: tuple[float, float]
    written: int


ABILITIES = {
    "weak": Ability((0.0, 0.15), (0.02, 0.25), (0.05, 0.35), 90),
    "average": Ability((0.05, 0.45), (0.2, 0.55), (0.35, 0.65), 60),
    "strong": Ability((0.3, 0.75), (0.5, 0.85), (0.65, 0.9), 40),
}


class Taken(NamedTuple):
    """What a run took, and whether it ended by reaching its target score."""

    calls: int
    tokens: int
    reached: bool


class Able:
    """A `Model` that is right as often as its ability says."""

    slots = 4

    def __init__(self, ability: Ability, task: Task, seed: int) -> None:
        self._ability = ability
        self._prompt = task.prompt
        self._expected = {item.input: item.expected for item in task.items}
        self._labels = sorted(set(self._expected.values()))
        self._seed = seed

    def replies(self, requests: Sequence[Request]) -> Iterator[Arrival]:
        """See `Model`."""
        for index, request in enumerate(requests):
            text = self._answer(request) if request.purpose == "answer" else self._proposal(request)
            written = min(request.max_tokens, round(len(text) / BYTES_A_TOKEN) + 2)
            read = round(size_of(request) / BYTES_A_TOKEN) + 6 * (len(request.messages) + 1)
            yield Done(index, Reply(text, "stop", read, written, 20 + 20 * written))

    def _answer(self, request: Request) -> str:
        messages = request.messages
        if messages[-1].content == "Answer:":  # the question stands before the reasoning
            messages = messages[:-2]
        head, _, asked = messages[-1].content.rpartition("\n\n")
        in_text, turns = asked.endswith("\nOutput:"), len(messages) > 1
        asked = asked.removeprefix("Input: ").removesuffix("\nOutput:")
        ability = self._ability
        worst, best = ability.turns if turns else ability.text if in_text else ability.bare
        candidate = repr((head, messages[:-1], request.schema))
        own = self._chance(candidate, asked)
        hard = self._chance("row", asked) if self._chance("which", candidate, asked) < SHARED else own
        if hard < worst + (best - worst) * self._chance(candidate):
            return self._expected[asked]
        if not (turns or in_text):
            return "This customer writes about something that went wrong, " * (1 + int(4 * own))
        other = self._labels[int(own * len(self._labels))]
        return other if other != self._expected[asked] else "unclear"

    def _chance(self, *about: str) -> float:
        digest = hashlib.sha256(repr((self._seed, about)).encode()).digest()
        return int.from_bytes(digest[:8], "big") / 2**64

    def _proposal(self, request: Request) -> str:
        dice = random.Random(f"{self._seed}{request.key}")
        prompt = f"{self._prompt} {_said(dice, self._ability.written // 2)}"
        replies = {
            "understand": {"task": _said(dice, 12), "expert": "You are a clerk.", "keywords": ["order"]},
            "mutate": {"prompt": prompt},
            "critique": {"critique": _said(dice, 30)},
            "synthesize": {"prompt": prompt},
            "rate": {"clarity": 7, "specificity": 6, "engagement": 5},
            "reasoning": {"reasoning": _said(dice, 20)},
            "contrast": {"rule": _said(dice, 12)},
        }
        return json.dumps(replies[request.purpose])


def _said(dice: random.Random, words: int) -> str:
    return " ".join(dice.choice(VOCABULARY) for _ in range(max(5, round(dice.gauss(words, words / 4)))))


def rows_task(rows: int, grader: str, *, long: bool) -> Task:
    """So many rows of a sentence, or of a page."""
    dice = random.Random(f"{rows}{grader}{long}")
    labels = LABELS[grader]
    items = tuple(
        Item(f"{number}: {_said(dice, 130 if long else 12)}", dice.choice(labels)) for number in range(rows)
    )
    return Task(PROMPT, "target", "optimizer", items=items, grader=grader)


def config_of(preset: str) -> Config:
    """A preset's search."""
    asked = in_force(completed({"preset": preset}))
    known = {field.name: asked[field.name] for field in fields(Config) if field.name in asked}
    return Config(**known, styles=PRESETS[preset].styles)


def taken(task: Task, config: Config, ability: Ability, seed: int) -> Taken:
    """What a whole run really takes."""
    spent, reason = Spent(0, 0, 0), ""
    for event in run(task, config, Able(ability, task, seed), seed):
        if isinstance(event, Spent):
            spent = event
        elif isinstance(event, Finished):
            reason = event.reason
    return Taken(spent.calls, spent.prompt_tokens + spent.completion_tokens, "right on every" in reason)
