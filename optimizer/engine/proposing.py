"""Proposals: which operator changes which parent, what it proposes, and what passes the guards and races."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

from optimizer.engine.asking import Asker, Steps
from optimizer.engine.board import Entry
from optimizer.engine.contest import Contest, Shares
from optimizer.engine.events import Proposed, Rejected
from optimizer.engine.fitting import surely_too_long
from optimizer.engine.guards import objection
from optimizer.engine.method import Method
from optimizer.engine.operators import Operator, View
from optimizer.engine.operators.base import settled
from optimizer.engine.policies import Tally, likely_gain, with_prior
from optimizer.engine.population import Child, Population
from optimizer.engine.task import Prior, Task

PRACTICE = 8  # training rows that a parent runs on, to be criticised
MOST_REFUSED = 4  # rewrites that could not be used
MOST_IN_VAIN = 8  # uses of operators that rewrite, none of which won


@dataclass(frozen=True)
class Draw:
    """An operator to use on a parent; `salt` names the use."""

    parent: Entry
    operator: Operator
    salt: str


class Proposer:
    """Lets operators propose, and remembers how they did."""

    def __init__(
        self, task: Task, asker: Asker, method: Method, population: Population, contest: Contest
    ) -> None:
        self.task = task
        self.asker = asker
        self.method = method
        self.population = population
        self.contest = contest
        priors = {prior.operator: prior for prior in task.priors}
        self.records = {o.name: with_prior(o.promise, priors.get(o.name)) for o in method.operators}
        self.of_this_run = dict.fromkeys(self.records, Tally(0.0))
        self.used_evidence: tuple[str, ...] = ()

    def draw(self, parent: Entry, rng: random.Random, salt: str) -> Draw | None:
        view = self.population.view(parent, salt)
        offered = [o for o in self.method.operators if not (o.writes and self._rewriting_is_useless())]
        suited = {operator.name: operator for operator in offered if operator.suits(view)}
        if not suited:
            return None
        chosen = self.method.choice({name: self.records[name] for name in suited}, rng)
        return Draw(parent, suited[chosen], salt)

    def all_of(
        self, chosen: Sequence[Operator], shares: Shares | None = None, *, beside: Sequence[Entry] = ()
    ) -> Steps[None]:
        """Use every operator that suits a leader once, within these shares of what is left; kinds without a share get
        none. What they propose races `beside` others."""
        draws = [
            Draw(leader, operator, f"{n} of {leader.number}")
            for kind, leader in self.population.leaders.items()
            for n, operator in enumerate(chosen)
            if shares is None or kind in shares
        ]
        suited = [draw for draw in draws if draw.operator.suits(self._view(draw))]
        yield from self.attempt(suited, shares, beside=beside)

    def attempt(
        self, draws: Sequence[Draw], shares: Shares | None = None, *, beside: Sequence[Entry] = ()
    ) -> Steps[None]:
        """Propose, side by side; let what passes the guards race with the leaders, beside others; remember which
        operators won."""
        before = list(self.population.leaders.values())
        yield from self._practise(draws)
        self.population.writers |= {draw.operator.name for draw in draws if draw.operator.writes}
        askings = [settled(draw.operator.propose(self._view(draw))) for draw in draws]
        proposals = yield from self.asker.together("Writing candidates", askings)
        if any(draw.operator in self.method.heeding for draw in draws):
            self.used_evidence = self.task.evidence
        children = [
            Child(draw.parent, draw.operator.name, components, likely_gain(draw.operator.promise))
            for draw, found in zip(draws, proposals, strict=True)
            for components in found
        ]
        admitted = yield from self.admit(children)
        yield from self.contest.challenge([*beside, *admitted], shares)
        winners = {leader.operator for leader in self.population.leaders.values() if leader not in before}
        for name in dict.fromkeys(draw.operator.name for draw in draws):
            self._remember(name, won=name in winners)

    def admit(self, children: Sequence[Child]) -> Steps[list[Entry]]:
        admitted = []
        population = self.population
        answers = {item.expected for item in population.training.items}
        for child in children:
            seen = {entry.components for entry in population.entries}
            original = population.original.components
            reason = objection(child.components, original, seen, answers)
            if reason := reason or self._too_long(child):
                population.rejected[reason] += 1
                population.refused[child.operator] += 1
                yield Rejected(reason, _rewritten(child)[:500])
                continue
            entry = population.add(child)
            admitted.append(entry)
            yield Proposed(entry.number, entry.parents, entry.operator, entry.components)
        return admitted

    def operators_used(self) -> tuple[Prior, ...]:
        """How each operator that was used did in this run."""
        return tuple(Prior(n, r.wins, r.tries) for n, r in self.of_this_run.items() if r.tries)

    def _rewriting_is_useless(self) -> bool:
        """Whether rewriting does not pay: no rewrite won, and several could not be used or many were tried."""
        writers = self.population.writers
        refused = sum(self.population.refused[name] for name in writers)
        tried = [self.of_this_run[name] for name in writers if name in self.of_this_run]
        wins = sum(tally.wins for tally in tried)
        return not wins and (refused >= MOST_REFUSED or sum(t.tries for t in tried) >= MOST_IN_VAIN)

    def _practise(self, draws: Sequence[Draw]) -> Steps[None]:
        """Let parents run on training rows that are not among their examples, where an operator wants to see that: on
        more of them while they get all right."""
        field = list(dict.fromkeys(draw.parent for draw in draws if draw.operator.practises))
        field = [entry for entry in field if not self.population.faulty(entry)]
        training = self.population.training
        rows = [row for row in self.population.unshown(field) if not all(training.ran(e, row) for e in field)]
        if field and rows:
            yield from training.score(field, rows[:PRACTICE])

    def _view(self, draw: Draw) -> View:
        return self.population.view(draw.parent, draw.salt)

    def _remember(self, name: str, *, won: bool) -> None:
        for book in (self.records, self.of_this_run):
            if name in book:
                book[name] = book[name].after(won=won)

    def _too_long(self, child: Child) -> str:
        """Refuses what could only fail when it is called."""
        rows = (*self.population.race.items, *self.population.training.items)
        too_long = surely_too_long(child.components, rows, self.task, self.asker)
        return "longer than the context window" if too_long else ""


def _rewritten(child: Child) -> str:
    """The text that the proposal words anew."""
    found, parent = child.components, child.parent.components
    return found.beside if found.beside != parent.beside else found.instruction
