"""Who is best: all on the same blocks of items, and those that a paired test shows worse drop out (after CAPO)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from optimizer.engine.arriving import Arrived, Written, public, translated
from optimizer.engine.asking import BudgetSpent, Cost, Steps
from optimizer.engine.components import Components
from optimizer.engine.events import (
    Answered,
    Asked,
    Dropped,
    Event,
    Noted,
    Outcome,
    Scored,
    Unjudged,
    Writing,
)
from optimizer.engine.scoring import Case, Evaluator, Scoring, ToJudge
from optimizer.engine.splits import blocks
from optimizer.engine.stats import clearly_worse, mean
from optimizer.engine.task import Item
from optimizer.llm.base import CallFailed

WIDEST = 3  # how many stay after a block
TOO_LONG = "the row is too long for the context window"


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
        self,
        evaluator: Evaluator,
        items: Sequence[Item],
        *,
        split: str,
        block: int,
        original: Components,
        affords: Callable[[Cost], bool] = lambda cost: True,
    ) -> None:
        """`block` is rows a block; `affords` says whether the budget allows so much. `misfits` are rows that are too
        long for the context window even with the original prompt: they count as wrong for all."""
        self.items = items
        self.misfits: set[int] = set()
        self._original = original
        self._evaluator = evaluator
        self.split = split
        self._block = block
        self._affords = affords
        self._outcomes: dict[int, dict[int, Outcome]] = {}
        self.standing: Entry

    def run(self, field: Sequence[Entry]) -> Steps[Entry]:
        """The best of the field, whose first is the leader so far. Ties go to the shorter prompt on all rows, to the
        leader on some.

        Where BudgetSpent ends it, `standing` is who led after the last rows that all ran on.
        """
        alive, leader = list(field), field[0]
        self.standing = leader
        for block in blocks(self.items, self._block):
            alive = yield from self._without_last(alive, block)
            rows = self._affordable(alive, block)
            alive = yield from self.score(alive, rows)
            if not alive:
                break  # all are too long for the context window on these rows
            if leader not in alive and self.complete(leader):
                alive.append(leader)  # it costs nothing more, and may be ahead again by now
            alive = yield from self._drop_losers(alive, rows.stop, leader)
            self.standing = self._ahead(alive, rows.stop, leader)
            if len(alive) == 1 or rows != block:
                break
        return self.standing

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

    def score(self, field: Sequence[Entry], rows: Sequence[int]) -> Steps[list[Entry]]:
        """Give each entry outcomes on these rows; those that cannot run drop out."""
        todo = [
            (entry, row)
            for entry in field
            for row in rows
            if row not in self._known(entry) and row not in self.misfits
        ]
        cases = [Case(entry.components, self.items[row]) for entry, row in todo]
        scorings = yield from self._scorings(todo, cases)
        refused: dict[tuple[Entry, int], CallFailed] = {}
        for (entry, row), scoring in zip(todo, scorings, strict=True):
            if isinstance(scoring, CallFailed):
                refused[entry, row] = scoring
            else:
                self._keep(entry, row, scoring)
        failed = (yield from self._cannot_run(refused)) if refused else {}
        self._count_misfits(field, rows)
        yield from self._report({entry.number for entry, _ in todo} - set(failed), rows)
        return (yield from self._without(field, failed))

    def _keep(self, entry: Entry, row: int, scoring: Scoring) -> None:
        self._known(entry)[row] = self.outcome(row, scoring)

    def outcome(self, row: int, scoring: Scoring) -> Outcome:
        """What came out of that row."""
        item = self.items[row]
        return Outcome(row, item.input, item.wanted, scoring.output, scoring.score, scoring.why)

    def _scorings(
        self, todo: Sequence[tuple[Entry, int]], cases: Sequence[Case]
    ) -> Steps[list[Scoring | CallFailed]]:
        """In order; and each row is told of when it is asked for and when it is answered."""
        rows: dict[int, list[int]] = {}
        for entry, row in todo:
            rows.setdefault(entry.number, []).append(row)
        yield from (Asked(number, self.split, tuple(asked)) for number, asked in rows.items())
        try:
            evaluation = self._evaluator.evaluate("Scoring", cases)
            return (yield from translated(evaluation, SoFar(self, todo).told))
        except BudgetSpent:
            yield from (Asked(number, self.split, ()) for number in rows)
            raise

    def _cannot_run(self, refused: Mapping[tuple[Entry, int], CallFailed]) -> Steps[dict[int, CallFailed]]:
        """Who cannot run on rows on which the original can, and why."""
        yield from self._find_misfits({row for (_, row), error in refused.items() if too_long(error)})
        failed: dict[int, CallFailed] = {}
        for (entry, row), error in refused.items():
            if row not in self.misfits or self._fits_with_none(entry):
                failed[entry.number] = error
        return failed

    def _fits_with_none(self, entry: Entry) -> bool:
        """Whether it is not the rows that are too long, but the original prompt. Practice does not tell."""
        return entry.number == 0 and self.split != "train" and not self._known(entry)

    def _count_misfits(self, field: Sequence[Entry], rows: Sequence[int]) -> None:
        for entry in field:
            for row in self.misfits & set(rows) - self._known(entry).keys():
                self._keep(entry, row, Scoring("", 0.0, TOO_LONG))

    def _find_misfits(self, suspects: set[int]) -> Steps[None]:
        """Let the original run on these rows."""
        rows = sorted(suspects - self.misfits)
        cases = [Case(self._original, self.items[row]) for row in rows]
        scorings = yield from translated(self._evaluator.evaluate("Scoring", cases), public)
        self.misfits |= {row for row, scoring in zip(rows, scorings, strict=True) if too_long(scoring)}

    def cost(self, field: Sequence[Entry], rows: Sequence[int]) -> Cost:
        """What scores on these rows still take."""
        within = [row for row in rows if row < len(self.items) and row not in self.misfits]
        missing = [(entry, row) for entry in field for row in within if row not in self._known(entry)]
        return self._evaluator.cost([Case(entry.components, self.items[row]) for entry, row in missing])

    def mean(self, entry: Entry) -> float:
        """Mean score, by the rows' weights, over all rows that the entry ran on; misfits tell nothing of it."""
        return mean(self._weighed(self.outcomes(entry)))

    def scores(self, entry: Entry, stop: int) -> list[float]:
        """Scores on rows 0 to `stop`, in proportion to the rows' weights: their mean is the weighted mean."""
        return self._weighed([self._known(entry)[row] for row in range(stop)])

    def paired(self, one: Entry, other: Entry) -> tuple[list[float], list[float]]:
        """Scores of both, by the rows' weights, on the rows that both ran on."""
        rows = {outcome.item for outcome in self.outcomes(one)} & {o.item for o in self.outcomes(other)}
        both = ([o for o in self.outcomes(entry) if o.item in rows] for entry in (one, other))
        first, second = map(self._weighed, both)
        return first, second

    def recall(self, entry: Entry, outcomes: Sequence[Outcome]) -> None:
        """Take over what is known of the entry from an earlier race on the same rows."""
        self._known(entry).update({outcome.item: outcome for outcome in outcomes})

    def outcomes(self, entry: Entry) -> list[Outcome]:
        """All outcomes of the entry, in the order of the rows, without misfits."""
        return [outcome for row, outcome in sorted(self._known(entry).items()) if row not in self.misfits]

    def complete(self, entry: Entry) -> bool:
        """Whether the entry ran on all rows."""
        return len(self._known(entry)) == len(self.items)

    def ran(self, entry: Entry, row: int) -> bool:
        """Whether the entry ran on that row."""
        return row in self._known(entry)

    def _known(self, entry: Entry) -> dict[int, Outcome]:
        return self._outcomes.setdefault(entry.number, {})

    def _weighed(self, outcomes: Sequence[Outcome]) -> list[float]:
        usual = mean([self.items[outcome.item].weight for outcome in outcomes])
        return [outcome.score * self.items[outcome.item].weight / usual for outcome in outcomes]

    def _report(self, numbers: set[int], rows: Sequence[int]) -> Steps[None]:
        for number in sorted(numbers):
            known = self._outcomes[number]
            new = tuple(known[row] for row in rows if row in known)
            reached = min(1.0, mean(self._weighed(list(known.values()))))
            yield Scored(number, self.split, new, reached, len(known))

    def _without(self, field: Sequence[Entry], failed: dict[int, CallFailed]) -> Steps[list[Entry]]:
        """A call that cannot succeed ends the run, except where only this candidate is too long for the window."""
        for number, error in sorted(failed.items()):
            if number == 0 or not too_long(error):
                raise error
            yield Noted(f"Candidate {number} is too long for the context window: {error}")
            yield Dropped(number)
        return [entry for entry in field if entry.number not in failed]

    def _drop_losers(self, field: Sequence[Entry], stop: int, leader: Entry) -> Steps[list[Entry]]:
        """Those that stay, the best first."""
        ranked = sorted(field, key=lambda e: (-mean(self.scores(e, stop)), e.components.length, e.number))
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
        reached = (
            [mean(self.scores(entry, stop)) for entry in (ranked[0], leader)] if leader in ranked else []
        )
        tied = stop < len(self.items) and reached and reached[0] == reached[1]
        return leader if tied else ranked[0]

    def _can_lead(self, entry: Entry, leader: Entry, stop: int) -> bool:
        """Whether the entry can still beat a leader that has run on all rows: if not, nothing more is spent on it."""
        if entry == leader or not self.complete(leader):
            return True
        most = self._points(entry, stop) + sum(item.weight for item in self.items[stop:])
        reached = self._points(leader, len(self.items))
        return most > reached or (most == reached and entry.components.length <= leader.components.length)

    def _points(self, entry: Entry, stop: int) -> float:
        return sum(self._known(entry)[row].score * self.items[row].weight for row in range(stop))


class SoFar:
    """What is told of a step of a race while its answers arrive. The race itself counts them when all are there."""

    def __init__(self, race: Race, todo: Sequence[tuple[Entry, int]]) -> None:
        self.race = race
        self.todo = todo
        self._sums: dict[int, tuple[float, float, int]] = {}  # by number: weights, weighted scores, rows

    def told(self, told: Event | Written | Arrived) -> Iterable[Event]:
        """What everybody is told."""
        match told:
            case Written(place, text):
                entry, row = self.todo[place]
                yield Writing(text, entry.number, self.race.items[row].input)
            case Arrived(place, Scoring() as scoring):
                yield self._answered(*self.todo[place], scoring)
            case Arrived(place, ToJudge()):
                entry, row = self.todo[place]
                yield Unjudged(entry.number, self.race.split, row)
            case event:
                yield from public(event)

    def _answered(self, entry: Entry, row: int, scoring: Scoring) -> Answered:
        weight = self.race.items[row].weight
        weights, scores, rows = self._sums.get(entry.number) or self._before(entry)
        sums = weights + weight, scores + weight * scoring.score, rows + 1
        self._sums[entry.number] = sums
        mean = min(1.0, sums[1] / sums[0])
        return Answered(entry.number, self.race.split, self.race.outcome(row, scoring), mean, sums[2])

    def _before(self, entry: Entry) -> tuple[float, float, int]:
        known = self.race.outcomes(entry)
        weights = [self.race.items[outcome.item].weight for outcome in known]
        scores = (weight * outcome.score for weight, outcome in zip(weights, known, strict=True))
        return sum(weights), sum(scores), len(known)


def too_long(answer: object) -> bool:
    """Whether a call did not fit into the context window."""
    return isinstance(answer, CallFailed) and answer.code == "context_window"
