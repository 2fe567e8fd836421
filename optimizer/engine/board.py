"""The scores of candidates on one list of rows, and what is told of them while answers arrive."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from optimizer.engine.answering import Case, Scoring
from optimizer.engine.arriving import Arrived, Written, public, translated
from optimizer.engine.asking import Steps
from optimizer.engine.budget import BudgetSpentError
from optimizer.engine.components import Components
from optimizer.engine.costs import Cost
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
from optimizer.engine.scoring import Evaluator, ToJudge
from optimizer.engine.stats import mean
from optimizer.engine.task import Item
from optimizer.llm.base import CallFailedError

REFUSED = {"refused"}  # codes of calls that a server may answer without their format
TOO_LONG = "the row is too long for the context window"


@dataclass(frozen=True)
class Entry:
    """A candidate of the search. Number 0 is the original. `expected` is how many points (-1 to 1) above the original
    it is likely to score, before it has run."""

    number: int
    parents: tuple[int, ...]
    operator: str
    components: Components
    expected: float = 0.0


class Board:
    """Scores entries on the rows of one split, and keeps their outcomes.

    `misfits` are rows that are too long for the context window even with the original prompt: they count as wrong for
    all.
    """

    def __init__(
        self, evaluator: Evaluator, items: Sequence[Item], *, split: str, original: Components
    ) -> None:
        self.items = items
        self.split = split
        self.misfits: set[int] = set()
        self.refused_format = False  # a server refuses to hold answers to a form
        self._original = original
        self._evaluator = evaluator
        self._outcomes: dict[int, dict[int, Outcome]] = {}

    def score(self, field: Sequence[Entry], rows: Sequence[int]) -> Steps[list[Entry]]:
        """Give each entry outcomes on these rows; those that cannot run drop out."""
        todo = [
            (entry, row)
            for entry in field
            for row in rows
            if row not in self.known(entry) and row not in self.misfits
        ]
        cases = [Case(entry.components, self.items[row]) for entry, row in todo]
        scorings = yield from self._scorings(todo, cases)
        refused: dict[tuple[Entry, int], CallFailedError] = {}
        for (entry, row), scoring in zip(todo, scorings, strict=True):
            if isinstance(scoring, CallFailedError):
                refused[entry, row] = scoring
            else:
                self._keep(entry, row, scoring)
        failed = (yield from self._cannot_run(refused)) if refused else {}
        self._count_misfits(field, rows)
        yield from self._report({entry.number for entry, _ in todo} - set(failed), rows)
        return (yield from self._without(field, failed))

    def _keep(self, entry: Entry, row: int, scoring: Scoring) -> None:
        self.known(entry)[row] = self.outcome(row, scoring)

    def outcome(self, row: int, scoring: Scoring) -> Outcome:
        """What came out of that row."""
        item = self.items[row]
        return Outcome(row, item.input, item.wanted, **vars(scoring))

    def _scorings(
        self, todo: Sequence[tuple[Entry, int]], cases: Sequence[Case]
    ) -> Steps[list[Scoring | CallFailedError]]:
        """In order; and each row is told of when it is asked for and when it is answered."""
        rows: dict[int, list[int]] = {}
        for entry, row in todo:
            rows.setdefault(entry.number, []).append(row)
        yield from (Asked(number, self.split, tuple(asked)) for number, asked in rows.items())
        try:
            evaluation = self._evaluator.evaluate("Scoring", cases)
            return (yield from translated(evaluation, SoFar(self, todo).told))
        except BudgetSpentError:
            yield from (Asked(number, self.split, ()) for number in rows)
            raise

    def _cannot_run(
        self, refused: Mapping[tuple[Entry, int], CallFailedError]
    ) -> Steps[dict[int, CallFailedError]]:
        """Who cannot run on rows on which the original can, and why."""
        yield from self._find_misfits({row for (_, row), error in refused.items() if too_long(error)})
        failed: dict[int, CallFailedError] = {}
        for (entry, row), error in refused.items():
            if row not in self.misfits or self._fits_with_none(entry):
                failed[entry.number] = error
        return failed

    def _fits_with_none(self, entry: Entry) -> bool:
        """Whether it is not the rows that are too long, but the original prompt. Practice does not tell."""
        return entry.number == 0 and self.split != "train" and not self.known(entry)

    def _count_misfits(self, field: Sequence[Entry], rows: Sequence[int]) -> None:
        for entry in field:
            for row in self.misfits & set(rows) - self.known(entry).keys():
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
        missing = [(entry, row) for entry in field for row in within if row not in self.known(entry)]
        return self._evaluator.cost([Case(entry.components, self.items[row]) for entry, row in missing])

    def mean(self, entry: Entry) -> float:
        """Mean score, by the rows' weights, over all rows that the entry ran on; misfits tell nothing of it."""
        return mean(self._weighed(self.outcomes(entry)))

    def scores(self, entry: Entry, stop: int) -> list[float]:
        """Scores on rows 0 to `stop`, in proportion to the rows' weights: their mean is the weighted mean."""
        return self._weighed([self.known(entry)[row] for row in range(stop)])

    def paired(self, one: Entry, other: Entry) -> tuple[list[float], list[float]]:
        """Scores of both, by the rows' weights, on the rows that both ran on."""
        rows = {outcome.item for outcome in self.outcomes(one)} & {o.item for o in self.outcomes(other)}
        both = ([o for o in self.outcomes(entry) if o.item in rows] for entry in (one, other))
        first, second = map(self._weighed, both)
        return first, second

    def recall(self, entry: Entry, outcomes: Sequence[Outcome]) -> None:
        """Take over what is known of the entry from earlier, on the same rows."""
        self.known(entry).update({outcome.item: outcome for outcome in outcomes})

    def outcomes(self, entry: Entry) -> list[Outcome]:
        """All outcomes of the entry, in the order of the rows, without misfits."""
        return [outcome for row, outcome in sorted(self.known(entry).items()) if row not in self.misfits]

    def complete(self, entry: Entry) -> bool:
        """Whether the entry ran on all rows."""
        return len(self.known(entry)) == len(self.items)

    def ran(self, entry: Entry, row: int) -> bool:
        """Whether the entry ran on that row."""
        return row in self.known(entry)

    def known(self, entry: Entry) -> dict[int, Outcome]:
        """By row, what came out of it."""
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

    def _without(self, field: Sequence[Entry], failed: dict[int, CallFailedError]) -> Steps[list[Entry]]:
        """A call that cannot succeed ends the run, except where only this candidate is too long for the window, or only
        its format is refused."""
        constrained = {entry.number for entry in field if entry.components.constraint}
        for number, error in sorted(failed.items()):
            if number and too_long(error):
                yield Noted(f"Candidate {number} is too long for the context window: {error}")
            elif number in constrained and error.code in REFUSED:
                self.refused_format = True
                yield Noted(f"Candidate {number} needs a constrained answer, which failed: {error}")
            else:
                raise error
            yield Dropped(number)
        return [entry for entry in field if entry.number not in failed]


class SoFar:
    """What is told of a step while its answers arrive. The board itself counts them when all are there."""

    def __init__(self, board: Board, todo: Sequence[tuple[Entry, int]]) -> None:
        self.board = board
        self.todo = todo
        self._sums: dict[int, tuple[float, float, int]] = {}  # by number: weights, weighted scores, rows

    def told(self, told: Event | Written | Arrived) -> Iterable[Event]:
        """What everybody is told."""
        match told:
            case Written(place, text):
                entry, row = self.todo[place]
                yield Writing(text, entry.number, self.board.items[row].input)
            case Arrived(place, Scoring() as scoring):
                yield self._answered(*self.todo[place], scoring)
            case Arrived(place, ToJudge()):
                entry, row = self.todo[place]
                yield Unjudged(entry.number, self.board.split, row)
            case event:
                yield from public(event)

    def _answered(self, entry: Entry, row: int, scoring: Scoring) -> Answered:
        weight = self.board.items[row].weight
        weights, scores, rows = self._sums.get(entry.number) or self._before(entry)
        sums = weights + weight, scores + weight * scoring.score, rows + 1
        self._sums[entry.number] = sums
        mean = min(1.0, sums[1] / sums[0])
        return Answered(entry.number, self.board.split, self.board.outcome(row, scoring), mean, sums[2])

    def _before(self, entry: Entry) -> tuple[float, float, int]:
        known = self.board.outcomes(entry)
        weights = [self.board.items[outcome.item].weight for outcome in known]
        scores = (weight * outcome.score for weight, outcome in zip(weights, known, strict=True))
        return sum(weights), sum(scores), len(known)


def too_long(answer: object) -> bool:
    """Whether a call did not fit into the context window."""
    return isinstance(answer, CallFailedError) and answer.code == "context_window"
