"""Few rows, used fully: instead of holding some out for good, the search is tested on each quarter of the rows.

This is cross-fitting: four more searches each leave out a quarter of the rows, and what each finds answers the quarter
that it never saw. All rows are compared, and the prompt that is handed over is made from all of them. The interval is
for this way of searching (Bates, Hastie and Tibshirani, arXiv 2104.00673, on what cross-validation estimates).
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import assert_never

from optimizer.counts import counted
from optimizer.engine import events, figures
from optimizer.engine.answering import Case, answer_request
from optimizer.engine.arriving import Arrived, Written, translated
from optimizer.engine.asking import Asker, Steps
from optimizer.engine.board import Board, Entry, too_long
from optimizer.engine.budget import Budget, BudgetSpentError
from optimizer.engine.components import first_of
from optimizer.engine.costs import Cost
from optimizer.engine.ending import Ending
from optimizer.engine.events import Event, Noted, Outcome, Scored, Stage
from optimizer.engine.method import Method
from optimizer.engine.operators.base import OptimizerFailedError
from optimizer.engine.population import Population
from optimizer.engine.prepare import affordable, prepared
from optimizer.engine.reasoning import Kind
from optimizer.engine.scoring import Evaluator, answer_limit
from optimizer.engine.search import Search
from optimizer.engine.splits import FEW_ROWS, distinct
from optimizer.engine.task import Config, Item, Task
from optimizer.engine.verdicts import FEWEST_ROWS
from optimizer.llm.base import CallFailedError

FOLDS = 4
SEARCHES = FOLDS + 1  # that share the limits: the last part is for the search on all rows
ENOUGH = 100  # calls: with fewer, a search hardly comes beyond its first candidates
QUARTER = "Quarter"  # how a fold is called, and how the names of its stages begin
TITLES = {
    Kind.ANSWER_ONLY: "the best that answers at once",
    Kind.REASONS_FIRST: "the best that reasons first",
}


def suits(task: Task, config: Config) -> bool:
    """Whether the rows are few, but enough for a verdict, and each search gets enough of the limits. Other models need
    rows that are held out from the one search. Rows that an earlier search saw prove nothing in a quarter either. Rows
    that a person marked stay on their side, where a quarter would not leave them."""
    rows = len(distinct(task.items))
    bound = task.held_out or task.other_models or task.seen or any(item.split for item in task.items)
    few = FEWEST_ROWS <= rows < FEW_ROWS and not bound
    return config.compare and few and _enough(task, part_of(config))


def part_of(config: Config) -> Config:
    """With the limits of one search. All get the same, because the interval is for one way of searching."""
    calls, tokens, minutes = config.max_calls, config.max_tokens, config.max_minutes
    return replace(
        config,
        max_calls=None if calls is None else calls // SEARCHES,
        max_tokens=None if tokens is None else tokens // SEARCHES,
        max_minutes=None if minutes is None else minutes / SEARCHES,
    )


def _enough(task: Task, part: Config) -> bool:
    """Whether these limits surely pay for ENOUGH answers to the original prompt."""
    if part.max_calls is not None and part.max_calls < ENOUGH:
        return False
    if part.max_tokens is None:
        return True
    limit, original = answer_limit(task, part.answer_tokens), first_of(task)
    requests = [answer_request(task, Case(original, item), limit=limit) for item in task.items]
    a_call = Budget(part, 1).cost(requests).tokens / len(requests)
    return ENOUGH * a_call <= part.max_tokens


@dataclass(frozen=True)
class Fold:
    """What one search came to on the rows that it never saw: who was best of each kind. Where it found none of a kind,
    the original stays."""

    board: Board
    original: Entry
    best: dict[Kind, Entry]

    def outcomes(self, kind: Kind | None, first: int) -> list[Outcome]:
        """Those of the best of that kind, or of the original; rows are numbered from `first`."""
        entry = self.best.get(kind, self.original) if kind else self.original
        known = self.board.known(entry)
        return [replace(known[row], item=first + row) for row in range(len(self.board.items))]


class CrossFit:
    """A search on all rows, and one more for each quarter of them. All share one asker, so nothing is paid twice."""

    def __init__(self, task: Task, asker: Asker, method: Method) -> None:
        self.task = task
        self.asker = asker
        self.method = method
        self.config = asker.config
        self.seed = asker.seed
        self.failure = ""  # of the optimizer model, in a fold
        self.left_out = 0  # rows, by the limits

    def run(self) -> Iterator[Event]:
        """The last event is Finished."""
        self.begin()
        splits, evaluator = yield from prepared(self.task, self.asker)
        search = Search(self.task, self.asker, self.method, splits, evaluator)
        reason = yield from search.found()
        search.ending = yield from self.ending(search.population, search.population.finalists, evaluator)
        search.failure = search.failure or self.failure
        yield from search.end(reason)

    def begin(self) -> None:
        """The search on all rows: it holds none out."""
        self.asker.limit_part(replace(part_of(self.config), compare=False))

    def ending(
        self, population: Population, finalists: Sequence[Entry], evaluator: Evaluator
    ) -> Steps[Ending]:
        """Test the search on each quarter. The ending compares what came of that. Without finalists it measures the
        original on all rows, because nobody chose it by these."""
        folds = (yield from self._folds()) if finalists else []
        self.asker.seed = self.seed
        self.asker.limit(self.config)
        if finalists:
            held_out = yield from _pooled(folds, population, finalists, evaluator)
        else:
            held_out = _board(evaluator, distinct(self.task.items), population)
        return Ending(
            self.task, self.asker, evaluator, held_out, population, left_out=self.left_out, folds=FOLDS
        )

    def _folds(self) -> Steps[list[Fold]]:
        quarters = quarters_of(self.task, self.seed)
        yield Noted(
            f"The prompt is made from all {counted(sum(map(len, quarters)), 'row')}. To measure the gain, the same "
            "search runs again without each quarter of the rows, and its best is tested on that quarter."
        )
        folds = []
        for number, rows in enumerate(quarters, 1):
            which = f"{QUARTER} {number} of {FOLDS}"
            try:
                fold = yield from translated(self._fold(number, rows), partial(_told, which))
            except BudgetSpentError:
                self.left_out += len(rows)
                yield Noted(
                    f"{which}: its part of the budget was too small to compare, so its rows are left out."
                )
            except CallFailedError as error:
                if not too_long(error):
                    raise
                yield Noted(
                    f"{which}: too many rows do not fit into the context window, so its rows are left out."
                )
            else:
                yield Noted(f"{which}: {_summary(fold)}")
                folds.append(fold)
        return folds

    def _fold(self, number: int, rows: Sequence[Item]) -> Steps[Fold]:
        """Raises BudgetSpentError if the limits end it before its best is compared."""
        self.asker.limit_part(part_of(self.config))
        self.asker.seed = random.Random(f"{self.seed}:fold {number}").randrange(2**31)
        kept_back = {item.input for item in rows}
        items = tuple(item for item in self.task.items if item.input not in kept_back)
        task = replace(self.task, items=items, held_out=tuple(rows))
        splits, evaluator = yield from prepared(task, self.asker)
        splits = affordable(splits, task, self.asker, evaluator)
        search = Search(task, self.asker, self.method, splits, evaluator)
        yield from self._found(search)
        return (yield from self._measured(search))

    def _found(self, search: Search) -> Steps[None]:
        try:
            yield from search.found()
        except OptimizerFailedError as error:
            self.failure = str(error)
        self.failure = self.failure or search.failure

    def _measured(self, search: Search) -> Steps[Fold]:
        self.asker.reserve = Cost()
        board, population = search.ending.held_out, search.population
        rows = range(len(board.items))
        yield from board.score([population.original], rows)
        ran: list[Entry] = []
        for entry in population.finalists:
            try:
                ran += yield from board.score([entry], rows)
            except BudgetSpentError:
                if not ran:
                    raise
        return Fold(board, population.original, {entry.components.kind: entry for entry in ran})


def quarters_of(task: Task, seed: int) -> list[list[Item]]:
    """The rows with different inputs in four parts, shuffled by the seed."""
    rows = sorted(distinct(task.items), key=lambda item: item.input)
    random.Random(f"{seed}:folds").shuffle(rows)
    return [rows[start::FOLDS] for start in range(FOLDS)]


def _board(evaluator: Evaluator, items: Sequence[Item], population: Population) -> Board:
    return Board(evaluator, items, split="held-out", original=population.original.components)


def _pooled(
    folds: Sequence[Fold], population: Population, finalists: Sequence[Entry], evaluator: Evaluator
) -> Steps[Board]:
    """All quarters as one board. A finalist has the outcomes of what each fold found of its kind. Without folds, there
    are no rows: a finalist is never compared on rows that it was made from."""
    board = _board(evaluator, [item for fold in folds for item in fold.board.items], population)
    for entry in (population.original, *finalists) if folds else ():
        kind, outcomes = entry.components.kind if entry.number else None, list[Outcome]()
        for fold in folds:
            first = len(outcomes)
            outcomes += fold.outcomes(kind, first)
            board.misfits |= {first + row for row in fold.board.misfits}
        board.recall(entry, outcomes)
        yield Scored(entry.number, board.split, tuple(outcomes), min(1.0, board.mean(entry)), len(outcomes))
    return board


def _summary(fold: Fold) -> str:
    reached = [f"{figures.percent(min(1.0, fold.board.mean(fold.original)))} with the original"]
    reached += [
        f"{figures.percent(min(1.0, fold.board.mean(entry)))} with {TITLES[kind]}"
        for kind, entry in fold.best.items()
    ]
    found = "" if fold.best else "; the search found nothing better"
    return f"{', '.join(reached)} on {counted(len(fold.board.items), 'row')}{found}."


def _told(which: str, event: Event | Written | Arrived) -> Iterable[Event]:
    """What people are told of a fold: how far it is, what is written, and what it costs. Its candidates are numbered
    like those of the search on all rows, so they are not told."""
    match event:
        case Stage(name, done, total):
            yield Stage(f"{which}: {name[:1].lower()}{name[1:]}", done, total)
        case events.Writing(text):
            yield events.Writing(text)
        case events.Beat() | events.Tried() | events.Spent():
            yield event
        case (
            events.Proposed()
            | events.Rejected()
            | events.Asked()
            | events.Answered()
            | events.Unjudged()
            | events.Scored()
            | events.Dropped()
            | events.Leading()
            | events.Noted()
            | events.IterationDone()
            | events.Invented()
            | events.JudgeMeasured()
            | events.Across()
            | events.Compared()
            | events.Finished()
            | Written()
            | Arrived()
        ):
            return
        case _:
            assert_never(event)
