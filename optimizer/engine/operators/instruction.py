"""Operators that change the wording, with the optimizer model's help."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from optimizer.engine import meta
from optimizer.engine.asking import Asking
from optimizer.engine.components import Components
from optimizer.engine.events import Outcome
from optimizer.engine.operators.base import View, propose, rewritten, said

SHOWN = 4  # rows or earlier versions that a request shows


@dataclass(frozen=True)
class Mutate:
    """The instruction rewritten in a thinking style drawn by chance (PromptWizard), beside its scored history
    (OPRO)."""

    name: str = "mutate"
    promise: float = 0.3
    practises: bool = False
    writes: bool = True
    styles: Sequence[str] = meta.STYLES

    def suits(self, view: View) -> bool:
        return True

    def propose(self, view: View) -> Asking[list[Components]]:
        style = view.rng.choice(self.styles)
        text = meta.mutate(view.text, view.about.task, style, view.history[-SHOWN:], around=view.around)
        found = yield from rewritten(view, "mutate", text)
        return [view.with_text(found)]


@dataclass(frozen=True)
class CritiqueAndSynthesize:
    """The parent criticised on what it got wrong (and on what people said), then rewritten from the critique."""

    name: str = "critique and synthesize"
    promise: float = 0.3
    practises: bool = True
    writes: bool = True

    def suits(self, view: View) -> bool:
        return True

    def propose(self, view: View) -> Asking[list[Components]]:
        if not view.wrong and not view.task.evidence:
            return []
        right = len(view.practice) - len(view.wrong) if view.task.items else None
        wrong = shown_rows(view.wrong[:SHOWN])
        text = meta.critique(view.text, wrong, right, view.task.evidence, around=view.around)
        (answer,) = yield [propose(view, "critique", text, meta.CRITIQUE_SCHEMA)]
        found = ""
        if critique := said(answer, "critique"):
            request = meta.synthesize(view.text, critique, around=view.around)
            found = yield from rewritten(view, "synthesize", request)
        return [view.with_text(found)]


@dataclass(frozen=True)
class Contrast:
    """A rule added to the instruction, learnt from a right and a wrong output for the same row (SIMBA)."""

    name: str = "contrast"
    promise: float = 0.25
    practises: bool = False
    writes: bool = True

    def suits(self, view: View) -> bool:
        return bool(view.contrasts)

    def propose(self, view: View) -> Asking[list[Components]]:
        good, bad = view.rng.choice(view.contrasts)
        text = meta.contrast(
            view.text, good.input[:500], good.output[:300], bad.output[:300], around=view.around
        )
        (answer,) = yield [propose(view, "contrast", text, meta.RULE_SCHEMA)]
        rule = said(answer, "rule")
        return [view.with_text(f"{view.text}\n\n{rule}" if rule else "")]


def shown_rows(outcomes: Sequence[Outcome]) -> list[tuple[str, str, str, str]]:
    """Rows as the critique sees them: input, expected, output, why it was not right."""
    return [(o.input[:500], o.expected[:300], o.output[:300], o.why[:200]) for o in outcomes]
