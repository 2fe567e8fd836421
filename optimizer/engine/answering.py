"""The target model's answers to cases: what is asked, how often, and what each reply says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial

from optimizer.engine.arriving import Live, placed, remade, withheld
from optimizer.engine.asking import Asker
from optimizer.engine.budget import BudgetSpentError
from optimizer.engine.calls import THINKING_TOKENS, Answer, cut_in_thought
from optimizer.engine.components import Components
from optimizer.engine.costs import Cost
from optimizer.engine.reasoning import FEWEST_TOKENS
from optimizer.engine.task import Item, Task
from optimizer.engine.thinking import without_thinking
from optimizer.llm.base import CallFailedError, Reply, Request

REMEMBERED = 2048  # requests
BYTES_A_TOKEN = 4  # of reasoning that is not written yet
CUT = "…"  # at the end of an output that the limit ended
FEWEST_REASONED = 8  # answers that tell how long reasoning is


@dataclass(frozen=True)
class Case:
    """A candidate's components on one item."""

    components: Components
    item: Item

    @property
    def unconstrained(self) -> Case:
        """The same without a constraint."""
        return Case(self.components.unconstrained, self.item)


@dataclass(frozen=True)
class Scoring:
    """What came out of a case: the answer, its score (0 to 1), `why` it is not higher, and the reasoning before the
    answer. It took so many `tokens`, in and out, and `ms` milliseconds of the model."""

    output: str
    score: float
    why: str = ""
    reasoning: str = ""
    tokens: int = 0
    ms: int = 0


@dataclass(frozen=True)
class Said:
    """What a model said to a case: its answer (None if it never reached one) and the reasoning before it. `cut` says
    whether a limit ended it."""

    answer: str | None
    reasoning: str
    cut: bool
    tokens: int
    ms: int

    @property
    def shown(self) -> str:
        """The answer, with a mark where it was cut."""
        return (self.answer or "") + CUT * self.cut

    def scored(self, score: float, why: str = "") -> Scoring:
        """With its score."""
        return Scoring(self.shown, score, why, self.reasoning, self.tokens, self.ms)


class AnswerCalls:
    """The target model's answers, each within a limit of tokens. One that is cut while the model thinks is asked for
    again with a larger limit. If most are cut, the model gets that limit at once.

    If the prompt asks for reasoning, an answer may be as long as the person allows, until the length of the model's
    reasonings is known. A constrained answer after reasoning takes a second call. The first is that of the same prompt
    without the constraint, so it may be paid for already.
    """

    def __init__(self, task: Task, asker: Asker, limit: int) -> None:
        self._asker = asker
        self._whole = asker.config.answer_tokens
        self._limits = sorted({limit, self._whole, self._whole + THINKING_TOKENS})
        self._reasoned: list[int] = []  # tokens of reasonings that came to their end
        self._enough: dict[Case, int] = {}  # the limits that these had, by the case without its constraint
        self._request = lru_cache(REMEMBERED)(partial(answer_request, task))  # priced often, asked once
        self._second_request = lru_cache(REMEMBERED)(partial(answer_after, task))

    def cost(self, cases: Sequence[Case]) -> Cost:
        """What the answers take."""
        limit, thought = self._limits[0], "x" * BYTES_A_TOKEN * self._reasoning_limit
        first = [self._first(case, limit) for case in cases]
        in_two = [case for case in cases if case.components.in_two_calls]
        return self._asker.cost(
            [*first, *(self._second_request(case, thought, limit=limit) for case in in_two)]
        )

    def ask(self, stage: str, cases: Sequence[Case]) -> Live[list[Answer]]:
        """The answers to the cases, in order; each that will not be asked for again is told as it arrives."""
        in_two = {place for place, case in enumerate(cases) if case.components.in_two_calls}
        if in_two:  # reasoning without its answer would be paid for in vain
            self._asker.check(self.cost(cases), likely=True)
        answers = yield from withheld(self._first_answers(stage, cases), in_two)
        reasoned = {place: answers[place] for place in sorted(in_two)}
        replies = {place: reply for place, reply in reasoned.items() if isinstance(reply, Reply)}
        if replies:
            constrained = yield from self._constrained(stage, cases, replies)
            for place, answer in zip(replies, constrained, strict=True):
                answers[place] = answer
        return answers

    def _first_answers(self, stage: str, cases: Sequence[Case]) -> Live[list[Answer]]:
        """The answers to the first calls, of which most cases take no other."""
        limits = [0] * len(cases)

        def first(place: int, limit: int) -> Request:
            request = self._first(cases[place], limit)
            limits[place] = request.max_tokens
            return request

        answers = yield from self._ask_once(stage, len(cases), first)
        for case, answer, limit in zip(cases, answers, limits, strict=True):
            if case.components.reasoning and isinstance(answer, Reply) and answer.finish_reason != "length":
                self._reasoned.append(answer.completion_tokens)
                self._enough[case.unconstrained] = limit
        return answers

    def _constrained(
        self, stage: str, cases: Sequence[Case], reasoned: Mapping[int, Reply]
    ) -> Live[list[Answer]]:
        """The answers that these reasonings lead to, each with its reasoning."""
        places = list(reasoned)
        thoughts = [_thought(cases[place], reply) for place, reply in reasoned.items()]

        def second(index: int, limit: int) -> Request:
            return self._second_request(cases[places[index]], thoughts[index], limit=limit)

        def whole(place: int, answer: Answer) -> Answer:
            return _whole(cases[place], reasoned[place], answer)

        answers = yield from remade(placed(self._ask_once(stage, len(places), second), places), whole)
        return [whole(place, answer) for place, answer in zip(places, answers, strict=True)]

    def _ask_once(self, stage: str, count: int, request: Callable[[int, int], Request]) -> Live[list[Answer]]:
        """So many answers. `request` makes the call of a place and a limit."""
        limit, *larger = self._limits
        answers = yield from self._follow(stage, range(count), request, limit)
        for limit in larger:
            cut = [index for index, answer in enumerate(answers) if cut_in_thought(answer)]
            if 2 * len(cut) > len(answers):
                self._limits = [one for one in self._limits if one >= limit]
            if not cut:
                break
            try:
                longer = yield from self._follow(stage, cut, request, limit)
            except BudgetSpentError:
                break  # what there is counts
            for index, answer in zip(cut, longer, strict=True):
                answers[index] = answer
        return answers

    def _follow(
        self, stage: str, places: Sequence[int], request: Callable[[int, int], Request], limit: int
    ) -> Live[list[Answer]]:
        """Answers at these places among all."""
        last = limit == self._limits[-1]
        steps = self._asker.follow(stage, [request(place, limit) for place in places])
        return placed(steps, places, lambda answer: last or not cut_in_thought(answer))

    def _first(self, case: Case, limit: int) -> Request:
        if case.components.reasoning:
            limit = self._enough.get(case.unconstrained) or max(limit, self._reasoning_limit)
        return self._request(case, limit=limit)

    @property
    def _reasoning_limit(self) -> int:
        """Tokens for reasoning and answer: twice the longest finished one, once there are enough."""
        known = 2 * max(self._reasoned) if len(self._reasoned) >= FEWEST_REASONED else self._whole
        return min(self._whole, max(known, FEWEST_TOKENS))


def answer_request(task: Task, case: Case, *, limit: int) -> Request:
    """The target model's call for a case, the first if there are two: temperature 0, at most `limit` tokens."""
    return Request(
        purpose="answer",
        model=task.target_model,
        messages=case.components.messages(case.item),
        max_tokens=limit,
        schema=None if case.components.in_two_calls else case.components.format,
        beginning=case.components.digest,
        reasons=case.components.reasoning is not None,
    )


def answer_after(task: Task, case: Case, thought: str, *, limit: int) -> Request:
    """The second call for a case: the constrained answer after this reasoning."""
    return Request(
        purpose="answer",
        model=task.target_model,
        messages=case.components.answering(case.item, thought),
        max_tokens=limit,
        schema=case.components.format,
        beginning=case.components.digest,
    )


def _thought(case: Case, reply: Reply) -> str:
    """The reasoning in the reply to a first call."""
    reasoning, text = case.components.reasoning, without_thinking(reply.text)
    return reasoning.thought(text) if reasoning else text


def _whole(case: Case, first: Reply, second: Answer) -> Answer:
    """The replies of both calls as one."""
    reasoning = case.components.reasoning
    if isinstance(second, CallFailedError) or reasoning is None:
        return second
    return replace(
        second,
        text=reasoning.written(_thought(case, first), without_thinking(second.text)),
        prompt_tokens=first.prompt_tokens + second.prompt_tokens,
        completion_tokens=first.completion_tokens + second.completion_tokens,
        duration_ms=first.duration_ms + second.duration_ms,
        busy_ms=first.busy_ms + second.busy_ms,
    )


def said_by(case: Case, reply: Reply) -> Said:
    """What the model said, without its own thoughts, in two parts where the prompt asks for reasoning."""
    cut = reply.finish_reason == "length"
    thought, answer = case.components.read(without_thinking(reply.text), cut=cut)
    tokens = reply.prompt_tokens + reply.completion_tokens
    return Said(answer, thought, cut, tokens, reply.busy_ms or reply.duration_ms)
