"""The optimisation method, as a library of its own: no Django, no network, no files.

    for event in run(Task(...), Config(...), model):
        ...

`model` is anything that answers requests (optimizer.llm.base.Model).
"""

from optimizer.engine.search import run
from optimizer.engine.task import PRESETS, Config, Item, Task, TaskRefused

__all__ = ["PRESETS", "Config", "Item", "Task", "TaskRefused", "run"]
