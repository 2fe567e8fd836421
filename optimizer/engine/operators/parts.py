"""Operators on the smaller parts: answer format, persona, keywords; merging two parents; leaving parts out."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from optimizer.engine.components import Components
from optimizer.engine.graders import folded
from optimizer.engine.labels import are_labels, usual_forms
from optimizer.engine.numbers import is_number
from optimizer.engine.operators.base import View

MOST_LABELS = 40
LONGEST_LIST = 500


@dataclass(frozen=True)
class AnswerFormat:
    """The answer format that the expected answers share, where they share one."""

    name: str = "answer format"
    promise: float = 0.4
    practises: bool = False
    writes: bool = False

    def suits(self, view: View) -> bool:
        rule = self._rule(view) if view.answers_only else ""
        return bool(rule) and rule != view.parent.answer_format

    def propose(self, view: View) -> list[Components]:
        return [view.parent.but(answer_format=self._rule(view))]

    def _rule(self, view: View) -> str:
        choices = [line.strip() for line in dict(view.task.grader_options).get("choices", "").splitlines()]
        if view.task.grader == "choice" and any(choices):
            return one_of([choice for choice in choices if choice])
        return shared_format([row.expected for row in view.train])


@dataclass(frozen=True)
class Persona:
    """An expert persona for the task (PromptWizard)."""

    name: str = "persona"
    promise: float = 0.15
    practises: bool = False
    writes: bool = False

    def suits(self, view: View) -> bool:
        return bool(view.about.expert) and view.parent.persona != view.about.expert

    def propose(self, view: View) -> list[Components]:
        return [view.parent.but(persona=view.about.expert)]


@dataclass(frozen=True)
class Keywords:
    """Words that say what the task is about (PromptWizard)."""

    name: str = "keywords"
    promise: float = 0.15
    practises: bool = False
    writes: bool = False

    def suits(self, view: View) -> bool:
        return bool(view.about.keywords) and view.parent.keywords != view.about.keywords

    def propose(self, view: View) -> list[Components]:
        return [view.parent.but(keywords=view.about.keywords)]


@dataclass(frozen=True)
class Delete:
    """The parent without each of its parts, and with half of its examples: shorter is better at equal score."""

    name: str = "deletion"
    promise: float = 0.5
    practises: bool = False
    writes: bool = False

    def suits(self, view: View) -> bool:
        return bool(self.propose(view))

    def propose(self, view: View) -> list[Components]:
        parent = view.parent
        smaller = [
            parent.but(persona=""),
            parent.but(keywords=()),
            parent.but(answer_format=""),
            _with_fewer_examples(parent),
        ]
        return [components for components in smaller if components != parent]


@dataclass(frozen=True)
class Merge:
    """Parts of two parents in one: what stands before the examples from one, the examples from the other; or each part
    of a prompt of two from one (as in GEPA, arXiv 2507.19457)."""

    name: str = "merge"
    promise: float = 0.35
    practises: bool = False
    writes: bool = False

    def suits(self, view: View) -> bool:
        return bool(self._children(view))

    def propose(self, view: View) -> list[Components]:
        return [view.rng.choice(self._children(view))]

    def _children(self, view: View) -> list[Components]:
        parent = view.parent
        mixed = [
            child
            for rival in view.rivals
            for child in (
                _with_examples_of(rival, parent),
                _with_examples_of(parent, rival),
                parent.but(beside=rival.beside),
            )
        ]
        return [child for child in mixed if child not in (parent, *view.rivals)]


def _with_fewer_examples(parent: Components) -> Components:
    """With half as many examples for an input."""
    if parent.nearest:
        return parent.but(nearest=max(1, parent.nearest // 2))
    return parent.but(shots=parent.shots[len(parent.shots) // 2 :] if len(parent.shots) > 1 else ())


def _with_examples_of(giver: Components, taker: Components) -> Components:
    """The taker with the giver's examples, in the giver's places."""
    return taker.but(shots=giver.shots, shots_as=giver.shots_as, head_as=giver.head_as, nearest=giver.nearest)


def shared_format(answers: Sequence[str]) -> str:
    """A sentence on the form that all answers have, or ""."""
    labels = list(usual_forms(answers).values())
    if not labels:
        return ""
    if are_labels(answers) and (rule := one_of(labels)):
        return rule
    rules: list[tuple[Callable[[str], bool], str]] = [
        (is_number, "Answer with the number only. Write nothing else."),
        (_is_json, "Answer with JSON only. Write nothing else."),
        (lambda answer: len(folded(answer)) == 1, "Answer with one character only. Write nothing else."),
        (lambda answer: len(answer.split()) == 1, "Answer with one word only. Write nothing else."),
        (lambda answer: len(answer.split()) <= 6, "Answer with a few words only. Write nothing else."),
    ]
    return next((text for fits, text in rules if all(fits(label) for label in labels)), "")


def one_of(labels: Sequence[str]) -> str:
    """A sentence that names all labels, or "" where they are too many."""
    listed = ", ".join(labels)
    if len(labels) > MOST_LABELS or len(listed) > LONGEST_LIST:
        return ""
    return f"Answer with exactly one of: {listed}. Write nothing else."


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except ValueError:
        return False
