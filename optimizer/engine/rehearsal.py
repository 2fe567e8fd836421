"""A model that only pretends to answer, with texts of plausible length: what a search asks of it, it would cost."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from optimizer.engine.budget import wall_clock
from optimizer.engine.calls import shows_turns, size_of
from optimizer.engine.components import original_of
from optimizer.engine.inputs import INVENTED, KINDS
from optimizer.engine.reasoning import Reasoning, reasoning_for
from optimizer.engine.speed import Speed
from optimizer.engine.task import Task
from optimizer.llm.base import Arrival, Done, Reply, Request

BYTES_A_TOKEN = 4  # of usual text
TURN = 5  # of a chat template, for each message and for the answer
TALKATIVE = 40  # tokens of a wrong answer of a model that was shown no examples, where the limit allows
REASONED = 90  # tokens of reasoning before an answer
THOUGHT = "It follows step by step. " * (REASONED * BYTES_A_TOKEN // 25)
REWRITE = 40  # tokens that a proposal adds to the prompt
WRITTEN = INVENTED // len(KINDS)  # inputs in a reply
VERDICT = 8
WRONG = "zzz"  # by any grader, whatever is expected
SHARED = 0.8  # of all answers hang on the row, and not on the prompt


@dataclass(frozen=True)
class Ability:
    """Shares of right answers, of the worst and the best candidate: without chat turns, and with examples as turns."""

    bare: tuple[float, float]
    taught: tuple[float, float]


# The quartiles of what searches reached in the benchmarks, with two small models (docs/benchmarks).
WEAK = Ability((0.0, 0.2), (0.05, 0.35))
AVERAGE = Ability((0.05, 0.5), (0.35, 0.65))
STRONG = Ability((0.3, 0.85), (0.65, 0.9))


class Rehearsal:
    """A `Model` of some ability that answers at once; another `salt` is right on other rows.

    `ms` is how long models of these speeds would have worked, `calls` and `tokens` what they were asked and answered.
    """

    def __init__(
        self,
        task: Task,
        speed: Speed,
        *,
        ability: Ability = AVERAGE,
        salt: int = 0,
        writing: Speed | None = None,
        judging: Speed | None = None,
        others: Mapping[str, Speed] | None = None,
    ) -> None:
        """`speed` is the target model's, `writing` the optimizer model's and `judging` the judge's, where they are
        others. `others` are those of other models; one that is not among them is as fast as the target."""
        self.slots = speed.slots
        self.ms = self.calls = self.tokens = 0
        self._task = task
        self._speed = speed
        written = writing or speed
        self._speeds = {
            **(others or {}),
            task.judge: judging or written,
            task.optimizer_model: written,
            task.target_model: speed,
        }
        self._ability = ability
        self._salt = salt
        rows = (*task.items, *task.held_out)
        self._expected = {item.input: item.expected for item in rows}
        self._variables = original_of(task.whole_prompt, task.literals).variables
        self._filled = [
            (tuple(text for _, text in item.values), item.expected) for item in rows if item.values
        ]
        self._reasoning = reasoning_for(task)
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
        speed = self._speeds.get(request.model, self._speed)
        return Reply(text, "stop", prompt, completion, speed.ms(prompt, completion))

    def _answer(self, request: Request) -> tuple[str, int]:
        if self._reasoning and request.messages[-1].content == self._reasoning.marker:
            return self._after_reasoning(request)
        content = request.messages[-1].content
        first = request.messages[0]
        apart = first.role == "system" and not self._task.system_text
        head, _, asked = (first.content, "", content) if apart else content.rpartition("\n\n")
        if self._task.system_text:
            head = f"{first.content}{head}"
        turns = shows_turns(request.messages)
        shown = turns or f"{head}{asked}".endswith("\nOutput:") or "\nOutput: " in head
        asked = asked.removeprefix("Input: ").removesuffix("\nOutput:")
        if not self._expected:
            return self._free(request)
        expected = self._expected_of(asked, content)
        reasoning = self._asked_for(f"{head}{content}")
        candidate = f"{head}{[message.content for message in request.messages[:-1]]}{request.schema or ''}"
        right = self._right(candidate, content if self._variables else asked, turns=turns or bool(reasoning))
        said = expected if right else WRONG
        usual = math.ceil(len(expected.encode()) / BYTES_A_TOKEN) + 1  # and the one that ends it
        if request.schema:
            return _constrained(said, request), min(request.max_tokens, usual)
        if reasoning:
            return reasoning.written(THOUGHT, said), min(request.max_tokens, REASONED + usual)
        tokens = usual if right or shown else min(TALKATIVE, request.max_tokens // 2)
        return said, min(request.max_tokens, tokens)

    def _after_reasoning(self, request: Request) -> tuple[str, int]:
        """The constrained answer to the question before the reasoning: mostly right where the reasoning was."""
        *before, _, _ = request.messages
        text, _ = self._answer(replace(request, messages=tuple(before), schema=None))
        said = self._reasoning.read(text).answer if self._reasoning else text
        usual = math.ceil(len((said or "").encode()) / BYTES_A_TOKEN) + 1
        return _constrained(said or "", request), min(request.max_tokens, usual)

    @staticmethod
    def _free(request: Request) -> tuple[str, int]:
        """An answer that nothing is known of: another prompt gets another one."""
        tokens = min(TALKATIVE, request.max_tokens // 2)
        return f"{request.key[:7]} " * (tokens * BYTES_A_TOKEN // 8 or 1), tokens

    def _asked_for(self, text: str) -> Reasoning | None:
        """The reasoning that the text asks for, if it does."""
        return self._reasoning if self._reasoning and self._reasoning.request in text else None

    def _right(self, candidate: str, asked: str, *, turns: bool) -> bool:
        """Whether the candidate is right on that row: most rows are as hard for any candidate."""
        worst, best = self._ability.taught if turns else self._ability.bare
        share = worst + (best - worst) * self._chance(candidate)
        both = f"{candidate}\0{asked}"
        hard = self._chance("row", asked if self._chance("which", both) < SHARED else both)
        return hard < share

    def _chance(self, *about: str) -> float:
        """A number from 0 to 1, always the same for the same texts."""
        text = "\0".join([str(self._salt), *about])
        digest = hashlib.blake2b(text.encode(errors="replace"), digest_size=8).digest()
        return int.from_bytes(digest, "big") / 2**64

    def _expected_of(self, asked: str, content: str) -> str:
        """The answer that is expected. Where the prompt has variables, the input is somewhere in the text."""
        if not self._variables:
            return self._expected.get(asked, self._answers[0])
        found = (answer for texts, answer in self._filled if all(text in content for text in texts))
        return next(found, self._answers[0])

    def _input(self, text: str) -> str | dict[str, str]:
        return dict.fromkeys(self._variables, text) if len(self._variables) > 1 else text

    def _rewritten(self, request: Request) -> str:
        """The part of the prompt that the request is about."""
        task = self._task
        asked = request.messages[-1].content
        of_system = task.part == "system" or (
            task.part == "both" and f"<prompt>\n{task.system_text}" in asked
        )
        return task.system_text if of_system else task.prompt

    def _proposal(self, request: Request) -> tuple[str, int]:
        self._written += 1
        text = f"{self._rewritten(request)} ({self._written}) {'and more ' * (REWRITE * BYTES_A_TOKEN // 9)}"
        said = {
            "prompt": text,
            "critique": text,
            "rule": text,
            "task": text,
            "reasoning": text,
            "inputs": [self._input(f"{self._written} {number}") for number in range(WRITTEN)],
            "better": ["A", "B", "tie"][int(3 * self._chance("better", request.key))],
            "score": int(11 * self._chance("score", request.key)),
        }
        few = request.purpose in {"compare", "rubric", "rate"}
        return json.dumps(said), VERDICT if few else min(request.max_tokens, len(text) // BYTES_A_TOKEN)


def _constrained(said: str, request: Request) -> str:
    """The answer as a server sends it: a label of a list in quotes."""
    return json.dumps(said) if "enum" in (request.schema or {}) else said
