"""What an operator is: it looks at a parent and at how it did, and proposes children that differ in one component."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from optimizer.engine import meta, replies
from optimizer.engine.asking import Asking
from optimizer.engine.calls import Answer, cut_in_thought, proposal_request
from optimizer.engine.components import Components, Shot, Subject
from optimizer.engine.constraint import Constraint
from optimizer.engine.events import Outcome
from optimizer.engine.reasoning import Kind, Reasoning
from optimizer.engine.task import Config, Item, Task
from optimizer.llm.base import CallFailedError, Request

BYTES_A_TOKEN = 2  # fewer than usual text has in any language: leaves room for twice the length


class OptimizerFailedError(CallFailedError):
    """A call of the optimizer model cannot succeed: there will be no more proposals."""


@dataclass(frozen=True)
class Understanding:
    """What the optimizer model makes of the task, empty where it gave nothing usable; and whether it `thinks` for so
    long before it speaks that its calls need more room."""

    task: str = ""
    expert: str = ""
    keywords: tuple[str, ...] = ()
    good_answer: str = ""
    thinks: bool = False


@dataclass(frozen=True)
class View:
    """What an operator may look at.

    `practice` is how the parent did on training rows, `hardness` how often other candidates were wrong on an input (0
    to 1); `rivals` are other candidates that lead on some rows; `contrasts` are pairs of a right and a wrong output
    for the same row; `history` is instructions tried before, each with its mean score, the worst first; `reasoned`
    are answers on training rows that came after reasoning, right or not; `contributions` is what each example added
    to the score (see `engine/contribution.py`); `reasoning` is how a prompt may ask for it, None if it may not;
    `constraint` is what an answer may be, None if nothing can be demanded; `role` says whose message the original is;
    `subject` names the part of the prompt that may be worded anew. `rng` is the operator's own, `salt` names this use
    of it.
    """

    task: Task
    config: Config
    parent: Components
    rng: random.Random
    salt: str = ""
    about: Understanding = Understanding()
    train: tuple[Item, ...] = ()
    practice: tuple[Outcome, ...] = ()
    hardness: tuple[tuple[str, float], ...] = ()
    rivals: tuple[Components, ...] = ()
    contrasts: tuple[tuple[Outcome, Outcome], ...] = ()
    history: tuple[tuple[str, float], ...] = ()
    reasoned: tuple[Outcome, ...] = ()
    contributions: tuple[tuple[Shot, float], ...] = ()
    reasoning: Reasoning | None = None
    constraint: Constraint | None = None
    role: Literal["user", "system"] = "user"
    subject: Subject = "instruction"

    @property
    def text(self) -> str:
        """The part of the parent that may be worded anew."""
        return self.parent.part(self.subject)

    @property
    def around(self) -> str:
        """What the optimizer model is told of the prompt's other part, which stays as it is; "" if there is none."""
        other = self.parent.part("beside" if self.subject == "instruction" else "instruction")
        of_system = (self.role == "system") == (self.subject == "instruction")
        return meta.other_part(other, is_text=of_system) if other else ""

    def with_text(self, text: str) -> Components:
        """The parent with another text in the place of that part."""
        return self.parent.but(**{self.subject: text})

    @property
    def answers_only(self) -> bool:
        """Whether the parent asks for no reasoning."""
        return self.parent.kind == Kind.ANSWER_ONLY

    @property
    def may_show(self) -> bool:
        """Whether there are rows, and a prompt may show them as examples."""
        return bool(self.train) and not self.config.instructions_only

    @property
    def once(self) -> bool:
        """Whether the prompt can stand once before all turns, as the system message. A prompt of two parts has one."""
        hears = self.task.turns and self.task.hears_system
        return hears and not self.parent.variables and not self.parent.beside

    @property
    def wrong(self) -> list[Outcome]:
        """Practice rows that the parent did not get wholly right, the worst first."""
        return sorted((o for o in self.practice if o.score < 1), key=lambda outcome: outcome.score)

    @property
    def unused(self) -> list[Item]:
        """Training rows that are not among the parent's examples."""
        shown = {shot.input for shot in self.parent.shots}
        return [row for row in self.train if row.input not in shown]


Proposals = list[Components] | Asking[list[Components]]


class Operator(Protocol):
    """Proposes children of a parent. `promise` is how often a child is expected to win before anything is known (0 to
    1); one that `practises` sees how the parent did on some training rows, and one that
    `writes` has the optimizer model word the instruction anew.

    `propose` returns the children, or is a generator that yields batches of requests for the optimizer model, is sent
    their answers, and returns the children. None is a fine answer: the guards and the race do the rest.
    """

    @property
    def name(self) -> str: ...

    @property
    def promise(self) -> float: ...

    @property
    def practises(self) -> bool: ...

    @property
    def writes(self) -> bool: ...

    def suits(self, view: View) -> bool:
        """Whether there may be anything to do for this parent. It is asked before the practice."""
        ...

    def propose(self, view: View) -> Proposals:
        """Children, each with one component changed."""
        ...


def settled(proposals: Proposals) -> Asking[list[Components]]:
    """The proposals as an asking, also where nothing needs to be asked."""
    if isinstance(proposals, list):
        return proposals
    return (yield from proposals)


def propose(
    view: View, purpose: str, text: str, schema: dict[str, object], *, salt: str = "", room: int = 0
) -> Request:
    """A sampled call of the optimizer model for an operator, with room for so many tokens at least."""
    return proposal_request(
        purpose,
        text,
        schema,
        model=view.task.optimizer_model,
        config=view.config,
        salt=f"{view.salt}:{salt}",
        room=room,
        thinks=view.about.thinks,
    )


def rewritten(view: View, purpose: str, text: str) -> Asking[str]:
    """A new text, which may be twice as long as the old; one more try with another seed where the reply cannot be
    used. "" where both failed."""
    room = len(view.text.encode()) // BYTES_A_TOKEN
    for salt in ("", "again"):
        (answer,) = yield [propose(view, purpose, text, meta.PROMPT_SCHEMA, salt=salt, room=room)]
        if found := said(answer, "prompt"):
            return found
    return ""


def said(answer: Answer, key: str) -> str:
    """The text under a key; "" for a proposal that did not fit into the window. Other failures end the search."""
    if isinstance(answer, CallFailedError):
        if answer.code != "context_window":
            raise OptimizerFailedError(answer.code, str(answer)) from answer
        return ""
    return replies.read_text(answer.text, key)


def understand(task: Task, config: Config, rows: Sequence[Item], *, salt: str) -> Asking[Understanding]:
    """One call that says what the task is; another with more room where the model was cut while it thought."""
    text = meta.understand(task.whole_prompt, task.context, [(row.input, row.expected) for row in rows[:3]])
    for thinks in (False, True):
        (answer,) = yield [
            proposal_request(
                "understand",
                text,
                meta.UNDERSTANDING_SCHEMA,
                model=task.optimizer_model,
                config=config,
                salt=salt,
                thinks=thinks,
            )
        ]
        if not cut_in_thought(answer):
            break
    keywords = [] if isinstance(answer, CallFailedError) else replies.read_texts(answer.text, "keywords")
    return Understanding(
        task=said(answer, "task")[:500],
        expert=said(answer, "expert")[:300],
        keywords=tuple(word[:40] for word in keywords[:6]),
        good_answer=said(answer, "good_answer")[:500],
        thinks=thinks,
    )
