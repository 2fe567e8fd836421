"""The PromptWizard method (arXiv 2405.18369) with sound scoring: structural proposals first, then rounds of proposals
by operators that are chosen by their success, and at the end a comparison with the original on held-out rows."""

from __future__ import annotations

import random
from collections.abc import Iterator

from optimizer.counts import counted
from optimizer.engine import starts
from optimizer.engine.asking import Asker, Steps
from optimizer.engine.budget import BudgetSpentError
from optimizer.engine.components import first_of
from optimizer.engine.contest import Contest, Shares
from optimizer.engine.ending import Ending
from optimizer.engine.events import Event, IterationDone
from optimizer.engine.headroom import NEAR, nearly_all_right, no_lever_helps
from optimizer.engine.method import Method
from optimizer.engine.operators.base import OptimizerFailedError
from optimizer.engine.operators.rows import shots_of
from optimizer.engine.population import Child, Population
from optimizer.engine.prepare import races, understood
from optimizer.engine.proposing import Proposer
from optimizer.engine.reasoning import Kind
from optimizer.engine.results import SOME_HEADROOM
from optimizer.engine.scoring import Evaluator
from optimizer.engine.splits import Splits
from optimizer.engine.task import Task

# The share of what is left that the first two steps may spend on each kind of candidate, in this order.
AT_FIRST = {Kind.ANSWER_ONLY: 0.4, Kind.REASONS_FIRST: 0.2}
THEN = {Kind.REASONS_FIRST: 0.6, Kind.ANSWER_ONLY: 0.5}
ALONE = 0.8


class Search:
    """One run: searches until something ends it, and hands over to Ending."""

    def __init__(
        self, task: Task, asker: Asker, method: Method, splits: Splits, evaluator: Evaluator
    ) -> None:
        self.task = task
        self.config = asker.config
        self.asker = asker
        self.method = method if task.example_turns else method.in_text()
        race, training, held_out = races(splits, evaluator, asker, first_of(task))
        self.population = Population(task, self.config, asker.seed, race, training)
        self.ending = Ending(task, asker, evaluator, held_out, self.population, left_out=splits.left_out)
        self.contest = Contest(asker, self.population, self.ending)
        self.proposer = Proposer(task, asker, self.method, self.population, self.contest)
        self.rounds_without_gain = 0
        self.headroom = SOME_HEADROOM
        self.failure = ""  # of the optimizer model, which ended the search

    def run(self) -> Iterator[Event]:
        reason = yield from self.found()
        yield from self.end(reason)

    def found(self) -> Steps[str]:
        """Search until something ends it; says what. The leaders of the population are what was found."""
        reason = yield from self._search()
        yield from self.contest.play_off()
        yield from self._with_all_rows()
        return reason

    def end(self, reason: str) -> Iterator[Event]:
        """Compare what was found with the original, and finish."""
        yield from self.ending.run(
            reason,
            self.proposer.operators_used(),
            failure=self.failure,
            used_evidence=self.proposer.used_evidence,
            headroom=self.headroom,
        )

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
                    yield from self.proposer.all_of(self.method.heeding)
                reason = yield from self._iterations()
            if population.leader.number and population.race.complete(population.leader):
                yield from self.proposer.all_of(self.method.last)
        except BudgetSpentError as spent:
            reason = str(spent)
        except OptimizerFailedError as error:
            if not self.population.finalists:
                raise
            self.failure = str(error)
            return "The optimizer model failed. The result is the best found before that."
        return reason or "All iterations are done."

    def _right_already(self) -> Steps[str]:
        """Why there is nothing to gain, if the original is right on nearly all search rows; else ""."""
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
        """Try examples and reasoning, which help small models most, beside what an earlier search found; then try more
        of both on the leaders."""
        earlier = yield from self.proposer.admit(self._earlier())
        yield from self.proposer.all_of(self.method.structural, AT_FIRST, beside=earlier)
        if not (yield from self._enough()):
            yield from self.proposer.all_of(self.method.following, self._then())
            yield from self.contest.deepen()

    def _then(self) -> Shares:
        """The shares of the second step: all for the kind that leads, if the other is clearly worse already."""
        if self.contest.told_apart():
            return {self.population.leader.components.kind: ALONE}
        return THEN

    def _earlier(self) -> list[Child]:
        population, held_out = self.population, self.ending.held_out.items
        return [
            Child(population.original, starts.NAME, found) for found in starts.fitted(population, held_out)
        ]

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
            self.proposer.draw(self.method.parents(pool, rng), rng, f"{name}.{number}")
            for number in range(self.config.styles)
        ]
        yield from self.proposer.attempt([draw for draw in draws if draw])
        won = self.population.leaders != before
        self.rounds_without_gain = 0 if won else self.rounds_without_gain + 1

    def _with_all_rows(self) -> Steps[None]:
        """If the best chooses its examples for each input, let it choose from all rows that the search saw."""
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
            for entry in (yield from self.proposer.admit([child])):
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
