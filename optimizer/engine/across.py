"""The finalists with other models: on the same held-out rows, and which prompt is best for each model and for all."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf

from optimizer.counts import counted
from optimizer.engine import finish
from optimizer.engine.answering import CUT, Case, Scoring
from optimizer.engine.arriving import public, translated
from optimizer.engine.asking import Steps
from optimizer.engine.board import TOO_LONG, Board, Entry, too_long
from optimizer.engine.budget import BudgetSpentError
from optimizer.engine.events import Across
from optimizer.engine.results import AcrossModels, Reached, WithModel
from optimizer.engine.scoring import Evaluator
from optimizer.engine.stats import mean
from optimizer.engine.task import Task
from optimizer.llm.base import CallFailedError

STAGE = "Scoring with other models"
ENDED = "The optimization ended before its turn."
NONE_FITS = "No held-out row fits into its context window."


class OtherModels:
    """Runs the original and the finalists with each other model. Nothing that goes wrong there ends the run."""

    def __init__(
        self, task: Task, evaluator: Evaluator, held_out: Board, *, seed: int, compares: bool
    ) -> None:
        """`held_out` has what the target model answered, if the run `compares` anything there."""
        self.task = task
        self.compares = compares
        self.evaluator = evaluator
        self.held_out = held_out
        self.seed = seed

    def begin(self, field: Sequence[Entry], *, missing: str = "") -> list[WithModel]:
        """The target model as it was measured, and the others that are still to come; empty if none are asked for. The
        first of the field is the original. `missing` says why the target model itself was not measured."""
        if not self.task.other_models or not self.compares:
            return []
        target = self._measured(self.task.target_model, self.held_out, field, missing=missing)
        return [target, *(WithModel(name, missing=ENDED) for name in self.task.other_models)]

    def run(self, field: Sequence[Entry], models: Sequence[WithModel]) -> Steps[None]:
        """Measure those that are still to come, and tell the table after each."""
        known = list(models)
        for place in range(1, len(known)):
            known[place] = yield from self._with(known[place].model, field)
            yield Across(across(known))

    def _with(self, model: str, field: Sequence[Entry]) -> Steps[WithModel]:
        evaluator, items = self.evaluator.of_model(model), self.held_out.items
        cases = [Case(entry.components, item) for entry in field for item in items]
        try:
            scorings = yield from translated(evaluator.evaluate(STAGE, cases), public)
        except (BudgetSpentError, CallFailedError) as error:
            return WithModel(model, missing=str(error))
        failed = [one for one in scorings if isinstance(one, CallFailedError)]
        if fault := next((error for error in failed if not too_long(error)), None):
            return WithModel(model, missing=str(fault))
        if len(failed) == len(cases):
            return WithModel(model, missing=NONE_FITS)
        board = Board(evaluator, items, split=self.held_out.split, original=field[0].components)
        rows = iter(scorings)
        for entry in field:
            board.recall(entry, [board.outcome(row, _counted(next(rows))) for row in range(len(items))])
        return self._measured(model, board, field, notes=evaluator.caveats())

    def _measured(
        self,
        model: str,
        board: Board,
        field: Sequence[Entry],
        *,
        missing: str = "",
        notes: Sequence[str] = (),
    ) -> WithModel:
        """What the board says of the field, if all of it ran on all rows."""
        if missing or not all(map(board.complete, field)):
            return WithModel(model, missing=missing or ENDED)
        prompts = tuple(self._reached(board, entry, field[0]) for entry in field)
        return WithModel(model, prompts, best_of(prompts), notes=(*_cut(board, field), *notes))

    def _reached(self, board: Board, entry: Entry, original: Entry) -> Reached:
        before, after = (board.scores(one, len(board.items)) for one in (original, entry))
        compared = finish.compare(before, after, seed=self.seed)
        outcomes = [board.known(entry)[row] for row in range(len(board.items))]
        answered = [outcome.tokens for outcome in outcomes if outcome.why != TOO_LONG]
        return Reached(
            number=entry.number,
            score=compared.best,
            difference=compared.difference,
            low=compared.low,
            high=compared.high,
            answer_tokens=mean(answered) if answered else None,
            too_long=len(outcomes) - len(answered),
        )


def across(models: Sequence[WithModel]) -> AcrossModels:
    """The table, with the best for all models that were measured."""
    measured = [one.prompts for one in models if one.prompts]
    if len(measured) < 2:
        return AcrossModels(tuple(models))
    return AcrossModels(tuple(models), best_of([_over_all(each) for each in zip(*measured, strict=True)]))


def best_of(prompts: Sequence[Reached]) -> int:
    """The number of the prompt with the highest score; among equals, that of the cheaper one."""
    return min(prompts, key=lambda one: (-round(one.score, 9), one.answer_tokens or inf, one.number)).number


def _over_all(each: Sequence[Reached]) -> Reached:
    """The means of one prompt over models."""
    tokens = [one.answer_tokens for one in each if one.answer_tokens is not None]
    score = mean([one.score for one in each])
    return Reached(each[0].number, score, answer_tokens=mean(tokens) if tokens else None)


def _counted(scoring: Scoring | CallFailedError) -> Scoring:
    """A row that is too long for the model counts as wrong."""
    return Scoring("", 0.0, TOO_LONG) if isinstance(scoring, CallFailedError) else scoring


def _cut(board: Board, field: Sequence[Entry]) -> list[str]:
    """How many answers never began within their limit."""
    outcomes = [outcome for entry in field for outcome in board.outcomes(entry)]
    cut = sum(outcome.output == CUT for outcome in outcomes)
    return (
        [f"{cut} of {counted(len(outcomes), 'answer')} reached the limit before they began."] if cut else []
    )
