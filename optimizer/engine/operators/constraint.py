"""The operator that holds the answer to the form that the expected answers share."""

from __future__ import annotations

from dataclasses import dataclass

from optimizer.engine.components import Components
from optimizer.engine.operators.base import View


@dataclass(frozen=True)
class ConstrainAnswer:
    """The server lets the model write nothing but a label, or JSON of a schema: from the start, or after its reasoning
    (arXiv 2601.07525). This helps some models and harms others."""

    name: str = "constrained answer"
    promise: float = 0.5
    practises: bool = False
    writes: bool = False

    def suits(self, view: View) -> bool:
        possible = view.answers_only or view.task.turns  # reasoning and answer are two turns
        return possible and view.constraint is not None and view.parent.constraint is None

    def propose(self, view: View) -> list[Components]:
        return [view.parent.but(constraint=view.constraint)]
