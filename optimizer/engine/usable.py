"""Which outputs a program could use as they are: JSON and nothing else, of the expected structure."""

from __future__ import annotations

from collections.abc import Sequence

from optimizer.engine.constraint import structure_of
from optimizer.engine.events import Outcome
from optimizer.engine.schemas import is_schema, misfit
from optimizer.engine.task import Item, Task
from optimizer.engine.values import NoValueError, value_of


class Usability:
    """Tells usable outputs of tasks that the JSON grader grades. A usable output is JSON and
    nothing else. It has the types and keys that the expected answers share, or fits the schema that its row expects."""

    def __init__(self, task: Task) -> None:
        self._counts = task.grader == "json"
        rows = (*task.items, *task.held_out) if self._counts else ()
        self._structure = structure_of([answer for row in rows for answer in row.answers])

    def share(self, items: Sequence[Item], outcomes: Sequence[Outcome]) -> float | None:
        """The share (0 to 1) of usable outputs; None if another grader grades, or nothing was answered."""
        if not self._counts or not outcomes:
            return None
        return sum(self._usable(one.output, items[one.item]) for one in outcomes) / len(outcomes)

    def _usable(self, output: str, item: Item) -> bool:
        try:
            value, wanted = value_of(output), value_of(item.expected)
        except NoValueError:
            return False
        schema = wanted if is_schema(wanted) else self._structure
        return schema is None or not misfit(value, schema)
