"""The PromptWizard method (arXiv 2405.18369) with sound scoring: structural proposals first, then rounds of proposals
by operators that are chosen by their success, and at the end a comparison with the original on held-out rows."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from optimizer.counts import counted
from optimizer.engine import checks
from optimizer.engine.asking import Asker, Steps
from optimizer.engine.board import Entry
from optimizer.engine.budget import BudgetSpentError
from optimizer.engine.components import first_of
from optimizer.engine.contest import Contest, Shares
from optimizer.engine.ending import Ending
from optimizer.engine.events import SOME, Event, IterationDone, Proposed, Rejected
from optimizer.engine.fitting import surely_too_long
from optimizer.engine.guards import objection
from optimizer.engine.headroom import NEAR, nearly_all_right, no_lever_helps
from optimizer.engine.operators import (
    FOLLOWING,
    HEEDING,
    LAST,
    OPERATORS,
    STRUCTURAL,
    Operator,
    View,
    in_text,
)
from optimizer.engine.operators.base import OptimizerFailedError, settled
from optimizer.engine.operators.rows import shots_of
from optimizer.engine.policies import (
    OperatorPolicy,
    ParentPolicy,
    Tally,
    pareto_parents,
    thompson,
    with_prior,
)
from optimizer.engine.population import Child, Population
from optimizer.engine.prepare import affordable, prepared, races, understood
from optimizer.engine.reasoning import Kind
from optimizer.engine.scoring import Evaluator
from optimizer.engine.splits import Splits
from optimizer.engine.task import Config, Prior, Task, TaskRefusedError
from optimizer.llm.base import Model
from optimizer.llm.ledger import paid_once

PRACTICE = 8  # training rows that a parent runs on, to be criticised
# Of what is left of the limits, what the first two steps may spend on each kind of candidates, in this order.
AT_FIRST = {Kind.ANSWER_ONLY: 0.4, Kind.REASONS_FIRST: 0.2}
THEN = {Kind.REASONS_FIRST: 0.6, Kind.ANSWER_ONLY: 0.5}
MOST_REFUSED = 4  # rewrites that could not be used
MOST_IN_VAIN = 8  # uses of operators that rewrite, none of which won


@dataclass(frozen=True)
class Method:
    """The parts of the search that can be exchanged.

    `structural` operators come first, `following` ones then on what leads; `heeding` ones are used for certain where
    people have said something; `operators` are all that rounds draw from; `last` ones come at the end, on the winner.
    """

    structural: tuple[Operator, ...] = STRUCTURAL
    following: tuple[Operator, ...] = FOLLOWING
    heeding: tuple[Operator, ...] = HEEDING
    operators: tuple[Operator, ...] = OPERATORS
    last: tuple[Operator, ...] = LAST
    parents: ParentPolicy = pareto_parents
    choice: OperatorPolicy = thompson

    def in_text(self) -> Method:
        """The same for a model that does not tell chat turns apart."""
        return replace(
            self,
            structural=in_text(self.structural),
            following=in_text(self.following),
            heeding=in_text(self.heeding),
            operators=in_text(self.operators),
            last=in_text(self.last),
        )


@dataclass(frozen=True)
class Draw:
    """An operator to use on a parent; `salt` names the use."""

    parent: Entry
    operator: Operator
    salt: str


def run(
    task: Task, config: Config, model: Model, seed: int = 0, *, method: Method | None = None
) -> Iterator[Event]:
    """Improve the task's prompt. The last event is Finished.

    Deterministic given the arguments and the model's replies. Raises TaskRefusedError for a task that cannot be run,
    before anything is spent, and where the limits do not last for what comes before the search (a judge's check, inputs
    to write). Raises CallFailedError when the model refuses the original prompt itself, when it never gives a verdict
    that can be read, and when the optimizer model fails before anything better was found.
    """
    asker = Asker(paid_once(model), config, seed)
    checks.refuse(task, config)
    yield Proposed(0, (), "original", first_of(task))
    splits, evaluator = yield from _prepared(task, asker)
    yield from Search(task, asker, method or Method(), splits, evaluator).run()


def _prepared(task: Task, asker: Asker) -> Steps[tuple[Splits, Evaluator]]:
    try:
        splits, evaluator = yield from prepared(task, asker)
    except BudgetSpentError as spent:
        raise TaskRefusedError(f"There is no room left for a search. {spent} Allow more.") from spent
    return affordable(splits, task, asker, evaluator), evaluator


class Search:
    """One run: searches until something ends it, and hands over to Ending."""

    def __init__(
        self, task: Task, asker: Asker, method: Method, splits: Splits, evaluator: Evaluator
    ) -> None:
        self.task = task
        self.config = asker.config
        self.asker = asker
        self.method = method if task.turns else method.in_text()
        race, training, held_out = races(splits, evaluator, asker, first_of(task))
        self.population = Population(task, self.config, asker.seed, race, training)
        self.ending = Ending(task, asker, evaluator, held_out, self.population, left_out=splits.left_out)
        self.contest = Contest(asker, self.population, self.ending)
        priors = {prior.operator: prior for prior in task.priors}
        self.records = {o.name: with_prior(o.promise, priors.get(o.name)) for o in self.method.operators}
        self.of_this_run = dict.fromkeys(self.records, Tally(0.0))
        self.rounds_without_gain = 0
        self.used_evidence: tuple[str, ...] = ()
        self.headroom = SOME
        self.failure = ""  # of the optimizer model, which ended the search

    def run(self) -> Iterator[Event]:
        reason = yield from self._search()
        yield from self.contest.play_off()
        yield from self._with_all_rows()
        yield from self.ending.run(
            reason,
            self._operators(),
            failure=self.failure,
            used_evidence=self.used_evidence,
            headroom=self.headroom,
        )

    # The search

    def _search(self) -> Steps[str]:
        """Search until something ends it; says what."""
        population, reason = self.population, ""
        try:
            reason = yield from self._right_already()
            if not reason:
                yield from self._structural()
                reason = yield from self._enough()
            if not reason:
                rows = population.training.items
                population.about = yield from understood(self.task, self.asker, rows)
                if self.task.evidence:
                    yield from self._all_of(self.method.heeding)
                reason = yield from self._iterations()
            if population.leader.number and population.race.complete(population.leader):
                yield from self._all_of(self.method.last)
        except BudgetSpentError as spent:
            reason = str(spent)
        except OptimizerFailedError as error:
            if not self.population.finalists:
                raise
            self.failure = str(error)
            return "The optimizer model failed. The result is the best found before that."
        return reason or "All iterations are done."

    def _right_already(self) -> Steps[str]:
        """Why there is nothing to gain, where the original is right on nearly all search rows, else ""."""
        race, original = self.population.race, self.population.original
        yield from race.score([original], range(race.block))
        if not self.task.items or sum(outcome.score < 1 for outcome in race.outcomes(original)) > 1:
            return ""
        training = self.population.training
        rows = range(min(len(race.items), len(training.items)))
        if self.asker.affords(training.cost([original], rows)):
            yield from training.score([original], rows)
            if training.mean(original) < NEAR:
                return ""
        yield from race.score([original], range(len(race.items)))
        self.headroom = nearly_all_right(self.population)
        return self.headroom.reason

    def _structural(self) -> Steps[None]:
        """Examples and reasoning: where small models gain most. Then the same on what leads."""
        yield from self._all_of(self.method.structural, AT_FIRST)
        if not (yield from self._enough()):
            yield from self._all_of(self.method.following, THEN)
            yield from self.contest.deepen()

    def _iterations(self) -> Steps[str]:
        for number in range(1, self.config.iterations + 1):
            reason = ""
            for round_number in range(1, self.config.rounds + 1):
                yield from self._round(f"{number}.{round_number}")
                if reason := (yield from self._enough()):
                    break
            yield IterationDone(number)
            if reason:
                return reason
        return ""

    def _round(self, name: str) -> Steps[None]:
        """As many draws of a parent and an operator as there are styles, worked on side by side."""
        before = dict(self.population.leaders)
        rng = random.Random(f"{self.asker.seed}:round {name}")
        pool = self.population.pool()
        draws = [
            self._draw(self.method.parents(pool, rng), rng, f"{name}.{number}")
            for number in range(self.config.styles)
        ]
        yield from self._try([draw for draw in draws if draw])
        won = self.population.leaders != before
        self.rounds_without_gain = 0 if won else self.rounds_without_gain + 1

    def _draw(self, parent: Entry, rng: random.Random, salt: str) -> Draw | None:
        view = self.population.view(parent, salt)
        offered = [o for o in self.method.operators if not (o.writes and self._rewriting_is_useless())]
        suited = {operator.name: operator for operator in offered if operator.suits(view)}
        if not suited:
            return None
        chosen = self.method.choice({name: self.records[name] for name in suited}, rng)
        return Draw(parent, suited[chosen], salt)

    def _rewriting_is_useless(self) -> bool:
        """Whether nothing is to be expected of the optimizer model: what it wrote could not be used a few times, or was
        tried several times and never the best."""
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

    def _all_of(self, chosen: Sequence[Operator], shares: Shares | None = None) -> Steps[None]:
        """Every operator that suits a leader, once, on these shares of what is left of the limits."""
        draws = [
            Draw(leader, operator, f"{n} of {leader.number}")
            for leader in self.population.leaders.values()
            for n, operator in enumerate(chosen)
        ]
        yield from self._try([d for d in draws if d.operator.suits(self._view(d))], shares)

    def _try(self, draws: Sequence[Draw], shares: Shares | None = None) -> Steps[None]:
        """Propose, side by side; let what passes the guards race with the leaders; remember which operators won."""
        before = list(self.population.leaders.values())
        yield from self._practise(draws)
        self.population.writers |= {draw.operator.name for draw in draws if draw.operator.writes}
        askings = [settled(draw.operator.propose(self._view(draw))) for draw in draws]
        proposals = yield from self.asker.together("Writing candidates", askings)
        if any(draw.operator in self.method.heeding for draw in draws):
            self.used_evidence = self.task.evidence
        children = [
            Child(draw.parent, draw.operator.name, components)
            for draw, found in zip(draws, proposals, strict=True)
            for components in found
        ]
        admitted = yield from self._admit(children)
        yield from self.contest.challenge(admitted, shares)
        winners = {leader.operator for leader in self.population.leaders.values() if leader not in before}
        for name in dict.fromkeys(draw.operator.name for draw in draws):
            self._remember(name, won=name in winners)

    def _view(self, draw: Draw) -> View:
        return self.population.view(draw.parent, draw.salt)

    def _remember(self, name: str, *, won: bool) -> None:
        for book in (self.records, self.of_this_run):
            if name in book:
                book[name] = book[name].after(won=won)

    def _admit(self, children: Sequence[Child]) -> Steps[list[Entry]]:
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
                yield Rejected(reason, child.components.instruction[:500])
                continue
            entry = population.add(child)
            admitted.append(entry)
            yield Proposed(entry.number, entry.parents, entry.operator, entry.components)
        return admitted

    def _too_long(self, child: Child) -> str:
        """Refuses what could only fail when it is called."""
        rows = (*self.population.race.items, *self.population.training.items)
        too_long = surely_too_long(child.components, rows, self.task, self.asker)
        return "longer than the context window" if too_long else ""

    def _with_all_rows(self) -> Steps[None]:
        """Where the best chooses its examples for each input, it shall choose from all rows that the search saw."""
        population = self.population
        rows = [
            row
            for board in (population.training, population.race)
            for number, row in enumerate(board.items)
            if number not in board.misfits
        ]
        for kind, leader in list(population.leaders.items()):
            if not leader.components.nearest:
                continue
            shots = shots_of(rows, rows)
            child = Child(leader, "all rows", leader.components.but(shots=shots))
            for entry in (yield from self._admit([child])):
                population.race.recall(entry, population.race.outcomes(leader))
                population.leaders[kind] = entry

    def _enough(self) -> Steps[str]:
        """Why the search may end here, or ""."""
        if reason := (yield from self.contest.target_reached()):
            return reason
        if self.task.items and self.population.writers:
            self.headroom = no_lever_helps(self.population)
            if self.headroom.reason:
                return self.headroom.reason
        if self.rounds_without_gain >= self.config.patience:
            return self._patience_ended()
        return (
            "" if self.contest.room_for_another() else "What is left of the budget cannot change the winner."
        )

    def _patience_ended(self) -> str:
        rounds = self.config.patience
        last = "The last round" if rounds == 1 else f"The last {counted(rounds, 'round')}"
        than = "the best so far" if self.population.leader.number else "the original"
        return f"{last} brought nothing better than {than}."

    def _operators(self) -> tuple[Prior, ...]:
        """How each operator that was used did in this run."""
        return tuple(Prior(n, r.wins, r.tries) for n, r in self.of_this_run.items() if r.tries)
