"""Before the search: how far a judge of pairs can be trusted, on answers of the original prompt.

The figures are those of Shi et al., "Judging the Judges" (arXiv 2406.07791): position consistency, repetition stability
and preference for a place.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from optimizer.engine import meta
from optimizer.engine.answering import Case, answer_request, said_by
from optimizer.engine.arriving import public, translated
from optimizer.engine.asking import Steps
from optimizer.engine.board import too_long
from optimizer.engine.budget import BudgetSpentError
from optimizer.engine.calls import Answer, cut_in_thought
from optimizer.engine.events import JudgeMeasured, Noted
from optimizer.engine.pairs import Judged, differ, preferred
from optimizer.engine.task import Item
from optimizer.engine.verdicts import JudgeMeasure
from optimizer.llm.base import CallFailedError, Reply, Request

STAGE = "Measuring the judge"
FEWEST_PAIRS = 4  # tell something; as each is judged three times, that is 12 calls
PAIRS = 6  # for a judge that fails on the first ones
MOST = 0.2  # of each limit of the run
SAMPLED = 0.7  # the temperature at which something is asked for once more
NO_ROOM = "The limits leave no room to measure the judge first."
NO_PAIRS = (
    f"The judge could not be measured first: that takes {FEWEST_PAIRS} test inputs with different answers."
)
WINNERS = {"A": "B", "B": "A"}  # of a pair in the other order


@dataclass(frozen=True)
class Pair:
    """Two different answers to one input."""

    item: Item
    first: str
    second: str


def measure(judged: Judged, rows: Sequence[Item]) -> Steps[None]:
    """Measure the judge on pairs of answers to the first of these rows, and leave the figures with `judged`.

    Each pair is judged in both orders, and once more at a temperature above 0. A judge that fails is tried on more
    pairs. Raises CallFailedError if it cannot be asked, or gives no verdict that can be read.
    """
    why_not = NO_PAIRS
    try:
        pairs = yield from _pairs(judged, rows[:PAIRS])
        asked = _within_limits(judged, [_requests(judged, pair) for pair in pairs])
        if len(asked) >= FEWEST_PAIRS:
            yield from _tried(judged, asked)
        elif len(pairs) >= FEWEST_PAIRS:
            why_not = NO_ROOM
    except BudgetSpentError:
        why_not = NO_ROOM
    if judged.measured:
        yield JudgeMeasured(judged.judge.model, judged.measured)
        judged.judge.insist()
    else:
        judged.unmeasured = why_not
        yield Noted(why_not)


def _tried(judged: Judged, asked: Sequence[Sequence[Request]]) -> Steps[None]:
    """On the first pairs; on all if it cannot be trusted by those."""
    verdicts: list[Answer | None] = []
    for some in (asked[:FEWEST_PAIRS], asked[FEWEST_PAIRS:]):
        if some and not (judged.measured and judged.measured.trusted):
            requests = [request for three in some for request in three]
            verdicts += yield from translated(judged.judge.readings(requests, STAGE), public)
            known = list(_of_pairs(verdicts))
            judged.measured = _figures(known) if len(known) >= FEWEST_PAIRS else None


def _pairs(judged: Judged, rows: Sequence[Item]) -> Steps[list[Pair]]:
    """The answer to a row, and another one. For two of the rows that is sampled, and may be as good; else it is the
    answer to another row, which is wrong."""
    asker, task = judged.judge.asker, judged.judge.task
    cases = [Case(judged.original, row) for row in rows]
    answers = yield from translated(judged.answers.ask(STAGE, cases), public)
    twice = cases[:FEWEST_PAIRS:2]
    usual = [answer_request(task, case, limit=asker.config.answer_tokens) for case in twice]
    sampled = yield from asker.ask(STAGE, [replace(one, temperature=SAMPLED, seed=1) for one in usual])
    said = [_shown(case, answer) for case, answer in zip(cases, answers, strict=True)]
    again = {case.item: _shown(case, answer) for case, answer in zip(twice, sampled, strict=True)}
    found = []
    for place, (row, first) in enumerate(zip(rows, said, strict=True)):
        others = [again.get(row, ""), *said[place + 1 :], *said[:place]]
        second = next((one for one in others if first and one and differ((first, one))), None)
        if second:
            found.append(Pair(row, first, second))
    return found


def _shown(case: Case, answer: Answer) -> str:
    """The answer as a judge sees it; "" if there is none."""
    if isinstance(answer, CallFailedError):
        if not too_long(answer):
            raise answer
        return ""
    return "" if cut_in_thought(answer) else said_by(case, answer).shown


def _requests(judged: Judged, pair: Pair) -> list[Request]:
    """In both orders, and the first order once more."""
    orders = (pair.first, pair.second), (pair.second, pair.first)
    one, other = (
        judged.judge.request(judged.question(pair.item, *order), meta.VERDICT_SCHEMA) for order in orders
    )
    return [one, other, replace(one, temperature=SAMPLED, seed=2)]


def _within_limits(judged: Judged, asked: list[list[Request]]) -> list[list[Request]]:
    """As many of the first as this may cost."""
    asker, within = judged.judge.asker, len(asked)
    while within and not asker.within(MOST, asker.cost([one for three in asked[:within] for one in three])):
        within -= 1
    return asked[:within]


def _of_pairs(verdicts: Sequence[Answer | None]) -> Iterator[list[Reply | None]]:
    """The three verdicts on each pair, without pairs that are too long for the judge's window."""
    for start in range(0, len(verdicts), 3):
        three = verdicts[start : start + 3]
        if fault := next((one for one in three if isinstance(one, CallFailedError)), None):
            if not too_long(fault):
                raise fault
            continue
        yield [one for one in three if not isinstance(one, CallFailedError)]


def _figures(verdicts: Sequence[Sequence[Reply | None]]) -> JudgeMeasure:
    said = [[preferred(verdict) for verdict in three] for three in verdicts]
    readable = [one for three in said for one in three if one]
    placed = [one for three in said for one in three[:2] if one in WINNERS]
    winners = [
        [winner for winner in (one, WINNERS.get(other, other), again) if winner] for one, other, again in said
    ]
    known = [three for three in winners if len(three) > 1]
    return JudgeMeasure(
        pairs=len(said),
        readable=len(readable) / (3 * len(said)),
        position_bias=placed.count("A") / len(placed) if placed else None,
        consistent=sum(len(set(three)) == 1 for three in known) / len(known) if known else None,
    )
