"""The comparison on held-out rows alone: for a search that was stopped before it came to that."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from optimizer.engine import checks
from optimizer.engine.asking import Asker
from optimizer.engine.board import Entry
from optimizer.engine.components import Components, first_of
from optimizer.engine.crossfit import CrossFit
from optimizer.engine.ending import Ending
from optimizer.engine.events import Compared, Event, Outcome
from optimizer.engine.method import Method
from optimizer.engine.population import Population
from optimizer.engine.prepare import affordable, prepared, races
from optimizer.engine.task import Config, Task
from optimizer.llm.base import Model
from optimizer.llm.ledger import paid_once

STOPPED = (
    "You stopped the search. If that was before its end, the interval may promise too much for this prompt."
)


@dataclass(frozen=True)
class Contender:
    """The best candidate of a search that was stopped, and what it and the original scored there on search rows.
    `cross_fitted` is whether that search ran on all rows (crossfit.py), or some were held out."""

    number: int
    components: Components
    outcomes: tuple[Outcome, ...] = ()
    original_outcomes: tuple[Outcome, ...] = ()
    cross_fitted: bool = False


def compare(
    task: Task, config: Config, model: Model, seed: int = 0, *, contender: Contender
) -> Iterator[Event]:
    """Compare the contender with the original on held-out rows. The last event is Compared.

    Task, config and seed are those of the search, so that the rows are those that it never saw. What it already asked
    is answered from the model's ledger. The limits choose the rows, as in the search, and no longer hold then. Few rows
    are compared as `run` compares them, by more searches within their part of the limits on calls and tokens. Minutes
    are not limited: a person was told how many it takes, and the ledger's replies count those of the search. Raises as
    `run` does.
    """
    checks.refuse(task, config)
    asker = Asker(paid_once(model), replace(config, max_minutes=None), seed)
    crossfit = CrossFit(task, asker, Method()) if contender.cross_fitted else None
    if crossfit:
        crossfit.begin()
    splits, evaluator = yield from prepared(task, asker)
    splits = affordable(splits, task, asker, evaluator)
    if not crossfit:
        asker.lift_limits()
    race, training, held_out = races(splits, evaluator, asker, first_of(task))
    population = Population(task, asker.config, seed, race, training)
    best = population.winner = Entry(contender.number, (0,), "", contender.components)
    race.recall(population.original, contender.original_outcomes)
    race.recall(best, contender.outcomes)
    if crossfit:
        ending = yield from crossfit.ending(population, [best] if best.number else [], evaluator)
        asker.lift_limits()
    else:
        ending = Ending(task, asker, evaluator, held_out, population, left_out=splits.left_out)
    proof = yield from ending.proved()
    yield Compared(
        proof=proof,
        score_kind=evaluator.kind,
        quality_score=ending.quality(proof),
        caveats=(*([STOPPED] if crossfit else []), *ending.caveats()),
        position_bias=ending.position_bias,
    )
