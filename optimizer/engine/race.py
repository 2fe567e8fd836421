"""Who is best: all on the same blocks of items, and those that a paired test shows worse drop out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from optimizer.engine.asking import Steps
from optimizer.engine.components import Components
from optimizer.engine.events import Dropped, Noted, Outcome, Scored
from optimizer.engine.scoring import Case, Evaluator
from optimizer.engine.splits import blocks
from optimizer.engine.stats import clearly_worse, mean
from optimizer.engine.task import Item
from optimizer.llm.base import CallFailed

WIDEST = 3  # how many go on after a block


@dataclass(frozen=True)
class Entry:
    """A candidate of the search. Number 0 is the original."""

    number: int
    parents: tuple[int, ...]
    operator: str
    components: Components


class Race:
    """Keeps the scores of all entries on one list of items, and finds the best of a field."""

    def __init__(
        self, evaluator: Evaluator, items: Sequence[Item], *, split: str, block: int, abreast: int
    ) -> None:
        """`block` is rows a block; `abreast` is how many candidates run side by side, one to a slot of the server."""
        self.items = items
        self._evaluator = evaluator
        self._split = split
        self._block = block
        self._abreast = abreast
        self._outcomes: dict[int, dict[int, Outcome]] = {}
        self.standing: Entry

    def run(self, field: Sequence[Entry]) -> Steps[Entry]:
        """The best of the field, whose first is the leader so far. Ties go to the shorter prompt.

        Where BudgetSpent ends it, `standing` is who led after the last whole block.
        """
        alive = list(field)
        self.standing = alive[0]
        for rows in blocks(self.items, self._block):
            alive = yield from self.score(alive, rows)
            alive = yield from self._drop_losers(alive, rows.stop)
            self.standing = alive[0]
            if len(alive) == 1:
                break
        return self.standing

    def score(self, field: Sequence[Entry], rows: range) -> Steps[list[Entry]]:
        """Give each entry outcomes on these rows; those that cannot run drop out."""
        todo = [
            (entry, row) for entry, row in self._side_by_side(field, rows) if row not in self._known(entry)
        ]
        cases = [Case(entry.components, self.items[row]) for entry, row in todo]
        scorings = yield from self._evaluator.evaluate("Scoring", cases)
        failed: dict[int, CallFailed] = {}
        for (entry, row), scoring in zip(todo, scorings, strict=True):
            if isinstance(scoring, CallFailed):
                failed[entry.number] = scoring
                continue
            item = self.items[row]
            self._known(entry)[row] = Outcome(row, item.input, item.expected, scoring.output, scoring.score)
        yield from self._report({entry.number for entry, _ in todo} - set(failed), rows)
        return (yield from self._without(field, failed))

    def _side_by_side(self, field: Sequence[Entry], rows: range) -> Iterator[tuple[Entry, int]]:
        """An order in which each slot of the server keeps to one candidate, whose prompt it has cached."""
        for start in range(0, len(field), self._abreast):
            yield from ((entry, row) for row in rows for entry in field[start : start + self._abreast])

    def mean(self, entry: Entry) -> float:
        """Mean score over all rows that the entry ran on."""
        return mean([outcome.score for outcome in self._known(entry).values()])

    def scores(self, entry: Entry, stop: int) -> list[float]:
        """Scores on rows 0 to `stop`."""
        return [self._known(entry)[row].score for row in range(stop)]

    def outcomes(self, entry: Entry) -> list[Outcome]:
        """All outcomes of the entry, in the order of the rows."""
        return [outcome for _, outcome in sorted(self._known(entry).items())]

    def _known(self, entry: Entry) -> dict[int, Outcome]:
        return self._outcomes.setdefault(entry.number, {})

    def _report(self, numbers: set[int], rows: range) -> Steps[None]:
        for number in sorted(numbers):
            known = self._outcomes[number]
            new = tuple(known[row] for row in rows if row in known)
            yield Scored(number, self._split, new, mean([o.score for o in known.values()]), len(known))

    def _without(self, field: Sequence[Entry], failed: dict[int, CallFailed]) -> Steps[list[Entry]]:
        """A call that cannot succeed ends the run, except where only this candidate is too long for the window."""
        for number, error in sorted(failed.items()):
            if number == 0 or error.code != "context_window":
                raise error
            yield Noted(f"Candidate {number} is too long for the context window: {error}")
            yield Dropped(number)
        return [entry for entry in field if entry.number not in failed]

    def _drop_losers(self, field: Sequence[Entry], stop: int) -> Steps[list[Entry]]:
        """Those that go on, the best first."""
        ranked = sorted(field, key=lambda e: (-mean(self.scores(e, stop)), e.components.length, e.number))
        best = self.scores(ranked[0], stop)
        kept = [e for e in ranked[:WIDEST] if not clearly_worse(self.scores(e, stop), best)]
        for entry in field:
            if entry not in kept:
                yield Dropped(entry.number)
        return kept
