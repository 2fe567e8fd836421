"""Which calls fit into the context window, before they are made."""

from __future__ import annotations

import math
from collections.abc import Iterable

from optimizer.engine.answering import Case, answer_request
from optimizer.engine.asking import Asker
from optimizer.engine.budget import DENSITY
from optimizer.engine.calls import size_of, template_tokens
from optimizer.engine.components import Components, first_of
from optimizer.engine.inputs import items_of
from optimizer.engine.task import Config, Item, Task


def longest_call(task: Task, config: Config) -> int:
    """Tokens of the original prompt on its longest row, with the longest answer, as far as bytes tell."""
    original = first_of(task)
    rows = (*task.items, *task.held_out, *items_of(task, task.inputs)) or (original.place,)
    requests = [answer_request(task, Case(original, row), limit=config.answer_tokens) for row in rows]
    return max(math.ceil(size_of(one) * DENSITY) + template_tokens(one) + one.max_tokens for one in requests)


def surely_too_long(components: Components, rows: Iterable[Item], task: Task, asker: Asker) -> bool:
    """Whether a call of the target model on the longest row leaves no room for an answer."""
    window, row = asker.config.window, max(rows, key=_length, default=None)
    if not window or row is None:
        return False
    return asker.counted.fewest(task.target_model, components.messages(row)) >= window


def _length(row: Item) -> int:
    return sum(len(text) for _, text in row.values) or len(row.input)
