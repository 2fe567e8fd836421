"""Running candidates on items whose answers are known, by a grader. Rubrics are in judging.py, pairs in pairs.py."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from optimizer.counts import agreeing, counted
from optimizer.engine.answering import AnswerCalls, Case, Scoring, said_by
from optimizer.engine.arriving import Live, remade
from optimizer.engine.asking import Asker
from optimizer.engine.calls import Answer
from optimizer.engine.costs import Cost
from optimizer.engine.events import Beat
from optimizer.engine.graders import graded, told
from optimizer.engine.task import Grade, Item, Options, Task
from optimizer.llm.base import CallFailedError

SLACK = 16  # tokens beyond the longest expected answer
WHOLE = {"exact", "words"}  # graders of the whole output: more text than expected cannot be right


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

    def of_model(self, model: str) -> Evaluator:
        """The same for another model that runs the prompts."""
        ...


class Graded:
    """Scores by the task's grader against the expected answers."""

    kind = "accuracy"

    def __init__(self, task: Task, asker: Asker) -> None:
        self._task = task
        self._asker = asker
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

    def of_model(self, model: str) -> Evaluator:
        return Graded(replace(self._task, target_model=model), self._asker)

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


def answer_limit(task: Task, limit: int) -> int:
    """Tokens to give an answer. One that must be exact is cut where it can no longer be right: a token is at
    least one byte."""
    if task.grader not in WHOLE:
        return limit
    rows = (*task.items, *task.held_out)
    longest = max(len(answer.encode()) for item in rows for answer in item.answers)
    return min(limit, longest + SLACK)
