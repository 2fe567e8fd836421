"""Scores by pairs, where no answers are known: a judge sees an output beside the original's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from optimizer.engine import meta, replies
from optimizer.engine.answering import AnswerCalls, Case, Scoring, said_by
from optimizer.engine.arriving import Arrived, Live, arriving, translated
from optimizer.engine.asking import Asker
from optimizer.engine.calls import Answer
from optimizer.engine.components import first_of
from optimizer.engine.costs import Cost
from optimizer.engine.figures import percent
from optimizer.engine.judging import Judge, to_judge
from optimizer.engine.task import Item, Task
from optimizer.engine.variables import filled
from optimizer.engine.verdicts import JudgeMeasure, Judgement
from optimizer.llm.base import CallFailedError, Reply

Pair = tuple[Case, Answer, Answer]  # with the candidate's answer, and the original's


class Judged:
    """Scores by pairs: a judge sees the output beside the original's, in both orders; 0.5 is a tie."""

    kind = "win rate"

    def __init__(self, task: Task, asker: Asker, criteria: str) -> None:
        self._task = task
        self._asker = asker
        self.answers = AnswerCalls(task, asker, asker.config.answer_tokens)
        self.judge = Judge(task, asker, "compare", "better")
        self.criteria = dict(task.grader_options).get("rubric") or criteria
        self.original = first_of(task)
        self.measured: JudgeMeasure | None = None  # before the search
        self.unmeasured = ""  # why not
        self._decided: Counter[str] = Counter()  # verdicts by the place of the answer that was preferred

    @property
    def position_bias(self) -> float | None:
        """The share of decided verdicts that prefer the answer shown first; 0.5 is none."""
        decided = self._decided["A"] + self._decided["B"]
        return self._decided["A"] / decided if decided else None

    def cost(self, cases: Sequence[Case]) -> Cost:
        return self.answers.cost(self._both(cases)) + self.judge.cost(cases, texts=2) * 2

    def evaluate(self, stage: str, cases: Sequence[Case]) -> Live[list[Scoring | CallFailedError]]:
        answers = yield from translated(self.answers.ask(stage, self._both(cases)), partial(to_judge, cases))
        pairs = list(zip(cases, answers[: len(cases)], answers[len(cases) :], strict=True))
        verdicts = yield from self._verdicts(pairs)
        self._decided.update(map(preferred, verdicts))
        each = iter(verdicts)
        return [self._scoring(*pair, each) for pair in pairs]

    def _verdicts(self, pairs: Sequence[Pair]) -> Live[list[Answer | None]]:
        """Two of each pair whose outputs differ; a scoring arrives with the second, or at once where none is due."""
        questions = [self._questions(*pair) for pair in pairs]
        places = [place for place, texts in enumerate(questions) for _ in texts]
        said: dict[int, Answer] = {}
        for place in sorted(set(range(len(pairs))).difference(places)):
            yield Arrived(place, self._scoring(*pairs[place], iter(())))

        def scoring(index: int, verdict: Answer) -> Iterable[Arrived]:
            said[index] = verdict
            two = [said[one] for one in (index // 2 * 2, index // 2 * 2 + 1) if one in said]
            if len(two) == 2:
                yield Arrived(places[index], self._scoring(*pairs[places[index]], iter(two)))

        texts = [text for each in questions for text in each]
        return (yield from arriving(self.judge.verdicts(texts, meta.VERDICT_SCHEMA), scoring))

    @property
    def judgement(self) -> Judgement:
        """How far its verdicts can be trusted."""
        return Judgement(self.judge.unreadable_share, self.position_bias, self.measured)

    def caveats(self) -> list[str]:
        told = self.judge.caveats("ties")
        if told and self.judgement.too_unreadable:
            told = [f"{told[0].rstrip('.')}: too many to prove anything."]
        doubt = "" if self.measured is None or self.measured.trusted else str(self.measured)
        return [*(text for text in (doubt, self.unmeasured) if text), *told, self._told_of_places()]

    def of_model(self, model: str) -> Judged:
        return Judged(replace(self._task, target_model=model), self._asker, self.criteria)

    def _told_of_places(self) -> str:
        """How often it preferred an answer for its place."""
        bias = self.position_bias
        if bias is None and self.judge.asked:
            return "The judge decided none of the pairs."
        if bias is None:
            return "No two outputs differed, so there was nothing to judge."
        place, share = ("first", bias) if bias >= 0.5 else ("second", 1 - bias)
        said = f"The judge preferred the answer shown {place} in {percent(share)} of its decided verdicts."
        if self.judgement.too_biased:
            return f"{said} A judge that decides by the place proves nothing."
        return f"{said} Each pair was shown in both orders, so that this cancels out."

    def _both(self, cases: Sequence[Case]) -> list[Case]:
        return [*cases, *(Case(self.original, case.item) for case in cases)]

    def _questions(self, case: Case, mine: Answer, theirs: Answer) -> list[str]:
        outputs = self._outputs(case, mine, theirs)
        if not differ(outputs):
            return []
        return [self.question(case.item, first, second) for first, second in (outputs, outputs[::-1])]

    def question(self, item: Item, first: str, second: str) -> str:
        """What the judge is asked about two answers to that input."""
        return meta.compare(filled(self.original.whole, item), self.criteria, first, second)

    def _outputs(self, case: Case, mine: Answer, theirs: Answer) -> list[str]:
        """Both answers as a judge sees them; none where a call failed."""
        if not isinstance(mine, Reply) or not isinstance(theirs, Reply):
            return []
        original = Case(self.original, case.item)
        return [said_by(case, mine).shown, said_by(original, theirs).shown]

    def _scoring(
        self, case: Case, mine: Answer, theirs: Answer, verdicts: Iterator[Answer | None]
    ) -> Scoring | CallFailedError:
        if failed := next((answer for answer in (mine, theirs) if isinstance(answer, CallFailedError)), None):
            return failed
        said = said_by(case, mine)  # type: ignore[arg-type]
        if not differ(self._outputs(case, mine, theirs)):
            return said.scored(0.5)
        pair = next(verdicts), next(verdicts)
        if failed := next((verdict for verdict in pair if isinstance(verdict, CallFailedError)), None):
            return failed
        score = (_win(pair[0], "A", "B") + _win(pair[1], "B", "A")) / 2
        return said.scored(score, "the judge preferred the original's answer" if score < 0.5 else "")


def differ(outputs: Sequence[str]) -> bool:
    """Whether there is anything to judge."""
    return len(set(map(str.strip, outputs))) > 1


def preferred(verdict: Answer | None) -> str:
    """A, B or tie; "" where there is no verdict."""
    return replies.read_text(verdict.text, "better") if isinstance(verdict, Reply) else ""


def _win(verdict: Answer | None, me: str, them: str) -> float:
    return {me: 1.0, them: 0.0}.get(preferred(verdict), 0.5)
