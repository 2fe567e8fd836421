"""The optimization method, as a library of its own: no Django, no network, no files.

    for event in run(Task(...), Config(...), model, seed):
        ...

`model` is anything that answers requests (optimizer.llm.base.Model). Graders, operators and policies are small
protocols; `Method` holds those of a run.
"""

from optimizer.engine.comparing import Contender, compare
from optimizer.engine.inputs import invent
from optimizer.engine.method import Method
from optimizer.engine.optimizing import run
from optimizer.engine.task import Config, Grade, Item, Prior, Rated, Task, TaskRefusedError

__all__ = [
    "Config",
    "Contender",
    "Grade",
    "Item",
    "Method",
    "Prior",
    "Rated",
    "Task",
    "TaskRefusedError",
    "compare",
    "invent",
    "run",
]
