"""Running candidates on items: by a grader where answers are known, by judged pairs where not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from optimizer.engine import meta
from optimizer.engine.asking import Answer, Asker, Steps, judge_request
from optimizer.engine.components import Components
from optimizer.engine.events import Beat
from optimizer.engine.graders import GRADERS, RUBRIC, folded, without_thinking
from optimizer.engine.task import Item, Task
from optimizer.llm.base import CallFailed, Reply, Request

SLACK = 16  # tokens beyond the longest expected answer


@dataclass(frozen=True)
class Case:
    """A candidate's components on one item."""

    components: Components
    item: Item


@dataclass(frozen=True)
class Scoring:
    """What came out of a case: the output and its score, 0 to 1."""

    output: str
    score: float


class Evaluator(Protocol):
    """Scores cases. `kind` names the mean of its scores for people."""

    kind: str

    def cost(self, cases: int) -> int:
        """The most calls that so many cases take."""
        ...

    def evaluate(self, stage: str, cases: Sequence[Case]) -> Steps[list[Scoring | CallFailed]]:
        """A scoring, or the reason why there is none, for each case, in order."""
        ...


class Graded:
    """Scores by the task's grader against the expected answers."""

    kind = "accuracy"

    def __init__(self, task: Task, asker: Asker) -> None:
        self._task = task
        self._asker = asker
        self._options = {"choices": _choices(task.items), **dict(task.grader_options)}
        self._limit = answer_limit(task, asker.config.answer_tokens)

    def cost(self, cases: int) -> int:
        return cases * calls_per_case(self._task)

    def evaluate(self, stage: str, cases: Sequence[Case]) -> Steps[list[Scoring | CallFailed]]:
        answers = yield from self._answers(stage, cases)
        if self._task.grader == RUBRIC:
            return (yield from self._by_rubric(cases, answers))
        scorings = []
        for case, answer in zip(cases, answers, strict=True):
            scorings.append(self._grade(case, answer))
            yield Beat()  # a grader may be slow
        return scorings

    def _answers(self, stage: str, cases: Sequence[Case]) -> Steps[list[Answer]]:
        """Answers within the limit; a model that thinks first, and was cut while thinking, gets the full one."""
        answers = yield from self._asker.ask(stage, [self._request(case) for case in cases])
        if self._limit == self._asker.config.answer_tokens or not any(map(_cut_in_thought, answers)):
            return answers
        self._limit = self._asker.config.answer_tokens
        return (yield from self._asker.ask(stage, [self._request(case) for case in cases]))

    def _request(self, case: Case) -> Request:
        return answer_request(self._task, case, limit=self._limit)

    def _grade(self, case: Case, answer: Answer) -> Scoring | CallFailed:
        if isinstance(answer, CallFailed):
            return answer
        output = without_thinking(answer.text)
        grade = GRADERS[self._task.grader](output, case.item.expected, self._options)
        return Scoring(output + "…" * (answer.finish_reason == "length"), grade.score)

    def _by_rubric(
        self, cases: Sequence[Case], answers: Sequence[Answer]
    ) -> Steps[list[Scoring | CallFailed]]:
        rubric = self._options.get("rubric", "")
        given = [
            (case, answer) for case, answer in zip(cases, answers, strict=True) if isinstance(answer, Reply)
        ]
        requests = [
            judge_request(
                "rubric",
                meta.grade_by_rubric(
                    case.item.input, case.item.expected, without_thinking(answer.text), rubric
                ),
                meta.SCORE_SCHEMA,
                model=self._task.optimizer_model,
            )
            for case, answer in given
        ]
        verdicts = iter((yield from self._asker.ask("Judging", requests)))
        return [
            answer
            if isinstance(answer, CallFailed)
            else _rubric_scoring(without_thinking(answer.text), next(verdicts))
            for answer in answers
        ]


class Judged:
    """Scores by pairs: a judge sees the output beside the original's, in both orders; 0.5 is a tie."""

    kind = "win rate"

    def __init__(self, task: Task, asker: Asker, criteria: str) -> None:
        self._task = task
        self._asker = asker
        self._criteria = criteria
        self._original = Components(task.prompt)

    def cost(self, cases: int) -> int:
        return cases * calls_per_case(self._task)

    def evaluate(self, stage: str, cases: Sequence[Case]) -> Steps[list[Scoring | CallFailed]]:
        both = [*cases, *(Case(self._original, case.item) for case in cases)]
        limit = self._asker.config.answer_tokens
        requests = [answer_request(self._task, case, limit=limit) for case in both]
        answers = yield from self._asker.ask(stage, requests)
        pairs = list(zip(cases, answers[: len(cases)], answers[len(cases) :], strict=True))
        judging = [r for case, mine, theirs in pairs for r in self._verdict_requests(case, mine, theirs)]
        verdicts = iter((yield from self._asker.ask("Judging", judging)))
        return [self._scoring(mine, theirs, verdicts) for _, mine, theirs in pairs]

    def _verdict_requests(self, case: Case, mine: Answer, theirs: Answer) -> list[Request]:
        if not _differ(mine, theirs):
            return []
        outputs = [without_thinking(answer.text) for answer in (mine, theirs)]  # type: ignore[union-attr]
        return [
            judge_request(
                "compare",
                meta.compare(self._task.prompt, case.item.input, self._criteria, first, second),
                meta.VERDICT_SCHEMA,
                model=self._task.optimizer_model,
            )
            for first, second in (outputs, outputs[::-1])
        ]

    def _scoring(self, mine: Answer, theirs: Answer, verdicts: object) -> Scoring | CallFailed:
        if isinstance(mine, CallFailed):
            return mine
        if isinstance(theirs, CallFailed):
            return theirs
        output = without_thinking(mine.text)
        if not _differ(mine, theirs):
            return Scoring(output, 0.5)
        first, second = next(verdicts), next(verdicts)  # type: ignore[call-overload]
        if failed := next((verdict for verdict in (first, second) if isinstance(verdict, CallFailed)), None):
            return failed
        return Scoring(output, (_win(first, "A", "B") + _win(second, "B", "A")) / 2)


def calls_per_case(task: Task) -> int:
    """The most calls that scoring one candidate on one item takes: its answer, the original's, the judge's."""
    if not task.items:
        return 4
    return 2 if task.grader == RUBRIC else 1


def answer_request(task: Task, case: Case, *, limit: int) -> Request:
    """The target model's call for a case: temperature 0, at most `limit` tokens."""
    return Request(
        purpose="answer",
        model=task.target_model,
        messages=case.components.messages(case.item.input),
        max_tokens=limit,
    )


def answer_limit(task: Task, limit: int) -> int:
    """Tokens to give an answer. One that must be exact is cut where it can no longer be right: a token is at
    least one byte."""
    if task.grader != "exact":
        return limit
    return min(limit, max(len(item.expected.encode()) for item in task.items) + SLACK)


def _cut_in_thought(answer: Answer) -> bool:
    return (
        isinstance(answer, Reply) and answer.finish_reason == "length" and not without_thinking(answer.text)
    )


def _choices(items: Sequence[Item]) -> str:
    return "\n".join(dict.fromkeys(folded(item.expected) for item in items))


def _differ(mine: Answer, theirs: Answer) -> bool:
    return isinstance(mine, Reply) and isinstance(theirs, Reply) and mine.text.strip() != theirs.text.strip()


def _win(verdict: Reply, me: str, them: str) -> float:
    return {me: 1.0, them: 0.0}.get(meta.read_text(verdict.text, "better"), 0.5)


def _rubric_scoring(output: str, verdict: Answer) -> Scoring | CallFailed:
    """A verdict that cannot be read is no score: it fails like a call that failed."""
    if isinstance(verdict, CallFailed):
        return verdict
    score = meta.read_score(verdict.text, "score")
    if score is None:
        return CallFailed("unreadable_verdict", f"The judge gave no readable score: {verdict.text[:200]!r}.")
    return Scoring(output, score / 10)
