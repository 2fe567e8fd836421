"""What a proposal must keep, checked before it costs an evaluation."""

from __future__ import annotations

import re
from collections.abc import Collection

from optimizer.engine.components import Components
from optimizer.engine.graders import folded
from optimizer.engine.languages import clear_language
from optimizer.engine.variables import variables, without_variables

LONGEST = 10_000  # characters that a whole prompt may have more than the original
GROWTH = 6  # an instruction may be this many times the original's length, and always 1,000 characters
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

JSON = re.compile(r"\bjson\b", re.IGNORECASE)  # what our requests ask for; so may a task


def objection(
    proposal: Components, original: Components, seen: Collection[Components], answers: Collection[str] = ()
) -> str:
    """Why the proposal is refused, in a word or two, or "" when it may be tried.

    `answers` are expected answers of the task: an instruction that is one of them answers the prompt.
    """
    checks = (
        (not proposal.instruction.strip(), "no usable reply"),
        (proposal in seen, "duplicate"),
        (_other_variables(proposal, original), "variables lost or new"),
        (_too_long(proposal, original), "too long"),
        (_refuses(proposal, original), "refusal"),
        (is_answer(proposal.instruction, original.instruction, answers), "an answer, not a prompt"),
        (_is_scrap(proposal, original, answers), "scrap of our own request"),
        (language_changed(original.instruction, proposal.but(reasoning=None).head), "another language"),
    )
    return next((reason for refused, reason in checks if refused), "")


def in_words(reason: str) -> str:
    """The reason as a clause for people: `it repeats an earlier candidate`."""
    return WORDS.get(reason, reason)


def _refuses(proposal: Components, original: Components) -> bool:
    texts = (proposal.instruction, proposal.persona)
    return not REFUSAL.match(original.instruction) and any(REFUSAL.match(text) for text in texts)


def _is_scrap(proposal: Components, original: Components, answers: Collection[str]) -> bool:
    """Whether it repeats what we asked the optimizer model for. A task whose answers are JSON may speak of it."""
    about_json = any(answer.lstrip()[:1] in {"{", "["} for answer in answers)
    return _newly(SCRAP, proposal, original) or (_newly(JSON, proposal, original) and not about_json)


def _other_variables(proposal: Components, original: Components) -> bool:
    """Whether a variable was lost or is new. What the original has in braces as text may go, or stay."""
    text = set(variables(original.head)) - set(original.variables)
    return set(variables(proposal.head)) - text != set(original.variables)


def is_answer(text: str, original: str, answers: Collection[str]) -> bool:
    """Whether the text is an expected answer, or says hardly more than one."""
    said = folded(text)
    if said == folded(original):
        return False
    return any(said in {answer, f"the answer is {answer}"} for answer in map(folded, answers))


def _newly(pattern: re.Pattern[str], proposal: Components, original: Components) -> bool:
    return bool(pattern.search(proposal.instruction)) and not pattern.search(original.instruction)


def _too_long(proposal: Components, original: Components) -> bool:
    limit = max(1_000, GROWTH * len(original.instruction))
    return len(proposal.instruction) > limit or proposal.length > LONGEST + original.length


def language_changed(before: str, after: str) -> bool:
    """Whether both texts are clearly of a language, and of different ones."""
    old, new = (clear_language(without_variables(text)) for text in (before, after))
    return bool(old and new and old != new)
