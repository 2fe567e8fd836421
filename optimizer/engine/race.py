"""Who is best: all on the same blocks of items, and those that a paired test shows worse drop out (after CAPO)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from optimizer.engine.asking import Steps
from optimizer.engine.board import Board, Entry
from optimizer.engine.components import Components
from optimizer.engine.costs import Cost
from optimizer.engine.events import Dropped
from optimizer.engine.scoring import Evaluator
from optimizer.engine.splits import blocks
from optimizer.engine.stats import clearly_worse, mean
from optimizer.engine.task import Item

WIDEST = 3  # how many stay after a block
# Rows that what is expected of a candidate counts for. Two prompts differ on every fifth row (a variance of 0.2 a row),
# and their true scores by about 8 points: 0.2 / 0.08² = 31.
IMAGINED = 24


class Race(Board):
    """Finds the best of a field, block by block."""

    def __init__(
        self,
        evaluator: Evaluator,
        items: Sequence[Item],
        *,
        split: str,
        block: int,
        original: Components,
        affords: Callable[[Cost], bool] = lambda cost: True,
    ) -> None:
        """`block` is rows a block; `affords` says whether the budget allows so much."""
        super().__init__(evaluator, items, split=split, original=original)
        self.block = min(block, len(items))
        self._affords = affords
        self.ahead = Entry(0, (), "original", original)

    def run(self, field: Sequence[Entry]) -> Steps[Entry]:
        """The best of the field, whose first is the leader so far. Ties go to the shorter prompt on all rows, to the
        leader on some.

        Where BudgetSpentError ends it, `ahead` is who led after the last rows that all ran on.
        """
        alive, leader = list(field), field[0]
        self.ahead = leader
        for block in blocks(self.items, self.block):
            alive = yield from self._without_last(alive, block)
            rows = self._affordable(alive, block)
            alive = yield from self.score(alive, rows)
            if not alive:
                break  # all are too long for the context window on these rows
            if leader not in alive and self.complete(leader):
                alive.append(leader)  # it costs nothing more, and may be ahead again by now
            alive = yield from self._drop_losers(alive, rows.stop, leader)
            self.ahead = self._ahead(alive, rows.stop, leader)
            if len(alive) == 1 or rows != block:
                break
        return self.ahead

    def _without_last(self, ranked: Sequence[Entry], rows: Sequence[int]) -> Steps[list[Entry]]:
        """As many of the first as the budget allows to run on these rows; two at least, which a budget may then
        refuse."""
        alive = list(ranked)
        while len(alive) > 2 and not self._affords(self.cost(alive, rows)):
            yield Dropped(alive.pop().number)
        return alive

    def _affordable(self, field: Sequence[Entry], block: range) -> range:
        """As many of these rows as the budget allows, which then end the race; all of a first block, for fewer tell
        too little, and where none is allowed: a budget refuses them."""
        for stop in range(block.stop, block.start, -1) if block.start else ():
            rows = range(block.start, stop)
            if self._affords(self.cost(field, rows)):
                return rows
        return block

    def _drop_losers(self, field: Sequence[Entry], stop: int, leader: Entry) -> Steps[list[Entry]]:
        """Those that stay, the best first."""
        ranked = self._ranked(field, stop)
        best = self.scores(ranked[0], stop)
        kept = [
            entry
            for entry in ranked[:WIDEST]
            if not clearly_worse(self.scores(entry, stop), best) and self._can_lead(entry, leader, stop)
        ]
        for entry in field:
            if entry not in kept:
                yield Dropped(entry.number)
        return kept or [leader]  # who was ahead of a leader that has run on all rows fell behind it

    def _ahead(self, ranked: Sequence[Entry], stop: int, leader: Entry) -> Entry:
        """The first; but the leader stays where others are only as good as it on some of the rows."""
        first = ranked[0]
        as_good = leader in ranked and mean(self.scores(first, stop)) == mean(self.scores(leader, stop))
        tied = as_good and stop < len(self.items) and first.expected <= leader.expected
        return leader if tied else first

    def _ranked(self, field: Sequence[Entry], stop: int) -> list[Entry]:
        """The best first."""
        least = max((mean(self.scores(entry, stop)) for entry in field if not entry.number), default=-1.0)

        def likely(entry: Entry) -> float:
            """Its score on all rows, by what was seen and what was expected. Who is no better than the original gets no
            credit."""
            scores = self.scores(entry, stop)
            expected = entry.expected if mean(scores) > least else 0.0
            return (len(scores) * mean(scores) + IMAGINED * expected) / (len(scores) + IMAGINED)

        return sorted(field, key=lambda entry: (-likely(entry), entry.components.length, entry.number))

    def _can_lead(self, entry: Entry, leader: Entry, stop: int) -> bool:
        """Whether the entry can still beat a leader that has run on all rows: if not, nothing more is spent on it."""
        if entry == leader or not self.complete(leader):
            return True
        most = self._points(entry, stop) + sum(item.weight for item in self.items[stop:])
        reached = self._points(leader, len(self.items))
        return most > reached or (most == reached and entry.components.length <= leader.components.length)

    def _points(self, entry: Entry, stop: int) -> float:
        return sum(self.known(entry)[row].score * self.items[row].weight for row in range(stop))
