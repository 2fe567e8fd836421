"""Operators: each changes one component of a parent. A new one is a class in a file, given to `Method`."""

from dataclasses import replace

from optimizer.engine.operators.base import Operator, Proposals, Understanding, View
from optimizer.engine.operators.examples import (
    AddExamples,
    MoreExamples,
    OtherExamples,
    Reasoning,
    RescueExamples,
    ShuffleExamples,
    SwitchRendering,
    VerifiedExamples,
)
from optimizer.engine.operators.instruction import Contrast, CritiqueAndSynthesize, Mutate
from optimizer.engine.operators.parts import AnswerFormat, Delete, Keywords, Merge, Persona

# Which examples are shown matters much, so two draws of them run from the start.
STRUCTURAL: tuple[Operator, ...] = (
    AnswerFormat(),
    AddExamples("turns"),
    AddExamples("turns"),
    AddExamples("text"),
)
FOLLOWING: tuple[Operator, ...] = (AnswerFormat(), AddExamples("turns"), MoreExamples(), OtherExamples())
HEEDING: tuple[Operator, ...] = (CritiqueAndSynthesize(),)
LAST: tuple[Operator, ...] = (Delete(),)
OPERATORS: tuple[Operator, ...] = (
    Mutate(),
    CritiqueAndSynthesize(),
    Contrast(),
    AnswerFormat(),
    AddExamples("turns"),
    AddExamples("text"),
    OtherExamples(),
    RescueExamples(),
    VerifiedExamples(),
    MoreExamples(),
    ShuffleExamples(),
    SwitchRendering(),
    Reasoning(),
    Persona(),
    Keywords(),
    Merge(),
    Delete(),
)


def in_text(operators: tuple[Operator, ...]) -> tuple[Operator, ...]:
    """The operators for a model that does not tell chat turns apart."""
    kept = (one for one in operators if not isinstance(one, SwitchRendering))
    return tuple(replace(one, shots_as="text") if isinstance(one, AddExamples) else one for one in kept)


__all__ = [
    "FOLLOWING",
    "HEEDING",
    "LAST",
    "OPERATORS",
    "STRUCTURAL",
    "Operator",
    "Proposals",
    "Understanding",
    "View",
    "in_text",
]
