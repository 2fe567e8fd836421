"""Running candidates on items whose answers are known, by a grader. Rubrics are in judging.py, pairs in pairs.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Protocol

from optimizer.counts import agreeing, counted
from optimizer.engine.arriving import Live, placed, remade
from optimizer.engine.asking import Asker
from optimizer.engine.budget import BudgetSpentError
from optimizer.engine.calls import THINKING_TOKENS, Answer, cut_in_thought
from optimizer.engine.components import Components
from optimizer.engine.costs import Cost
from optimizer.engine.events import Beat
from optimizer.engine.graders import graded, told, without_thinking
from optimizer.engine.reasoning import FEWEST_TOKENS
from optimizer.engine.task import Grade, Item, Options, Task
from optimizer.llm.base import CallFailedError, Reply, Request

REMEMBERED = 2048  # requests
SLACK = 16  # tokens beyond the longest expected answer
CUT = "…"  # at the end of an output that the limit ended
FEWEST_REASONED = 8  # answers that tell how long reasoning is
WHOLE = {"exact", "words"}  # graders of the whole output: more text than expected cannot be right


@dataclass(frozen=True)
class Case:
    """A candidate's components on one item."""

    components: Components
    item: Item


@dataclass(frozen=True)
class Scoring:
    """What came out of a case: the answer, its score (0 to 1), why it is not higher, in words, and the reasoning before
    the answer. It took so many `tokens`, in and out, and `ms` milliseconds of the model."""

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


@dataclass(frozen=True)
class ToJudge:
    """The answer to a case that a judge has yet to score."""

    output: str


class Evaluator(Protocol):
    """Scores cases. `kind` names the mean of its scores for people; `caveats` is what to know about them."""

    kind: str

    def cost(self, cases: Sequence[Case]) -> Cost:
        """What scoring these cases takes."""
        ...

    def evaluate(self, stage: str, cases: Sequence[Case]) -> Live[list[Scoring | CallFailedError]]:
        """A scoring, or the reason why there is none, for each case, in order. What arrives on the way is a scoring,
        or an output to judge."""
        ...

    def caveats(self) -> list[str]:
        """What people should know about the scores so far."""
        ...


class AnswerCalls:
    """The target model's answers, each within a limit of tokens; one that is cut while the model thinks is asked for
    again with a larger limit, and a model that mostly is gets that at once.

    If the prompt asks for reasoning, an answer may be as long as the person allows, until the length of the model's
    reasonings is known.
    """

    def __init__(self, task: Task, asker: Asker, limit: int) -> None:
        self._asker = asker
        self._whole = asker.config.answer_tokens
        self._limits = sorted({limit, self._whole, self._whole + THINKING_TOKENS})
        self._reasoned: list[int] = []  # tokens of reasonings that came to their end
        self._request = lru_cache(REMEMBERED)(partial(answer_request, task))  # priced often, asked once

    def cost(self, cases: Sequence[Case]) -> Cost:
        """What the answers take."""
        return self._asker.cost(self._requests(cases, self._limits[0]))

    def ask(self, stage: str, cases: Sequence[Case]) -> Live[list[Answer]]:
        """The answers to the cases, in order; each that will not be asked for again is told as it arrives."""
        limit, *larger = self._limits
        answers = yield from self._follow(stage, range(len(cases)), cases, limit)
        for limit in larger:
            cut = [index for index, answer in enumerate(answers) if cut_in_thought(answer)]
            if 2 * len(cut) > len(answers):
                self._limits = [one for one in self._limits if one >= limit]
            if not cut:
                break
            try:
                longer = yield from self._follow(stage, cut, [cases[n] for n in cut], limit)
            except BudgetSpentError:
                break  # what there is counts
            for index, answer in zip(cut, longer, strict=True):
                answers[index] = answer
        self._measure(cases, answers)
        return answers

    def _follow(
        self, stage: str, places: Sequence[int], cases: Sequence[Case], limit: int
    ) -> Live[list[Answer]]:
        """Answers to the cases, which have these places among all."""
        last = limit == self._limits[-1]
        steps = self._asker.follow(stage, self._requests(cases, limit))
        return placed(steps, places, lambda answer: last or not cut_in_thought(answer))

    def _requests(self, cases: Sequence[Case], limit: int) -> list[Request]:
        reasoned = max(limit, self._reasoning_limit)
        return [self._request(case, limit=reasoned if case.components.reasoning else limit) for case in cases]

    @property
    def _reasoning_limit(self) -> int:
        """Tokens for reasoning and answer: twice the longest finished one, once there are enough."""
        known = 2 * max(self._reasoned) if len(self._reasoned) >= FEWEST_REASONED else self._whole
        return min(self._whole, max(known, FEWEST_TOKENS))

    def _measure(self, cases: Sequence[Case], answers: Sequence[Answer]) -> None:
        self._reasoned += [
            answer.completion_tokens
            for case, answer in zip(cases, answers, strict=True)
            if case.components.reasoning and isinstance(answer, Reply) and answer.finish_reason != "length"
        ]


class Graded:
    """Scores by the task's grader against the expected answers."""

    kind = "accuracy"

    def __init__(self, task: Task, asker: Asker) -> None:
        self._task = task
        self._options = options_of(task)
        self._answers = AnswerCalls(task, asker, answer_limit(task, asker.config.answer_tokens))
        self._broken: dict[str, str] = {}  # inputs on which a grader of one's own raised, and what

    def cost(self, cases: Sequence[Case]) -> Cost:
        return self._answers.cost(cases)

    def evaluate(self, stage: str, cases: Sequence[Case]) -> Live[list[Scoring | CallFailedError]]:
        """Each answer is graded as it arrives, and only once: a grader may be slow."""
        graded: dict[int, Scoring | CallFailedError] = {}

        def grade(place: int, answer: Answer) -> Scoring | CallFailedError:
            graded[place] = self._grade(cases[place], answer)
            return graded[place]

        answers = yield from remade(self._answers.ask(stage, cases), grade)
        for place, (case, answer) in enumerate(zip(cases, answers, strict=True)):
            if place not in graded:  # cut, with no budget to ask again
                graded[place] = self._grade(case, answer)
                yield Beat()
        return [graded[place] for place in range(len(cases))]

    def caveats(self) -> list[str]:
        if not self._broken:
            return []
        said = self._broken[min(self._broken)]  # answers may arrive in any order
        rows = len(self._broken)
        wrong = agreeing(rows, "counts", "count")
        return [f"The grader failed on {counted(rows, 'row')}, which {wrong} as wrong. It said: {said}"]

    def _grade(self, case: Case, answer: Answer) -> Scoring | CallFailedError:
        if isinstance(answer, CallFailedError):
            return answer
        said = said_by(case, answer)
        if said.answer is None:
            return said.scored(0.0, "the limit for one answer cut the reasoning, so there is no answer")
        try:
            grade = grade_of(self._task, said.answer, case.item, self._options)
        except Exception as error:  # a grader is anybody's function; its fault is told, and counts as wrong
            self._broken[case.item.input] = f"{type(error).__name__}: {error}"
            return said.scored(0.0, f"the grader failed: {self._broken[case.item.input]}")
        return said.scored(grade.score, grade.why)


def grade_of(task: Task, answer: str, item: Item, options: Options) -> Grade:
    """The grade by the expected answer that it comes nearest to, or by the usual one if it is near none."""
    grades = (graded(task.grader, answer, expected, options) for expected in item.answers)
    return max(grades, key=lambda grade: grade.score)


def options_of(task: Task) -> Options:
    """What the grader is told besides output and expected answer. The choices are those of the rows, if none are
    set."""
    rows = (*task.items, *task.held_out)
    known = told(task.grader, (answer for item in rows for answer in item.answers))
    return {**known, **{name: value for name, value in task.grader_options if value}}


def answer_request(task: Task, case: Case, *, limit: int) -> Request:
    """The target model's call for a case: temperature 0, at most `limit` tokens."""
    return Request(
        purpose="answer",
        model=task.target_model,
        messages=case.components.messages(case.item),
        max_tokens=limit,
        beginning=case.components.digest,
        reasons=case.components.reasoning is not None,
    )


def answer_limit(task: Task, limit: int) -> int:
    """Tokens to give an answer. One that must be exact is cut where it can no longer be right: a token is at
    least one byte."""
    if task.grader not in WHOLE:
        return limit
    rows = (*task.items, *task.held_out)
    longest = max(len(answer.encode()) for item in rows for answer in item.answers)
    return min(limit, longest + SLACK)


def said_by(case: Case, reply: Reply) -> Said:
    """What the model said, without its own thoughts, in two parts where the prompt asks for reasoning."""
    cut = reply.finish_reason == "length"
    thought, answer = case.components.read(without_thinking(reply.text), cut=cut)
    tokens = reply.prompt_tokens + reply.completion_tokens
    return Said(answer, thought, cut, tokens, reply.busy_ms or reply.duration_ms)
