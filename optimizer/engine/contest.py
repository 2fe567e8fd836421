"""Who leads: candidates compete on validation rows, with what compares the best in the end kept back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress

from optimizer.engine.asking import Asker, Steps
from optimizer.engine.board import Entry
from optimizer.engine.budget import BudgetSpentError
from optimizer.engine.costs import Cost
from optimizer.engine.ending import Ending
from optimizer.engine.events import Leading
from optimizer.engine.figures import NOTHING
from optimizer.engine.population import Population
from optimizer.engine.race import WIDEST
from optimizer.engine.reasoning import Kind
from optimizer.engine.splits import blocks
from optimizer.engine.stats import clearly_worse, mean

Shares = Mapping[Kind, float]
PLAY_OFF = 0.2  # of what is left, which is kept for comparing the two kinds of answers


class Contest:
    """Sets the population's leaders, and with them what the asker keeps in reserve."""

    def __init__(self, asker: Asker, population: Population, ending: Ending) -> None:
        self.asker = asker
        self.population = population
        self.ending = ending
        self._kept = Cost()
        self._waiting: list[Entry] = []  # beyond their share of the budget
        self._reserve()

    def challenge(self, challengers: Sequence[Entry], shares: Shares | None = None) -> Steps[None]:
        """Race the challengers; the winner of each kind leads. If the budget ends, that is whoever led after the last
        rows that all ran on. With `shares`, each kind in turn spends only its share of what is left."""
        for kind in shares or Kind:
            those = [entry for entry in challengers if entry.components.kind == kind]
            if not those:
                continue
            self._keep(1 - shares[kind] if shares else PLAY_OFF * (len(self.population.leaders) > 1))
            try:
                yield from self._race(kind, those, shared=shares is not None)
            except BudgetSpentError:
                if not shares:
                    raise
            finally:
                self._keep(0)

    def _race(self, kind: Kind, challengers: Sequence[Entry], *, shared: bool = False) -> Steps[None]:
        """With `shared`, challengers beyond the budget wait."""
        population = self.population
        defender = [population.leaders[kind]] if kind in population.leaders else []
        within = self._within_budget(challengers)
        if not within:
            if shared and kind != population.original.components.kind:
                self._waiting += challengers
                return  # more may follow
            within = challengers[:1]
            self._keep(0, within)
        field = [*defender, *within]
        spent = None
        try:
            leader = yield from population.race.run(field)
        except BudgetSpentError as error:
            leader, spent = population.race.ahead, error
        if population.race.outcomes(leader) or not spent:
            yield from self._lead(leader)
        if spent:
            raise spent

    def deepen(self) -> Steps[None]:
        """Race those that had to wait. Then the best of each kind continue, if they ran on only some of the rows; not
        those of a kind that is clearly worse."""
        yield from self._catch_up()
        leaders = dict(self.population.leaders)
        if self.told_apart():
            leaders = {self.population.leader.components.kind: self.population.leader}
        for kind, leader in leaders.items():
            rivals = [entry for entry in self._close_to(leader) if entry.components.kind == kind]
            if self.population.race.complete(leader) or not rivals:
                continue
            self._keep(PLAY_OFF * (len(self.population.leaders) > 1))
            with suppress(BudgetSpentError):  # there is still a play-off
                yield from self._race(kind, rivals)
            self._keep(0)

    def _catch_up(self) -> Steps[None]:
        """Race those that were beyond their share of the budget."""
        waiting, self._waiting = self._waiting, []
        for kind in reversed(Kind):
            those = [entry for entry in waiting if entry.components.kind == kind]
            if those and self._within_budget(those[:1]):
                with suppress(BudgetSpentError):
                    yield from self._race(kind, those)
            self._reserve()

    def _close_to(self, leader: Entry) -> list[Entry]:
        """Those that are not clearly worse on the first block, the best first."""
        race, found = self.population.race, []
        for entry in self.population.entries:
            mine, theirs = race.paired(leader, entry)
            if entry != leader and len(theirs) >= race.block and not clearly_worse(theirs, mine):
                found.append((mean(mine) - mean(theirs), entry.number, entry))
        return [entry for _, _, entry in sorted(found)[: WIDEST - 1]]

    def play_off(self) -> Steps[None]:
        """Run the leaders of both kinds on the same rows until one is clearly worse or the budget ends."""
        population = self.population
        field = list(population.leaders.values())
        if len(field) < 2:
            return
        race, before = population.race, population.leader
        self._keep(0)
        for block in blocks(race.items, race.block):
            if self.told_apart() or not self.asker.affords(race.cost(field, block)):
                break
            try:
                yield from race.score(field, block)
            except BudgetSpentError:
                break
        if population.leader != before:
            yield Leading(population.leader.number)

    def told_apart(self) -> bool:
        """Whether there are leaders of both kinds, and one is clearly worse on the rows that both ran on."""
        population = self.population
        if len(population.leaders) < 2:
            return False
        one, other = population.race.paired(*population.leaders.values())
        return clearly_worse(one, other) or clearly_worse(other, one)

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
        return self.asker.affords(self._first_block([stranger]))

    def _within_budget(self, challengers: Sequence[Entry]) -> Sequence[Entry]:
        """The first challengers, as many as can run a first block together within the budget. The cost of comparing the
        dearest stays reserved."""
        within: list[Entry] = []
        for challenger in challengers:
            self._reserve([*within, challenger])
            if self.asker.affords(self._first_block([*within, challenger])):
                within.append(challenger)
        self._reserve(within)
        return within

    def _first_block(self, field: Sequence[Entry]) -> Cost:
        return self.population.race.cost(field, range(self.population.race.block))

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
        population, before = self.population, self.population.leader
        population.leaders[entry.components.kind] = entry
        self._reserve()
        if population.leader != before or entry == before:
            yield Leading(population.leader.number)

    def _keep(self, share: float, challengers: Sequence[Entry] = ()) -> None:
        """Keep that share of what is left for later."""
        self._kept = Cost()
        self._reserve(challengers)
        self._kept = self.asker.left(share)
        self._reserve(challengers)

    def _reserve(self, challengers: Sequence[Entry] = ()) -> None:
        """Reserve the cost of the final comparison, whichever of these wins."""
        population = self.population
        field = [population.original, *population.finalists, *challengers]
        self.asker.reserve = self.ending.cost(field) + self._kept
