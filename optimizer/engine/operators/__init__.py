"""Operators: each changes one component of a parent. A new one is a class in a file, given to `Method`."""

from dataclasses import replace

from optimizer.engine.operators.base import Operator, Proposals, Understanding, View
from optimizer.engine.operators.constraint import ConstrainAnswer
from optimizer.engine.operators.contribution import ExamplesByContribution
from optimizer.engine.operators.examples import (
    AddExamples,
    MoreExamples,
    NearestExamples,
    OtherExamples,
    PromptOnce,
    RandomExamples,
    RescueExamples,
    ShuffleExamples,
    SwitchRendering,
    VerifiedExamples,
)
from optimizer.engine.operators.instruction import Contrast, CritiqueAndSynthesize, Mutate
from optimizer.engine.operators.parts import AnswerFormat, Delete, Keywords, Merge, Persona
from optimizer.engine.operators.reasoning import OwnReasonings, ReasonFirst

STRUCTURAL: tuple[Operator, ...] = (
    RandomExamples(),
    NearestExamples(),
    AddExamples("turns", once=True),
    AnswerFormat(),
    ReasonFirst(),
    AddExamples("turns"),
    AddExamples("text"),
)
# Which examples are shown matters much, so several draws of them run from the start. A constraint is tried once on
# each leader: what it does depends on the model more than on the wording.
FOLLOWING: tuple[Operator, ...] = (
    OwnReasonings(),
    OwnReasonings(),
    AnswerFormat(),
    ConstrainAnswer(),
    PromptOnce(),
    MoreExamples(),
    OtherExamples(),
    ExamplesByContribution(),
)
HEEDING: tuple[Operator, ...] = (CritiqueAndSynthesize(),)
LAST: tuple[Operator, ...] = (Delete(),)
OPERATORS: tuple[Operator, ...] = (
    Mutate(),
    CritiqueAndSynthesize(),
    Contrast(),
    AnswerFormat(),
    AddExamples("turns"),
    AddExamples("turns", once=True),
    AddExamples("text"),
    NearestExamples(),
    PromptOnce(),
    OtherExamples(),
    ExamplesByContribution(),
    RescueExamples(),
    VerifiedExamples(),
    MoreExamples(),
    ShuffleExamples(),
    SwitchRendering(),
    ReasonFirst(),
    OwnReasonings(),
    Persona(),
    Keywords(),
    Merge(),
    Delete(),
)


def in_text(operators: tuple[Operator, ...]) -> tuple[Operator, ...]:
    """The operators for a model that does not tell chat turns apart."""
    kept = (one for one in operators if not isinstance(one, SwitchRendering | PromptOnce))
    return tuple(
        replace(one, shots_as="text", once=False) if isinstance(one, AddExamples) else one for one in kept
    )


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
