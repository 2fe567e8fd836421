"""Operators that let the model reason before it answers, and show it its own reasonings that led to right answers."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from statistics import median

from optimizer.engine.answering import Case, answer_request, said_by
from optimizer.engine.asking import Asking
from optimizer.engine.components import Components, Shot
from optimizer.engine.graders import RUBRIC, folded, graded
from optimizer.engine.labels import are_labels, usual_forms
from optimizer.engine.operators.base import View
from optimizer.engine.operators.rows import balanced, in_turns, short_enough
from optimizer.engine.scoring import grade_of, options_of
from optimizer.engine.task import Item
from optimizer.llm.base import Reply, Request

FEWEST = 2  # right reasonings, to be shown at all
SAMPLES = 2  # more tries for a row that the model got wrong
SAMPLED_ROWS = 4
WARM = 0.8  # temperature of further tries
MOST_TIMES = 2  # the median length; longer reasonings are not shown
LONGEST_NAMED = 60  # characters of an answer that may name a label
NAMING = 12  # characters: a reasoning that contains an input of at least this length names its row


@dataclass(frozen=True)
class ReasonFirst:
    """The prompt asks for reasoning, and for a last line with the answer (Wei et al., arXiv 2201.11903)."""

    name: str = "reasoning first"
    promise: float = 0.4
    practises: bool = False
    writes: bool = False

    def suits(self, view: View) -> bool:
        return view.answers_only and view.reasoning is not None

    def propose(self, view: View) -> list[Components]:
        bare = view.parent.but(shots=(), shots_as="text", nearest=0, answer_format="", constraint=None)
        return [bare.but(reasoning=view.reasoning)]


@dataclass(frozen=True)
class OwnReasonings:
    """The target's own reasonings that led to right answers on training rows, as examples in chat turns (bootstrapped
    demonstrations, after Zelikman et al., arXiv 2203.14465, and DSPy, arXiv 2310.03714)."""

    count: int = 3
    name: str = "own right reasonings"
    promise: float = 0.75
    practises: bool = True
    writes: bool = False

    def suits(self, view: View) -> bool:
        return not view.answers_only and view.may_show

    def propose(self, view: View) -> Asking[list[Components]]:
        rows = {row.input: row for row in view.train}
        right = [
            outcome
            for outcome in view.reasoned
            if outcome.score == 1 or _names(view, rows[outcome.input], outcome.output)
        ]
        found = {
            outcome.input: _shot_of(rows[outcome.input], outcome.reasoning, view.train) for outcome in right
        }
        if view.task.grader != RUBRIC and len(found) < 2 * self.count:
            found = {**(yield from _sampled(view, found)), **found}
        shots = chosen(list(found.values()), view, self.count)
        if len(shots) < FEWEST:
            return []
        placed = in_turns(view, once=view.once)
        return [view.parent.but(**placed, shots=short_enough(shots))]


def chosen(shots: Sequence[Shot], view: View, count: int) -> tuple[Shot, ...]:
    """Short reasonings that name no other row, drawn in turn from each answer."""
    usable = [shot for shot in shots if not _names_another(shot, view.train)]
    if not usable:
        return ()
    longest = MOST_TIMES * median(len(shot.reasoning) for shot in usable)
    short = [shot for shot in usable if len(shot.reasoning) <= longest]
    by_input = {shot.input: shot for shot in short}
    rows = balanced([Item(shot.input, shot.output) for shot in short], count, view.rng)
    return tuple(by_input[row.input] for row in rows)


def _sampled(view: View, known: Collection[str]) -> Asking[dict[str, Shot]]:
    """Right reasonings to rows that the parent got wrong, from further tries at a temperature above 0."""
    rows = {row.input: row for row in view.train if row.input not in known}
    wrong = [rows[outcome.input] for outcome in view.wrong if outcome.input in rows][:SAMPLED_ROWS]
    if not wrong:
        return {}
    tries = list(_tries(view, wrong))
    answers = yield [request for _, request in tries]
    found: dict[str, Shot] = {}
    for (row, _), answer in zip(tries, answers, strict=True):
        if not isinstance(answer, Reply):
            continue
        said = said_by(Case(view.parent, row), answer)
        if said.answer is not None and not said.cut and _right(view, row, said.answer):
            found.setdefault(row.input, _shot_of(row, said.reasoning, view.train))
    return {text: shot for text, shot in found.items() if shot.reasoning}


def _tries(view: View, rows: Sequence[Item]) -> Iterator[tuple[Item, Request]]:
    for row in rows:
        asked = answer_request(view.task, Case(view.parent, row), limit=view.config.answer_tokens)
        for number in range(SAMPLES):
            seed = random.Random(f"{view.salt}:{row.input}:{number}").randrange(2**31)
            yield row, replace(asked, temperature=WARM, seed=seed)


def _right(view: View, row: Item, answer: str) -> bool:
    """Whether the grader accepts it. If a person's own grader fails, the answer counts as wrong, as in scoring."""
    try:
        right = grade_of(view.task, answer, row, options_of(view.task)).score == 1
    except Exception:
        return False
    return right or _names(view, row, answer)


def _names(view: View, row: Item, answer: str) -> bool:
    """Whether a short answer names the expected label and no other, where answers are labels: "(B) the cat" for B. The
    example will show it as it should be written."""
    if len(answer) > LONGEST_NAMED or not are_labels([other.expected for other in view.train]):
        return False
    choices = {"choices": "\n".join(other.expected for other in view.train)}
    return any(graded("choice", answer, expected, choices).score == 1 for expected in row.answers)


def _shot_of(row: Item, reasoning: str, rows: Sequence[Item]) -> Shot:
    """The row as an example, with the answer as most rows write it."""
    usual = usual_forms([other.expected for other in rows])
    return Shot(row.input, usual.get(folded(row.expected), row.expected), reasoning.strip(), row.values)


def _names_another(shot: Shot, rows: Sequence[Item]) -> bool:
    """Whether the reasoning has another row's input in it."""
    thought = folded(shot.reasoning)
    others = (folded(row.input) for row in rows if row.input != shot.input)
    return any(len(text) >= NAMING and text in thought for text in others)
