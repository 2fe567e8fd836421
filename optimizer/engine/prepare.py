"""Before the search: the rows in their splits, and who scores."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from optimizer.engine.answering import Case
from optimizer.engine.asking import Asker, Steps
from optimizer.engine.board import Board
from optimizer.engine.components import Components, first_of, shot_of
from optimizer.engine.costs import Cost
from optimizer.engine.graders import RUBRIC
from optimizer.engine.inputs import invented, items_of
from optimizer.engine.judge_check import measure
from optimizer.engine.judging import ByRubric
from optimizer.engine.operators import Understanding
from optimizer.engine.operators.base import understand
from optimizer.engine.pairs import Judged
from optimizer.engine.race import Race
from optimizer.engine.scoring import Evaluator, Graded
from optimizer.engine.splits import FEWEST_HELD_OUT, MOST_HELD_OUT, Splits, split
from optimizer.engine.task import Config, Item, Task

BLOCKS = 8  # of one candidate that the tokens should last for
FEWEST_BLOCK = 4  # rows


def prepared(task: Task, asker: Asker) -> Steps[tuple[Splits, Evaluator]]:
    """With rows, by their expected answers; without, by pairs of outputs on inputs that are approved or written now.
    The judge of the pairs is measured first."""
    if task.items:
        return split_of(task, asker.config, asker.seed), (yield from _graded(task, asker))
    about = yield from understood(task, asker, ())
    inputs = task.inputs or (yield from invented(task, asker))
    items = items_of(task, inputs) or (Item(""),)
    possible = len(items) // 2 or 1
    most = most_held_out(task, asker.config)
    half = min(possible, most) if most else len(items)
    splits = Splits((), items[:half], items[half : 2 * half] or items, possible if most else 0)
    judged = Judged(task, asker, about.good_answer)
    yield from measure(judged, items)
    return splits, judged


def split_of(task: Task, config: Config, seed: int) -> Splits:
    """The rows of a task that has some, in the splits of its one search."""
    most = most_held_out(task, config)
    return split(task.items, seed=seed, most_held_out=most, held_out=task.held_out, seen=task.seen)


def affordable(splits: Splits, task: Task, asker: Asker, evaluator: Evaluator) -> Splits:
    """With as many held-out rows as half of each limit surely pays for, with examples shown; two at least."""
    original = first_of(task)
    shown = original.but(
        shots=tuple(map(shot_of, splits.train[: asker.config.shots])),
        shots_as="turns" if task.example_turns else "text",
    )
    calls, tokens = asker.config.max_calls or math.inf, asker.config.max_tokens or math.inf
    count, spent = 0, Cost()
    for row in splits.held_out:
        spent += evaluator.cost([Case(original, row), Case(shown, row)])
        if count >= FEWEST_HELD_OUT and (2 * spent.calls > calls or 2 * spent.tokens > tokens):
            break
        count += 1
    return replace(splits, held_out=splits.held_out[:count])


def races(
    splits: Splits, evaluator: Evaluator, asker: Asker, original: Components
) -> tuple[Race, Board, Board]:
    """The race on search rows; the boards of training rows and of held-out rows."""
    race = Race(
        evaluator,
        splits.validation,
        split="validation",
        block=block_of(splits, evaluator, asker, original),
        original=original,
        affords=asker.affords,
    )
    training = Board(evaluator, splits.train, split="train", original=original)
    return race, training, Board(evaluator, splits.held_out, split="held-out", original=original)


def block_of(splits: Splits, evaluator: Evaluator, asker: Asker, original: Components) -> int:
    """Rows in a block: fewer than configured if a block with examples would take much of the tokens."""
    config = asker.config
    if config.max_tokens is None:
        return config.block
    shown = original.but(shots=tuple(map(shot_of, splits.train[: config.shots])), shots_as="turns")
    rows = splits.validation[: config.block]
    cost = evaluator.cost([Case(shown, row) for row in rows]).tokens
    within = round(len(rows) * config.max_tokens / (BLOCKS * cost)) if cost else config.block
    return max(min(FEWEST_BLOCK, config.block), min(config.block, within))


def understood(task: Task, asker: Asker, rows: Sequence[Item]) -> Steps[Understanding]:
    """What the optimizer model makes of the task."""
    asking = understand(task, asker.config, rows, salt=str(asker.seed))
    (about,) = yield from asker.together("Understanding the task", [asking])
    return about


def most_held_out(task: Task, config: Config) -> int:
    """At most half of the calls go to the final comparison, if there is one; a judged row takes up to four."""
    if not config.compare:
        return 0
    a_row = 4 if not task.items else 2 if task.grader == RUBRIC else 1
    return MOST_HELD_OUT if config.max_calls is None else max(2, config.max_calls // (4 * a_row))


def _graded(task: Task, asker: Asker) -> Steps[Evaluator]:
    if task.grader != RUBRIC:
        return Graded(task, asker)
    evaluator = ByRubric(task, asker)
    yield from evaluator.check(task.rated)
    return evaluator
