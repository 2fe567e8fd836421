"""What a proposal must keep, checked before it costs an evaluation."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence

from optimizer.engine.components import Components
from optimizer.engine.graders import folded
from optimizer.engine.languages import clear_language
from optimizer.engine.variables import variables, without_variables

LONGEST = 10_000  # characters that a whole prompt may have more than the original
GROWTH = 6  # a text may be this many times the original's length, and always 1,000 characters
REFUSAL = re.compile(
    r"^\W*((i'?m |i am )?(very )?sorry|i apologi[sz]e|i can(no|'|’)t|i('?m| am) (unable|not able)|as an ai)\b",
    re.IGNORECASE,
)
SCRAP = re.compile(
    r"<(prompt|critique|original)>|thinking style|rewrite the (prompt|instruction)|^\s*\{\s*\"prompt\""
    r"|(better|improved|new) version of (this|the) prompt",
    re.IGNORECASE,
)
WORDS = {
    "no usable reply": "the reply of the model could not be used",
    "duplicate": "it repeats an earlier candidate",
    "variables lost or new": "it loses or adds a variable",
    "too long": "it is too long",
    "refusal": "it refuses the task",
    "an answer, not a prompt": "it is an answer, not a prompt",
    "scrap of our own request": "it repeats a part of our own request",
    "another language": "it is in another language",
    "longer than the context window": "it is longer than the context window",
}  # for people, by the reason that is kept

Worded = Sequence[tuple[str, str]]  # the texts that were worded anew, each with its original
JSON = re.compile(r"\bjson\b", re.IGNORECASE)  # what our requests ask for; so may a task


def objection(
    proposal: Components, original: Components, seen: Collection[Components], answers: Collection[str] = ()
) -> str:
    """Why the proposal is refused, in a word or two, or "" when it may be tried.

    `answers` are expected answers of the task: a text that is one of them answers the prompt. Where both parts of a
    prompt may change, each is held to its own original.
    """
    worded = [(proposal.instruction, original.instruction)]
    if proposal.beside != original.beside:
        worded.append((proposal.beside, original.beside))
    checks = (
        (not all(text.strip() for text, _ in worded), "no usable reply"),
        (proposal in seen, "duplicate"),
        (_other_variables(proposal, original), "variables lost or new"),
        (_too_long(proposal, original, worded), "too long"),
        (_refuses(proposal, worded), "refusal"),
        (any(is_answer(*texts, answers) for texts in worded), "an answer, not a prompt"),
        (_is_scrap(worded, answers), "scrap of our own request"),
        (_other_language(proposal, original), "another language"),
    )
    return next((reason for refused, reason in checks if refused), "")


def in_words(reason: str) -> str:
    """The reason as a clause for people: `it repeats an earlier candidate`."""
    return WORDS.get(reason, reason)


def _refuses(proposal: Components, worded: Worded) -> bool:
    texts = [*((text, before) for text, before in worded), (proposal.persona, worded[0][1])]
    return any(REFUSAL.match(text) and not REFUSAL.match(before) for text, before in texts)


def _is_scrap(worded: Worded, answers: Collection[str]) -> bool:
    """Whether it repeats what we asked the optimizer model for. A task whose answers are JSON may speak of it."""
    about_json = any(answer.lstrip()[:1] in {"{", "["} for answer in answers)
    return _newly(SCRAP, worded) or (_newly(JSON, worded) and not about_json)


def _other_variables(proposal: Components, original: Components) -> bool:
    """Whether a part lost a variable, or has a new one. What the original has in braces as text may go, or stay."""
    names = set(original.variables)
    text = set(variables(original.whole)) - names
    parts = ((proposal.head, original.head), (proposal.beside, original.beside))
    return any(set(variables(now)) - text != set(variables(before)) & names for now, before in parts)


def _other_language(proposal: Components, original: Components) -> bool:
    parts = (
        (original.instruction, proposal.but(reasoning=None).head),
        (original.beside, proposal.beside),
    )
    return any(language_changed(before, now) for before, now in parts)


def is_answer(text: str, original: str, answers: Collection[str]) -> bool:
    """Whether the text is an expected answer, or says hardly more than one."""
    said = folded(text)
    if said == folded(original):
        return False
    return any(said in {answer, f"the answer is {answer}"} for answer in map(folded, answers))


def _newly(pattern: re.Pattern[str], worded: Worded) -> bool:
    return any(pattern.search(text) and not pattern.search(before) for text, before in worded)


def _too_long(proposal: Components, original: Components, worded: Worded) -> bool:
    grown = any(len(text) > max(1_000, GROWTH * len(before)) for text, before in worded)
    return grown or proposal.length > LONGEST + original.length


def language_changed(before: str, after: str) -> bool:
    """Whether both texts are clearly of a language, and of different ones."""
    old, new = (clear_language(without_variables(text)) for text in (before, after))
    return bool(old and new and old != new)
