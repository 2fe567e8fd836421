"""The parts of the search that can be exchanged."""

from __future__ import annotations

from dataclasses import dataclass, replace

from optimizer.engine.operators import FOLLOWING, HEEDING, LAST, OPERATORS, STRUCTURAL, Operator, in_text
from optimizer.engine.policies import OperatorPolicy, ParentPolicy, pareto_parents, thompson


@dataclass(frozen=True)
class Method:
    """Operators and policies.

    `structural` operators come first, `following` ones then on what leads; `heeding` ones are used for certain where
    people have said something; `operators` are all that rounds draw from; `last` ones come at the end, on the winner.
    """

    structural: tuple[Operator, ...] = STRUCTURAL
    following: tuple[Operator, ...] = FOLLOWING
    heeding: tuple[Operator, ...] = HEEDING
    operators: tuple[Operator, ...] = OPERATORS
    last: tuple[Operator, ...] = LAST
    parents: ParentPolicy = pareto_parents
    choice: OperatorPolicy = thompson

    def in_text(self) -> Method:
        """The same for a model that does not tell chat turns apart."""
        return replace(
            self,
            structural=in_text(self.structural),
            following=in_text(self.following),
            heeding=in_text(self.heeding),
            operators=in_text(self.operators),
            last=in_text(self.last),
        )
