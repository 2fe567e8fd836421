"""One run, from the task to its result."""

from __future__ import annotations

from collections.abc import Iterator

from optimizer.engine import checks
from optimizer.engine.asking import Asker, Steps
from optimizer.engine.budget import BudgetSpentError
from optimizer.engine.components import first_of
from optimizer.engine.crossfit import CrossFit, suits
from optimizer.engine.events import Event, Proposed
from optimizer.engine.method import Method
from optimizer.engine.prepare import affordable, prepared
from optimizer.engine.scoring import Evaluator
from optimizer.engine.search import Search
from optimizer.engine.splits import Splits
from optimizer.engine.task import Config, Task, TaskRefusedError
from optimizer.llm.base import Model
from optimizer.llm.ledger import paid_once


def run(
    task: Task, config: Config, model: Model, seed: int = 0, *, method: Method | None = None
) -> Iterator[Event]:
    """Improve the task's prompt. The last event is Finished, or Across where the task names other models.

    Deterministic given the arguments and the model's replies. Raises TaskRefusedError for a task that cannot be run,
    before anything is spent. It also does if the limits do not last for what comes before the search: a judge's check,
    inputs to write. Raises CallFailedError when the model refuses the original prompt itself, or when the judge never
    gives a verdict that can be read. It also does when the optimizer model fails before anything better was found.
    """
    asker = Asker(paid_once(model), config, seed)
    checks.refuse(task, config)
    yield Proposed(0, (), "original", first_of(task))
    if suits(task, config):
        yield from CrossFit(task, asker, method or Method()).run()
        return
    splits, evaluator = yield from _prepared(task, asker)
    yield from Search(task, asker, method or Method(), splits, evaluator).run()


def _prepared(task: Task, asker: Asker) -> Steps[tuple[Splits, Evaluator]]:
    try:
        splits, evaluator = yield from prepared(task, asker)
    except BudgetSpentError as spent:
        raise TaskRefusedError(f"There is no room left for a search. {spent} Raise the limit.") from spent
    return affordable(splits, task, asker, evaluator), evaluator
