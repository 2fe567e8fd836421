"""Operators: each changes one component of a parent. Those that need the model ask for all proposals at once."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import islice, zip_longest

from optimizer.engine import meta
from optimizer.engine.asking import Answer, Asker, Steps, proposal_request
from optimizer.engine.components import Components, Shot, shot_of
from optimizer.engine.events import Outcome
from optimizer.engine.graders import folded
from optimizer.engine.task import Item, Task
from optimizer.llm.base import CallFailed, Request

MOST_LABELS = 8
LONGEST_LABEL = 40  # characters


@dataclass(frozen=True)
class Proposal:
    """A child before it has passed the guards."""

    operator: str
    components: Components


@dataclass(frozen=True)
class Understanding:
    """What the optimizer model makes of the task; empty where it gave nothing usable."""

    task: str = ""
    expert: str = ""
    keywords: tuple[str, ...] = ()
    good_answer: str = ""


def understand(task: Task, asker: Asker, rows: Sequence[Item]) -> Steps[Understanding]:
    """One call that says what the task is."""
    text = meta.understand(task.prompt, task.context, [(row.input, row.expected) for row in rows[:3]])
    request = _propose(task, asker, "understand", text, meta.UNDERSTANDING_SCHEMA, salt="")
    (answer,) = yield from asker.ask("Understanding the task", [request])
    keywords = [] if isinstance(answer, CallFailed) else meta.read_texts(answer.text, "keywords")
    return Understanding(
        task=_said(answer, "task")[:500],
        expert=_said(answer, "expert")[:300],
        keywords=tuple(word[:40] for word in keywords[:6]),
        good_answer=_said(answer, "good_answer")[:500],
    )


def mutate(
    task: Task, asker: Asker, parent: Components, *, about: Understanding, styles: Sequence[str], salt: str
) -> Steps[list[Proposal]]:
    """The parent's instruction rewritten, once in each style. After PromptWizard's mutation, but sampled."""
    texts = [meta.mutate(parent.instruction, about.task, style) for style in styles]
    found = yield from _rewrites(task, asker, "mutate", texts, salt)
    return [Proposal("mutate", parent.but(instruction=text)) for text in found]


def refine(
    task: Task, asker: Asker, parent: Components, *, outcomes: Sequence[Outcome], salt: str
) -> Steps[list[Proposal]]:
    """Critique the parent on what it got wrong, then write a better instruction from the critique."""
    wrong = [(o.input[:500], o.expected[:300], o.output[:300]) for o in outcomes if o.score < 1][:4]
    right = sum(o.score == 1 for o in outcomes)
    text = meta.critique(parent.instruction, wrong, right, task.evidence)
    request = _propose(task, asker, "critique", text, meta.CRITIQUE_SCHEMA, salt=salt)
    (answer,) = yield from asker.ask("Criticising the best so far", [request])
    said = _said(answer, "critique")
    if not said:
        return []
    found = yield from _rewrites(task, asker, "synthesize", [meta.synthesize(parent.instruction, said)], salt)
    return [Proposal("critique and synthesize", parent.but(instruction=text)) for text in found]


def add_reasoning(task: Task, asker: Asker, parent: Components, *, salt: str) -> Steps[list[Proposal]]:
    """A line of reasoning before the answer of each example."""
    requests = [
        _propose(
            task,
            asker,
            "reasoning",
            meta.reason(parent.instruction, s.input, s.output),
            meta.REASON_SCHEMA,
            salt=salt,
        )
        for s in parent.shots
    ]
    answers = yield from asker.ask("Reasoning about the examples", requests)
    shots = [
        Shot(shot.input, shot.output, _said(answer, "reasoning"))
        for shot, answer in zip(parent.shots, answers, strict=True)
    ]
    return [Proposal("reasoning", parent.but(shots=tuple(shots)))] if all(s.reasoning for s in shots) else []


def give_examples(
    parent: Components, rows: Sequence[Item], *, count: int, rng: random.Random
) -> list[Proposal]:
    """Rows as few-shot examples, as chat turns and in the text, labels in balance. Needs no model."""
    shots = tuple(shot_of(row) for row in balanced(rows, count, rng))
    if not shots:
        return []
    return [
        Proposal("examples as chat turns", parent.but(shots=shots, shots_as="turns")),
        Proposal("examples in the text", parent.but(shots=shots, shots_as="text")),
    ]


def swap_examples(parent: Components, rows: Sequence[Item], *, rng: random.Random) -> list[Proposal]:
    """Half of the examples exchanged for other rows, and the same examples in another order."""
    if not parent.shots:
        return []
    fresh = [row for row in rows if shot_of(row) not in parent.shots]
    kept = rng.sample(parent.shots, len(parent.shots) - len(parent.shots) // 2)
    swapped = [*kept, *(shot_of(row) for row in balanced(fresh, len(parent.shots) // 2, rng))]
    rng.shuffle(swapped)
    shuffled = rng.sample(parent.shots, len(parent.shots))
    return [Proposal("other examples", parent.but(shots=tuple(shots))) for shots in (swapped, shuffled)]


def set_format(parent: Components, rows: Sequence[Item]) -> list[Proposal]:
    """The answer format that the expected answers share, where they share one. Needs no model."""
    rule = shared_format([row.expected for row in rows])
    return [Proposal("answer format", parent.but(answer_format=rule))] if rule else []


def set_persona(parent: Components, about: Understanding) -> list[Proposal]:
    """An expert persona for the task."""
    return [Proposal("persona", parent.but(persona=about.expert))] if about.expert else []


def set_keywords(parent: Components, about: Understanding) -> list[Proposal]:
    """Words that say what the task is about."""
    return [Proposal("keywords", parent.but(keywords=about.keywords))] if about.keywords else []


def delete(parent: Components) -> list[Proposal]:
    """The parent without each of its parts, and with half of its examples: shorter is better at equal score."""
    smaller = [
        parent.but(persona=""),
        parent.but(keywords=()),
        parent.but(answer_format=""),
        parent.but(shots=parent.shots[: len(parent.shots) // 2]),
    ]
    return [Proposal("deletion", components) for components in smaller if components != parent]


def balanced(rows: Sequence[Item], count: int, rng: random.Random) -> list[Item]:
    """Rows drawn in turn from each expected answer, in random order."""
    by_answer: dict[str, list[Item]] = {}
    for row in rng.sample(list(rows), len(rows)):
        by_answer.setdefault(folded(row.expected), []).append(row)
    turns = zip_longest(*(by_answer[answer] for answer in by_answer))
    drawn = list(islice((row for turn in turns for row in turn if row is not None), count))
    rng.shuffle(drawn)
    return drawn


def shared_format(answers: Sequence[str]) -> str:
    """A sentence on the form that all answers have, or ""."""
    labels = list(dict.fromkeys(answer.strip() for answer in answers))
    if not labels:
        return ""
    if len(labels) <= min(MOST_LABELS, len(answers) // 2) and max(map(len, labels)) <= LONGEST_LABEL:
        return f"Answer with exactly one of: {', '.join(labels)}. Write nothing else."
    rules: list[tuple[Callable[[str], bool], str]] = [
        (_is_number, "Answer with the number only. Write nothing else."),
        (_is_json, "Answer with JSON only. Write nothing else."),
        (lambda answer: len(answer) == 1, "Answer with one character only. Write nothing else."),
        (lambda answer: len(answer.split()) == 1, "Answer with one word only. Write nothing else."),
        (lambda answer: len(answer.split()) <= 6, "Answer with a few words only. Write nothing else."),
    ]
    return next((text for fits, text in rules if all(fits(label) for label in labels)), "")


def _is_number(text: str) -> bool:
    try:
        float(text.replace(",", ""))
    except ValueError:
        return False
    return True


def _is_json(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict | list)
    except ValueError:
        return False


def _rewrites(task: Task, asker: Asker, purpose: str, texts: Sequence[str], salt: str) -> Steps[list[str]]:
    """New instructions, one a text; one more try with another seed for those that gave none."""
    requests = [
        _propose(task, asker, purpose, text, meta.PROMPT_SCHEMA, salt=f"{salt}:{index}")
        for index, text in enumerate(texts)
    ]
    answers = yield from asker.ask("Writing candidates", requests)
    found = [_said(answer, "prompt") for answer in answers]
    again = [
        _propose(task, asker, purpose, text, meta.PROMPT_SCHEMA, salt=f"{salt}:{index}:again")
        for index, text in enumerate(texts)
        if not found[index]
    ]
    if again:
        found += [_said(answer, "prompt") for answer in (yield from asker.ask("Writing candidates", again))]
    return [text for text in found if text]


def _said(answer: Answer, key: str) -> str:
    """The text under a key; "" for a proposal that did not fit into the window. Other failures end the run."""
    if isinstance(answer, CallFailed):
        if answer.code != "context_window":
            raise answer
        return ""
    return meta.read_text(answer.text, key)


def _propose(
    task: Task, asker: Asker, purpose: str, text: str, schema: dict[str, object], *, salt: str
) -> Request:
    return proposal_request(purpose, text, schema, model=task.optimizer_model, config=asker.config, salt=salt)
