"""Who leads: candidates compete on validation rows, with what compares the best in the end kept back."""

from __future__ import annotations

from collections.abc import Sequence

from optimizer.engine.asking import Asker, Steps
from optimizer.engine.board import Entry
from optimizer.engine.budget import BudgetSpentError
from optimizer.engine.ending import Ending
from optimizer.engine.events import Leading
from optimizer.engine.figures import NOTHING
from optimizer.engine.population import Population


class Contest:
    """Sets the population's leader, and with it what the asker keeps in reserve."""

    def __init__(self, asker: Asker, population: Population, ending: Ending) -> None:
        self.asker = asker
        self.population = population
        self.ending = ending
        self._reserve([population.original])

    def challenge(self, challengers: Sequence[Entry]) -> Steps[None]:
        """The winner of the race leads; where the budget ends, who led after the last rows that all ran on."""
        population = self.population
        field = [population.leader, *self._within_budget(challengers)]
        spent = None
        if len(field) > 1:
            try:
                leader = yield from population.race.run(field)
            except BudgetSpentError as error:
                leader, spent = population.race.ahead, error
            yield from self._lead(leader)
        if spent:
            raise spent

    def target_reached(self) -> Steps[str]:
        """A sentence, where the leader has the target score on all validation rows, else "". Where others have the same
        score there, those rows tell no more: training rows do that none of them shows."""
        population = self.population
        if not population.task.items or not self._on_target():
            return ""
        yield from population.race.score([population.leader], range(len(population.race.items)))
        if not self._on_target():
            return ""
        yield from self._among_equals()
        if population.config.target_score >= 1:
            return "The best so far is right on every search row."
        return "The target score is reached on the search rows."

    def room_for_another(self) -> bool:
        """Whether the budget allows a first block of a new candidate as dear as the leader."""
        head = self.population.leader.components
        stranger = Entry(-1, (), "", head.but(instruction=f"{head.instruction}."))
        block = range(self.population.config.block)
        return self.asker.affords(self.population.race.cost([stranger], block))

    def _within_budget(self, challengers: Sequence[Entry]) -> Sequence[Entry]:
        """As many challengers as a first block of all leaves budget for; what compares the dearest is kept back."""
        population, block = self.population, range(self.population.config.block)
        for count in range(len(challengers), 1, -1):
            field = [population.leader, *challengers[:count]]
            self._reserve(field)
            if self.asker.affords(population.race.cost(field, block)):
                return challengers[:count]
        self._reserve([population.leader, *challengers[:1]])
        return challengers[:1]

    def _on_target(self) -> bool:
        population = self.population
        return population.race.mean(population.leader) >= population.config.target_score - NOTHING

    def _among_equals(self) -> Steps[None]:
        population = self.population
        field = population.tied()
        rows = population.unshown(field)[: len(population.race.items)]
        if len(field) < 2 or not rows or not self.asker.affords(population.training.cost(field, rows)):
            return
        field = yield from population.training.score(field, rows)
        best = max(field, key=lambda entry: population.practised(entry, rows), default=population.leader)
        yield from self._lead(best)

    def _lead(self, entry: Entry) -> Steps[None]:
        self.population.leader = entry
        self._reserve([entry])
        yield Leading(entry.number)

    def _reserve(self, field: Sequence[Entry]) -> None:
        self.asker.reserve = self.ending.cost(field)
