"""The end of a run: the best against the original on rows that nothing was chosen by."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from optimizer.counts import agreeing, counted
from optimizer.engine import checks, finish
from optimizer.engine.asking import MESSAGE, VERDICT_TOKENS, Asker, BudgetSpent, Cost, Steps
from optimizer.engine.events import Comparison, Event, Finished, Leading, Rating
from optimizer.engine.judging import Judged
from optimizer.engine.population import Population
from optimizer.engine.race import Entry, Race, too_long
from optimizer.engine.scoring import CUT, WHOLE, Evaluator
from optimizer.engine.task import OperatorPrior, Task
from optimizer.llm.base import CallFailed

WRITERS = {"mutate", "critique and synthesize", "contrast"}
RATING_BYTES = 400  # of a request to rate a text, besides the text


class Ending:
    """Compares, rates and tells. `cost` is what to keep back for it."""

    def __init__(
        self, task: Task, asker: Asker, evaluator: Evaluator, held_out: Race, population: Population
    ) -> None:
        self.task = task
        self.asker = asker
        self.evaluator = evaluator
        self.held_out = held_out
        self.population = population
        self.used_evidence: tuple[str, ...] = ()
        self.missing = ""  # why there is no comparison
        self.failure = ""  # of the optimizer model, which ended the search

    def cost(self, field: Sequence[Entry]) -> Cost:
        """What the end of a run takes that the dearest of the field wins."""
        if not self.asker.config.compare:
            return Cost()
        rows = range(len(self.held_out.items))
        original = self.population.original
        costs = [self.held_out.cost(list(dict.fromkeys([original, entry])), rows) for entry in field]
        texts = max(2 * len(entry.components.head.encode()) for entry in field) + 2 * RATING_BYTES
        dearest = replace(max(costs, key=lambda cost: cost.calls), tokens=max(cost.tokens for cost in costs))
        return dearest + self.asker.price(2, texts, 4 * MESSAGE, 2 * VERDICT_TOKENS)

    def run(self, reason: str, used: tuple[OperatorPrior, ...]) -> Iterator[Event]:
        """Compare, rate, and finish."""
        self.asker.reserve = Cost()
        best, comparison = yield from self._winner()
        rating, original_rating = yield from self._ratings(best)
        yield Leading(best.number)
        yield Finished(
            reason=reason,
            best=best.number,
            components=best.components,
            score_kind=self.evaluator.kind,
            quality_score=finish.quality(comparison) if comparison else self._on_validation(best),
            comparison=comparison,
            rating=rating,
            original_rating=original_rating,
            improvements=tuple(self._improvements(best)),
            rejected=tuple(sorted(self.population.rejected.items())),
            caveats=tuple(self._caveats(comparison)),
            used_evidence=self.used_evidence,
            operators=used,
            position_bias=self.evaluator.position_bias if isinstance(self.evaluator, Judged) else None,
        )

    def _winner(self) -> Steps[tuple[Entry, Comparison | None]]:
        """The leader, unless a comparison shows no gain or cannot be paid for."""
        if not self.asker.config.compare:
            return self.population.leader, None
        comparison = yield from self._comparison()
        won = comparison is not None and comparison.difference > 0
        return (self.population.leader if won else self.population.original), comparison

    def _on_validation(self, best: Entry) -> float:
        """0 to 100: where nothing was compared, the mean that the best was chosen by."""
        return 100 * min(1.0, self.population.race.mean(best))

    def _comparison(self) -> Steps[Comparison | None]:
        """Paired, on all held-out rows; None, and why, where that cannot be."""
        pair = [self.population.original, self.population.leader]
        rows = range(len(self.held_out.items))
        try:
            could_run = yield from self.held_out.score(list(dict.fromkeys(pair)), rows)
        except BudgetSpent:
            self.missing = "The budget did not suffice for the final comparison: the original is kept."
            return None
        except CallFailed as error:
            if not too_long(error):
                raise
            self.missing = "No held-out row fits into the context window: the original is kept."
            return None
        if self.population.leader not in could_run:
            where = "for the context window on some held-out rows"
            self.missing = f"The best found is too long {where}: the original is kept."
            return None
        scores = [self.held_out.scores(entry, rows.stop) for entry in pair]
        return finish.compare(*scores, seed=self.asker.seed)

    def _ratings(self, best: Entry) -> Steps[tuple[Rating | None, Rating | None]]:
        if not self.asker.config.compare:
            return None, None
        texts = [best.components.head, self.population.original.components.head]
        try:
            ratings = yield from finish.rate(self.asker, self.task.optimizer_model, texts)
        except BudgetSpent:
            return None, None
        return ratings[0], ratings[1]

    def _improvements(self, best: Entry) -> list[str]:
        """What each step from the original to the best changed, and what it brought."""
        steps = []
        race, entries = self.population.race, self.population.entries
        while best.parents:
            parent = entries[best.parents[0]]
            what = finish.changes(parent.components, best.components)
            why = finish.gain(race.outcomes(parent), race.outcomes(best), self.evaluator.kind)
            steps.append(f"{what} {why}".strip())
            best = parent
        return steps[::-1]

    def _caveats(self, comparison: Comparison | None) -> list[str]:
        entries = self.population.entries
        written = any(entry.operator in WRITERS for entry in entries)
        refused = sum(self.population.refused[writer] for writer in WRITERS)
        proposals = counted(refused, "proposal")
        no_rewrite = f"The optimizer model wrote no usable rewrite of the instruction ({proposals} refused)."
        asked, given = len(self.task.held_out), len(self.held_out.items)
        compared = f"{counted(asked, 'held-out row')} {agreeing(given, 'is', 'are')} compared"
        notes = {
            self.missing: True,
            no_rewrite: refused and not written,
            f"The optimizer model failed, which ended the search: {self.failure}": self.failure,
            self._cut(): True,
            self._misfits(): True,
            f"Only {given} of your {compared}, so that half of the limits is left for the search.": given
            < asked,
            "There is only one input: it chose the best, and measured it too.": self.held_out.items
            == self.population.race.items,
        }
        return [
            *(finish.caveats(comparison) if comparison else ()),
            *(text for text, holds in notes.items() if text and holds),
            *checks.caveats(self.task, self.asker.config),
            *self.evaluator.caveats(),
        ]

    def _cut(self) -> str:
        """How many answers to held-out rows were not whole; of graders of a whole answer, that decides nothing."""
        pair = self.population.original, self.population.leader
        original, best = (
            sum(outcome.output.endswith(CUT) for outcome in self.held_out.outcomes(entry)) for entry in pair
        )
        if self.task.grader in WHOLE or not (original or best):
            return ""
        rows, limit = len(self.held_out.items), counted(self.asker.config.answer_tokens, "token")
        return (
            f"Answers to held-out rows were cut at the limit of one answer, {limit}: {original} of {rows} with "
            f"the original, {best} with the best. They are scored as far as they go. Allow longer ones if need be."
        )

    def _misfits(self) -> str:
        races = self.population.training, self.population.race, self.held_out
        rows = sum(len(race.misfits) for race in races)
        many = f"{counted(rows, 'row')} {agreeing(rows, 'does', 'do')}"
        told = f"even with the original prompt, and {agreeing(rows, 'counts', 'count')} as wrong"
        what_to_do = f"Shorten {agreeing(rows, 'it', 'them')}, or use a larger window."
        return f"{many} not fit into the context window, {told}. {what_to_do}" if rows else ""
