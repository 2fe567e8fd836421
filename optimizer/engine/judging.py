"""Scores that a judge gives: by a rubric where answers are known, by pairs of outputs where not."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from optimizer.counts import agreeing, counted
from optimizer.engine import meta
from optimizer.engine.arriving import Arrived, Live, Written, arriving, placed, public, remade, translated
from optimizer.engine.asking import (
    MESSAGE,
    THINKING_TOKENS,
    VERDICT_TOKENS,
    Answer,
    Asker,
    Cost,
    Steps,
    judge_request,
)
from optimizer.engine.components import original_of
from optimizer.engine.events import Event, Writing
from optimizer.engine.figures import percent
from optimizer.engine.graders import passed
from optimizer.engine.scoring import Answers, Case, Scoring, ToJudge, options_of, output_of
from optimizer.engine.task import Item, Rated, Task
from optimizer.engine.variables import filled
from optimizer.engine.verdicts import Judgement
from optimizer.llm.base import CallFailed, Reply

SURE = 0.7  # share of people's verdicts that a judge should agree with
Pair = tuple[Case, Answer, Answer]  # with the candidate's answer, and the original's

VERDICT_BYTES = 600  # of a judge's request, besides what it judges


class Judge:
    """Asks the optimizer model for verdicts; one that cannot be read is asked for once more, with more room.

    `purpose` is that of the calls, `key` what the verdict stands under.
    """

    def __init__(self, task: Task, asker: Asker, purpose: str, key: str) -> None:
        self.task = task
        self.asker = asker
        self.purpose = purpose
        self.key = key
        self.asked = self.repeated = self.unreadable = 0

    def cost(self, cases: Sequence[Case], *, texts: int) -> Cost:
        """What one verdict a case takes. A token of the judged outputs is taken for four bytes, and as many verdicts
        are repeated as were so far."""
        outputs = VERDICT_BYTES + 4 * texts * self.asker.config.answer_tokens
        size = sum(len(f"{case.item.input}{case.item.expected}".encode()) + outputs for case in cases)
        again = math.ceil(len(cases) * self.repeated / self.asked) if self.asked else 0
        calls = len(cases) + again
        size = size * calls // max(1, len(cases))
        replies = VERDICT_TOKENS * len(cases) + THINKING_TOKENS * again
        return self.asker.likely(self.purpose, self.asker.price(calls, size, 2 * MESSAGE * calls, replies))

    def verdicts(self, texts: Sequence[str], schema: dict[str, Any]) -> Live[list[Answer | None]]:
        """For each text the reply with the verdict; None where it could not be read twice, and the reason where the
        call failed.

        Raises CallFailed while this judge has never given a verdict that can be read.
        """
        model = self.task.optimizer_model
        requests = [judge_request(self.purpose, text, schema, model=model) for text in texts]
        everywhere = range(len(requests))
        first = self.asker.follow("Judging", requests)
        answers = yield from placed(first, everywhere, lambda answer: not self._unreadable(answer))
        again = [index for index, answer in enumerate(answers) if self._unreadable(answer)]
        if again:
            repeated = [replace(requests[i], max_tokens=THINKING_TOKENS, seed=1) for i in again]
            better = yield from placed(self.asker.follow("Judging", repeated), again)
            for index, answer in zip(again, better, strict=True):
                answers[index] = answer
        lost = [answer for answer in answers if self._unreadable(answer)]
        self.asked, self.repeated = self.asked + len(requests), self.repeated + len(again)
        self.unreadable += len(lost)
        if lost and self.unreadable == self.asked:
            raise _never_read(lost[0])
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
        self._answers = Answers(task, asker, asker.config.answer_tokens)
        self._judge = Judge(task, asker, "rubric", "score")
        self._options = options_of(task)
        self.rubric = self._options.get("rubric", "")
        self._agreed: tuple[int, int] | None = None

    def cost(self, cases: Sequence[Case]) -> Cost:
        return self._answers.cost(cases) + self._judge.cost(cases, texts=1)

    def evaluate(self, stage: str, cases: Sequence[Case]) -> Live[list[Scoring | CallFailed]]:
        answers = yield from translated(self._answers.ask(stage, cases), to_judge)
        outputs = {
            place: output_of(answer) for place, answer in enumerate(answers) if isinstance(answer, Reply)
        }
        judging = self._scores([(cases[place].item, output) for place, output in outputs.items()])
        scoring = remade(placed(judging, list(outputs)), lambda place, score: _with(outputs[place], score))
        scored = iter((yield from scoring))
        return [
            answer if isinstance(answer, CallFailed) else _with(outputs[place], next(scored))
            for place, answer in enumerate(answers)
        ]

    def check(self, rated: Sequence[Rated]) -> Steps[None]:
        """Let the judge grade outputs that people have rated, and remember how often it agrees."""
        if not rated:
            return
        judging = self._scores([(Item(r.input, r.expected), r.output) for r in rated])
        scores = yield from translated(judging, public)
        pairs = [(r.right, s) for r, s in zip(rated, scores, strict=True) if not isinstance(s, CallFailed)]
        self._agreed = sum(right == (score >= 0.5) for right, score in pairs), len(pairs)

    def caveats(self) -> list[str]:
        told = self._judge.caveats("wrong")
        if not self._agreed:
            return told
        agreed, of = self._agreed
        doubt = "" if agreed >= SURE * of else " Its scores are little worth: word the rubric more exactly."
        return [
            f"The judge agrees with people on {agreed} of the {counted(of, 'output')} that they rated.{doubt}",
            *told,
        ]

    def _scores(self, outputs: Sequence[tuple[Item, str]]) -> Live[list[float | CallFailed]]:
        texts = [
            meta.grade_by_rubric(item.input, item.wanted, output, self.rubric) for item, output in outputs
        ]
        verdicts = yield from remade(
            self._judge.verdicts(texts, meta.SCORE_SCHEMA), lambda _, verdict: self._score(verdict)
        )
        return list(map(self._score, verdicts))

    def _score(self, verdict: Answer | None) -> float | CallFailed:
        return verdict if isinstance(verdict, CallFailed) else passed(_points(verdict) / 10, self._options)


class Judged:
    """Scores by pairs: a judge sees the output beside the original's, in both orders; 0.5 is a tie."""

    kind = "win rate"

    def __init__(self, task: Task, asker: Asker, criteria: str) -> None:
        self._task = task
        self._answers = Answers(task, asker, asker.config.answer_tokens)
        self._judge = Judge(task, asker, "compare", "better")
        self.criteria = dict(task.grader_options).get("rubric") or criteria
        self._original = original_of(task.prompt, task.literals)
        self._decided: Counter[str] = Counter()  # verdicts by the place of the answer that was preferred

    @property
    def position_bias(self) -> float | None:
        """The share of decided verdicts that prefer the answer shown first; 0.5 is none."""
        decided = self._decided["A"] + self._decided["B"]
        return self._decided["A"] / decided if decided else None

    def cost(self, cases: Sequence[Case]) -> Cost:
        return self._answers.cost(self._both(cases)) + self._judge.cost(cases, texts=2) * 2

    def evaluate(self, stage: str, cases: Sequence[Case]) -> Live[list[Scoring | CallFailed]]:
        answers = yield from translated(
            self._answers.ask(stage, self._both(cases)), partial(to_judge, of=len(cases))
        )
        pairs = list(zip(cases, answers[: len(cases)], answers[len(cases) :], strict=True))
        verdicts = yield from self._verdicts(pairs)
        self._decided.update(meta.read_text(v.text, "better") for v in verdicts if isinstance(v, Reply))
        each = iter(verdicts)
        return [self._scoring(mine, theirs, each) for _, mine, theirs in pairs]

    def _verdicts(self, pairs: Sequence[Pair]) -> Live[list[Answer | None]]:
        """Two of each pair whose outputs differ; a scoring arrives with the second, or at once where none is due."""
        questions = [self._questions(*pair) for pair in pairs]
        places = [place for place, texts in enumerate(questions) for _ in texts]
        said: dict[int, Answer] = {}
        for place in sorted(set(range(len(pairs))).difference(places)):
            yield Arrived(place, self._scoring(*pairs[place][1:], iter(())))

        def scoring(index: int, verdict: Answer) -> Iterable[Arrived]:
            said[index] = verdict
            two = [said[one] for one in (index // 2 * 2, index // 2 * 2 + 1) if one in said]
            if len(two) == 2:
                yield Arrived(places[index], self._scoring(*pairs[places[index]][1:], iter(two)))

        texts = [text for each in questions for text in each]
        return (yield from arriving(self._judge.verdicts(texts, meta.VERDICT_SCHEMA), scoring))

    @property
    def judgement(self) -> Judgement:
        """How far its verdicts can be trusted."""
        return Judgement(self._judge.unreadable_share, self.position_bias)

    def caveats(self) -> list[str]:
        told = self._judge.caveats("ties")
        if told and self.judgement.too_unreadable:
            told = [f"{told[0].rstrip('.')}: too many to prove anything."]
        return [*told, self._told_of_places()]

    def _told_of_places(self) -> str:
        """How often it preferred an answer for its place."""
        bias = self.position_bias
        if bias is None and self._judge.asked:
            return "The judge decided nothing."
        if bias is None:
            return "No two outputs differed, so there was nothing to judge."
        place, share = ("first", bias) if bias >= 0.5 else ("second", 1 - bias)
        said = f"The judge preferred the answer shown {place} in {percent(share)} of its decided verdicts."
        if self.judgement.too_biased:
            return f"{said} A judge that goes by the place proves nothing."
        return f"{said} Each pair was shown in both orders, so that this cancels out."

    def _both(self, cases: Sequence[Case]) -> list[Case]:
        return [*cases, *(Case(self._original, case.item) for case in cases)]

    def _questions(self, case: Case, mine: Answer, theirs: Answer) -> list[str]:
        if not _differ(mine, theirs):
            return []
        outputs = [output_of(answer) for answer in (mine, theirs)]  # type: ignore[arg-type]
        return [
            meta.compare(filled(self._original.head, case.item), self.criteria, first, second)
            for first, second in (outputs, outputs[::-1])
        ]

    def _scoring(
        self, mine: Answer, theirs: Answer, verdicts: Iterator[Answer | None]
    ) -> Scoring | CallFailed:
        if failed := next((answer for answer in (mine, theirs) if isinstance(answer, CallFailed)), None):
            return failed
        output = output_of(mine)  # type: ignore[arg-type]
        if not _differ(mine, theirs):
            return Scoring(output, 0.5)
        pair = next(verdicts), next(verdicts)
        if failed := next((verdict for verdict in pair if isinstance(verdict, CallFailed)), None):
            return failed
        score = (_win(pair[0], "A", "B") + _win(pair[1], "B", "A")) / 2
        return Scoring(output, score, "the judge preferred the original's answer" if score < 0.5 else "")


def to_judge(told: Event | Written | Arrived, of: int | None = None) -> Iterable[Event | Written | Arrived]:
    """What comes while answers arrive that a judge will score: their outputs; of the first `of` answers alone, where
    the rest are what those are compared with."""
    match told:
        case Written(place, text) if of is not None and place >= of:
            return (Writing(text),)
        case Arrived(place, answer) if of is not None and place >= of:
            return ()
        case Arrived(place, Reply() as answer):
            return (Arrived(place, ToJudge(output_of(answer))),)
        case other:
            return (other,)


def _differ(mine: Answer, theirs: Answer) -> bool:
    return isinstance(mine, Reply) and isinstance(theirs, Reply) and mine.text.strip() != theirs.text.strip()


def _win(verdict: Answer | None, me: str, them: str) -> float:
    said = meta.read_text(verdict.text, "better") if isinstance(verdict, Reply) else "tie"
    return {me: 1.0, them: 0.0}.get(said, 0.5)


def _points(verdict: Reply | None) -> float:
    return meta.read_score(verdict.text, "score") or 0.0 if verdict else 0.0


def _readable(text: str, key: str) -> bool:
    if key == "score":
        return meta.read_score(text, key) is not None
    return meta.read_text(text, key) in {"A", "B", "tie"}


def _never_read(answer: Answer) -> CallFailed:
    return CallFailed(
        "unreadable_verdict",
        f"The judge gave no readable verdict: {answer.text[:200]!r}. Choose another optimizer model.",  # type: ignore[union-attr]
    )


def _with(output: str, score: float | CallFailed) -> Scoring | CallFailed:
    if isinstance(score, CallFailed):
        return score
    return Scoring(output, score, "" if score >= 1 else f"the judge gave {score * 10:.0f} of 10")
