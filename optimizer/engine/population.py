"""What the search has tried: who leads, who may be a parent, and what can be learnt from how all did."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from math import isclose
from statistics import fmean
from typing import get_args

from optimizer.engine.answering import CUT
from optimizer.engine.board import Board, Entry
from optimizer.engine.components import Components, Shot, Subject, first_of
from optimizer.engine.constraint import Constraint, constraint_for
from optimizer.engine.contribution import contributions
from optimizer.engine.events import Outcome
from optimizer.engine.figures import NOTHING
from optimizer.engine.operators import Understanding, View
from optimizer.engine.policies import Standing
from optimizer.engine.race import WIDEST, Race
from optimizer.engine.reasoning import Kind, may_reason, reasoning_for
from optimizer.engine.stats import ahead, clearly_worse, mean
from optimizer.engine.task import Config, Task

MOST_RIVALS = 4


@dataclass(frozen=True)
class Child:
    """A proposal before it has passed the guards."""

    parent: Entry
    operator: str
    components: Components
    gain: float = 0.0  # points above its parent that it is likely to score


class Population:
    """All entries of a run, with their scores: `race` on validation rows, `training` on training rows."""

    def __init__(self, task: Task, config: Config, seed: int, race: Race, training: Board) -> None:
        self.task = task
        self.config = config
        self.seed = seed
        self.race = race
        self.training = training
        self.reasoning = reasoning_for(task) if may_reason(task, config) else None
        searched = {*race.items, *training.items}
        self._constraint = constraint_for(task, [row for row in task.items if row in searched])
        self.original = Entry(0, (), "original", first_of(task))
        self.entries = [self.original]
        self.leaders = {self.original.components.kind: self.original}  # the best of each kind
        self.winner: Entry | None = None  # once the search is over
        self.about = Understanding()
        self.rejected: Counter[str] = Counter()  # proposals by the reason for which they were refused
        self.refused: Counter[str] = Counter()  # and by their operator
        self.writers: set[str] = set()  # operators that were used and word instructions anew

    @property
    def leader(self) -> Entry:
        """The best so far; once the search is over, the winner. The one that reasons first leads only if it is ahead of
        the cheaper one, or if nothing else is wanted."""
        if self.winner:
            return self.winner
        answering, reasoning = (self.leaders.get(kind) for kind in (Kind.ANSWER_ONLY, Kind.REASONS_FIRST))
        if reasoning is None or answering is None:
            return reasoning or answering or self.original
        if self.config.reasoning == "only":
            return reasoning
        return reasoning if ahead(*self.race.paired(answering, reasoning)) else answering

    @property
    def finalists(self) -> list[Entry]:
        """The best of each kind, the leader first. The original is no finalist, and neither is one that costs more but
        is not worth it."""
        leader = self.leader
        others = [entry for entry in self.leaders.values() if entry != leader]
        found = [
            entry for entry in (leader, *others) if entry.number and not self._costs_more_for_less(entry)
        ]
        only = self.config.reasoning == "only"
        return [entry for entry in found if not only or entry.components.kind == Kind.REASONS_FIRST]

    def _costs_more_for_less(self, entry: Entry) -> bool:
        """Whether it reasons first, and is no better than the original, or clearly worse than the leader."""
        if entry.components.kind == self.original.components.kind:
            return False
        before, after = self.race.paired(self.original, entry)
        mine, theirs = self.race.paired(self.leader, entry)
        return mean(after) <= mean(before) + NOTHING or clearly_worse(theirs, mine)

    def add(self, child: Child) -> Entry:
        """The child as an entry, with the next number."""
        expected = child.parent.expected + child.gain
        entry = Entry(len(self.entries), (child.parent.number,), child.operator, child.components, expected)
        self.entries.append(entry)
        return entry

    def pool(self) -> list[Standing]:
        """The Pareto pool: entries that ran on all rows and lead on some, and the leaders; the leader comes first."""
        first = list(dict.fromkeys([self.leader, *self.leaders.values()]))
        whole = [e for e in self.entries if e not in first and self.race.complete(e)]
        scores = {entry.number: self._scores(entry) for entry in (*first, *whole)}
        best = [max(s.get(row, 0.0) for s in scores.values()) for row in range(len(self.race.items))]
        standings = [
            Standing(entry, sum(score == best[row] > 0 for row, score in scores[entry.number].items()))
            for entry in (*first, *whole)
        ]
        return [s for s in standings if s.leads or s.entry in first]

    @property
    def constraint(self) -> Constraint | None:
        """What an answer may be, unless a server refused to hold answers to a form."""
        refused = self.race.refused_format or self.training.refused_format
        return None if refused else self._constraint

    def view(self, parent: Entry, salt: str) -> View:
        """What an operator may look at, of this parent."""
        teaching = self.training if self.training.items else self.race
        subject = self._subject(salt)
        return View(
            task=self.task,
            config=self.config,
            parent=parent.components,
            rng=random.Random(f"{self.seed}:{salt}"),
            salt=f"{self.seed}:{salt}",
            about=self.about,
            train=tuple(row for n, row in enumerate(self.training.items) if n not in self.training.misfits),
            practice=self._practice(parent, teaching),
            hardness=self._hardness(),
            rivals=self._rivals(parent),
            contrasts=self._contrasts(teaching),
            history=self._history(parent, subject),
            reasoned=self._reasoned(),
            contributions=self._contributions(parent.components),
            reasoning=self.reasoning,
            constraint=self.constraint,
            role=self.original.components.head_as,
            subject=subject,
        )

    def unshown(self, field: Sequence[Entry]) -> list[int]:
        """Training rows that are among nobody's examples, and can be run on."""
        shown = {text for entry in field for text in entry.components.shown}
        rows = enumerate(self.training.items)
        return [n for n, row in rows if row.input not in shown and n not in self.training.misfits]

    def faulty(self, entry: Entry) -> bool:
        """Whether it got a training row wrong, as far as it ran on them."""
        return any(outcome.score < 1 for outcome in self._practice(entry, self.training))

    def tied(self) -> list[Entry]:
        """A few entries of the leader's kind with its score on all validation rows, the shorter prompt first."""
        best, kind = self.race.mean(self.leader), self.leader.components.kind
        alike = [e for e in self.entries if e.components.kind == kind and self.race.complete(e)]
        equal = [e for e in alike if isclose(self.race.mean(e), best)]
        return sorted(equal, key=lambda entry: entry.components.length)[:WIDEST]

    def practised(self, entry: Entry, rows: Sequence[int]) -> float:
        """The points that it made on these training rows, by their weights."""
        wanted = set(rows)
        made = (o for o in self.training.outcomes(entry) if o.item in wanted)
        return sum(outcome.score * self.training.items[outcome.item].weight for outcome in made)

    def _scores(self, entry: Entry) -> dict[int, float]:
        return {outcome.item: outcome.score for outcome in self.race.outcomes(entry)}

    @staticmethod
    def _practice(parent: Entry, teaching: Board) -> tuple[Outcome, ...]:
        shown = parent.components.shown
        return tuple(outcome for outcome in teaching.outcomes(parent) if outcome.input not in shown)

    def _hardness(self) -> tuple[tuple[str, float], ...]:
        """By training input, the share of entries' scores that is missing."""
        scores: dict[str, list[float]] = {}
        for entry in self.entries:
            for outcome in self.training.outcomes(entry):
                scores.setdefault(outcome.input, []).append(outcome.score)
        return tuple((text, 1 - fmean(some)) for text, some in scores.items())

    def _rivals(self, parent: Entry) -> tuple[Components, ...]:
        kind = parent.components.kind
        others = [s.entry for s in self.pool() if s.entry != parent and s.entry.components.kind == kind]
        return tuple(entry.components for entry in others[:MOST_RIVALS])

    def _reasoned(self) -> tuple[Outcome, ...]:
        """Answers to training rows that came after reasoning, from any entry: one for each row, the best answer with
        the shortest reasoning."""
        found = [
            outcome
            for entry in self.entries
            if entry.components.kind == Kind.REASONS_FIRST
            for outcome in self._practice(entry, self.training)
            if outcome.reasoning and not outcome.output.endswith(CUT)
        ]
        found.sort(key=lambda outcome: (outcome.score, -len(outcome.reasoning)))
        return tuple({outcome.input: outcome for outcome in found}.values())

    def _contributions(self, parent: Components) -> tuple[tuple[Shot, float], ...]:
        """What each example added, over all entries that show the same ones for all inputs, and show them and ask for
        the answer as the parent does."""
        alike = (
            entry
            for entry in self.entries
            if _asking(entry.components) == _asking(parent) and not entry.components.nearest
        )
        sets = [(entry.components.shots, self.race.outcomes(entry)) for entry in alike]
        return tuple(contributions(sets).items())

    def _contrasts(self, teaching: Board) -> tuple[tuple[Outcome, Outcome], ...]:
        """For rows on which entries differ, a right output and a wrong one."""
        by_row: dict[int, list[Outcome]] = {}
        for entry in self.entries:
            for outcome in teaching.outcomes(entry):
                by_row.setdefault(outcome.item, []).append(outcome)
        pairs = []
        for outcomes in by_row.values():
            good, bad = (pick(outcomes, key=lambda o: o.score) for pick in (max, min))
            if good.score - bad.score > 0.5 and bad.output.strip():
                pairs.append((good, bad))
        return tuple(pairs)

    def _subject(self, salt: str) -> Subject:
        """What an operator may word anew: if both parts may change, one of them, drawn by chance."""
        if self.task.part != "both":
            return "instruction"
        return random.Random(f"{self.seed}:{salt}:part").choice(get_args(Subject))

    def _history(self, parent: Entry, subject: Subject) -> tuple[tuple[str, float], ...]:
        """Other texts of this part with the best mean that each reached, the worst first."""
        best: dict[str, float] = {}
        for entry in self.entries:
            if self.race.outcomes(entry):
                text = entry.components.part(subject)
                best[text] = max(best.get(text, 0.0), self.race.mean(entry))
        best.pop(parent.components.part(subject), None)
        return tuple(sorted(best.items(), key=lambda tried: tried[1]))


def _asking(components: Components) -> tuple[object, ...]:
    """How examples are shown, and what is asked for after them."""
    return components.kind, components.shots_as, components.constraint
