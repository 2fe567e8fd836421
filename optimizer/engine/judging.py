"""A judge's verdicts, and scores by a rubric that it applies. Pairs of outputs are judged in pairs.py."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from optimizer.counts import agreeing, counted
from optimizer.engine import meta, replies
from optimizer.engine.answering import AnswerCalls, Case, Said, Scoring, said_by
from optimizer.engine.arriving import Arrived, Live, Written, placed, public, remade, translated, unwritten
from optimizer.engine.asking import Asker, Steps
from optimizer.engine.calls import MESSAGE, THINKING_TOKENS, VERDICT_TOKENS, Answer, judge_request
from optimizer.engine.costs import Cost
from optimizer.engine.events import Event, Writing
from optimizer.engine.graders import passed
from optimizer.engine.scoring import ToJudge, options_of
from optimizer.engine.task import Item, Rated, Task
from optimizer.llm.base import CallFailedError, Reply, Request

SURE = 0.7  # share of people's verdicts that a judge should agree with

VERDICT_BYTES = 600  # of a judge's request, besides what it judges


class Judge:
    """Asks a model for verdicts; one that cannot be read is asked for once more, with more room.

    `purpose` is that of the calls, `key` what the verdict stands under.
    """

    def __init__(self, task: Task, asker: Asker, purpose: str, key: str) -> None:
        self.task = task
        self.asker = asker
        self.purpose = purpose
        self.key = key
        self.model = task.judge
        self.asked = self.repeated = self.unreadable = 0
        self._lost: Answer | None = None  # the newest that could not be read

    def cost(self, cases: Sequence[Case], *, texts: int) -> Cost:
        """What one verdict a case takes. A token of the judged outputs is taken for four bytes, and as many verdicts
        are repeated as were so far."""
        outputs = VERDICT_BYTES + 4 * texts * self.asker.config.answer_tokens
        size = sum(len(f"{case.item.input}{case.item.expected}".encode()) + outputs for case in cases)
        again = math.ceil(len(cases) * self.repeated / self.asked) if self.asked else 0
        calls = len(cases) + again
        size = size * calls // max(1, len(cases))
        tokens = VERDICT_TOKENS * len(cases) + THINKING_TOKENS * again
        return self.asker.likely(self.purpose, self.asker.price(calls, size, 2 * MESSAGE * calls, tokens))

    def verdicts(self, texts: Sequence[str], schema: dict[str, Any]) -> Live[list[Answer | None]]:
        """For each text the reply with the verdict; None where it could not be read twice, and the reason where the
        call failed.

        Raises CallFailedError while this judge has never given a verdict that can be read.
        """
        answers = yield from self.readings([self.request(text, schema) for text in texts])
        self.insist()
        return answers

    def request(self, text: str, schema: dict[str, Any]) -> Request:
        """The call for a verdict."""
        return judge_request(self.purpose, text, schema, model=self.model)

    def insist(self) -> None:
        """Raises CallFailedError if this judge was asked and has never given a verdict that can be read."""
        if self._lost and self.unreadable == self.asked:
            raise _never_read(self._lost)

    def readings(self, requests: Sequence[Request], stage: str = "Judging") -> Live[list[Answer | None]]:
        """As `verdicts`, for calls that are already worded, and whether or not any can be read. What a judge writes is
        no candidate's answer, so nobody is told of it."""
        everywhere = range(len(requests))
        first = unwritten(self.asker.follow(stage, requests))
        answers = yield from placed(first, everywhere, lambda answer: not self._unreadable(answer))
        again = [index for index, answer in enumerate(answers) if self._unreadable(answer)]
        if again:
            repeated = [replace(requests[i], max_tokens=THINKING_TOKENS, seed=1) for i in again]
            better = yield from placed(unwritten(self.asker.follow(stage, repeated)), again)
            for index, answer in zip(again, better, strict=True):
                answers[index] = answer
        lost = [answer for answer in answers if self._unreadable(answer)]
        self.asked, self.repeated = self.asked + len(requests), self.repeated + len(again)
        self.unreadable += len(lost)
        self._lost = lost[0] if lost else self._lost
        return [None if self._unreadable(answer) else answer for answer in answers]

    def caveats(self, counts_as: str) -> list[str]:
        """What verdicts are missing."""
        if not self.unreadable:
            return []
        return [
            f"{self.unreadable} of {counted(self.asked, 'verdict')} of the judge could not be read, and "
            f"{agreeing(self.unreadable, 'counts', 'count')} as {counts_as}."
        ]

    @property
    def unreadable_share(self) -> float:
        """As a share of all verdicts that it was asked for."""
        return self.unreadable / self.asked if self.asked else 0.0

    def _unreadable(self, answer: Answer) -> bool:
        return isinstance(answer, Reply) and not _readable(answer.text, self.key)


class ByRubric:
    """Scores answers by a rubric, which a judge applies; 0 to 10 becomes 0 to 1."""

    kind = "accuracy"

    def __init__(self, task: Task, asker: Asker) -> None:
        self._task = task
        self._asker = asker
        self._answers = AnswerCalls(task, asker, asker.config.answer_tokens)
        self._judge = Judge(task, asker, "rubric", "score")
        self._options = options_of(task)
        self.rubric = self._options.get("rubric", "")
        self._agreed: tuple[int, int] | None = None

    def cost(self, cases: Sequence[Case]) -> Cost:
        return self._answers.cost(cases) + self._judge.cost(cases, texts=1)

    def evaluate(self, stage: str, cases: Sequence[Case]) -> Live[list[Scoring | CallFailedError]]:
        answers = yield from translated(self._answers.ask(stage, cases), partial(to_judge, cases))
        outputs = {
            place: said_by(cases[place], answer)
            for place, answer in enumerate(answers)
            if isinstance(answer, Reply)
        }
        judging = self._scores([(cases[place].item, said.shown) for place, said in outputs.items()])
        scoring = remade(placed(judging, list(outputs)), lambda place, score: _with(outputs[place], score))
        scored = iter((yield from scoring))
        return [
            answer if isinstance(answer, CallFailedError) else _with(outputs[place], next(scored))
            for place, answer in enumerate(answers)
        ]

    def check(self, rated: Sequence[Rated]) -> Steps[None]:
        """Let the judge grade outputs that people have rated, and remember how often it agrees."""
        if not rated:
            return
        judging = self._scores([(Item(r.input, r.expected), r.output) for r in rated])
        scores = yield from translated(judging, public)
        pairs = [
            (r.right, s) for r, s in zip(rated, scores, strict=True) if not isinstance(s, CallFailedError)
        ]
        self._agreed = sum(right == (score >= 0.5) for right, score in pairs), len(pairs)

    def caveats(self) -> list[str]:
        told = self._judge.caveats("wrong")
        if not self._agreed:
            return told
        agreed, of = self._agreed
        doubt = "" if agreed >= SURE * of else " Its scores mean little: make the rubric more exact."
        return [
            f"The judge agrees with people on {agreed} of the {counted(of, 'output')} that they rated.{doubt}",
            *told,
        ]

    def of_model(self, model: str) -> ByRubric:
        return ByRubric(replace(self._task, target_model=model), self._asker)

    def _scores(self, outputs: Sequence[tuple[Item, str]]) -> Live[list[float | CallFailedError]]:
        texts = [
            meta.grade_by_rubric(item.input, item.wanted, output, self.rubric) for item, output in outputs
        ]
        verdicts = yield from remade(
            self._judge.verdicts(texts, meta.SCORE_SCHEMA), lambda _, verdict: self._score(verdict)
        )
        return list(map(self._score, verdicts))

    def _score(self, verdict: Answer | None) -> float | CallFailedError:
        return (
            verdict if isinstance(verdict, CallFailedError) else passed(_points(verdict) / 10, self._options)
        )


def to_judge(cases: Sequence[Case], told: Event | Written | Arrived) -> Iterable[Event | Written | Arrived]:
    """What arrives while the model answers these cases, which a judge will score. Later places hold the answers that
    they are compared with."""
    match told:
        case Written(place, text) if place >= len(cases):
            return (Writing(text),)
        case Arrived(place, answer) if place >= len(cases):
            return ()
        case Arrived(place, Reply() as answer):
            return (Arrived(place, ToJudge(said_by(cases[place], answer).shown)),)
        case other:
            return (other,)


def _points(verdict: Reply | None) -> float:
    return replies.read_score(verdict.text, "score") or 0.0 if verdict else 0.0


def _readable(text: str, key: str) -> bool:
    if key == "score":
        return replies.read_score(text, key) is not None
    return replies.read_text(text, key) in {"A", "B", "tie"}


def _never_read(answer: Answer) -> CallFailedError:
    return CallFailedError(
        "unreadable_verdict",
        f"The judge gave no readable verdict: {answer.text[:200]!r}. Choose another judge model.",  # type: ignore[union-attr]
    )


def _with(said: Said, score: float | CallFailedError) -> Scoring | CallFailedError:
    if isinstance(score, CallFailedError):
        return score
    return said.scored(score, "" if score >= 1 else f"the judge gave {score * 10:.0f} of 10")
