"""What a proposal must keep, checked before it costs an evaluation."""

from __future__ import annotations

import re
from collections.abc import Collection
from functools import cache

from py3langid.langid import MODEL_FILE, LanguageIdentifier

from optimizer.engine.components import VARIABLE, Components, variables

LONGEST = 10_000  # characters of a whole prompt
GROWTH = 6  # an instruction may be this many times the original's length, and always 1,000 characters
SURE_OF_LANGUAGE = 0.9
REFUSAL = re.compile(r"^\W*(i'?m sorry|i apologi[sz]e|i can(no|')t|i am unable|as an ai)\b", re.IGNORECASE)
SCRAP = re.compile(
    r"<(prompt|critique|original)>|thinking style|rewrite the (prompt|instruction)", re.IGNORECASE
)


def objection(proposal: Components, original: Components, seen: Collection[Components]) -> str:
    """Why the proposal is refused, in a word or two, or "" when it may be tried."""
    checks = {
        "empty": not proposal.instruction.strip(),
        "duplicate": proposal in seen,
        "variables lost or new": variables(proposal.head) != variables(original.head),
        "too long": _too_long(proposal, original),
        "refusal": bool(REFUSAL.match(proposal.instruction)),
        "scrap of our own request": bool(SCRAP.search(proposal.instruction))
        and not SCRAP.search(original.instruction),
        "another language": language_changed(original.instruction, proposal.instruction),
    }
    return next((reason for reason, refused in checks.items() if refused), "")


def _too_long(proposal: Components, original: Components) -> bool:
    limit = max(1_000, GROWTH * len(original.instruction))
    return len(proposal.instruction) > limit or proposal.length > LONGEST


def language_changed(before: str, after: str) -> bool:
    """Whether both texts are clearly of a language, and of different ones."""
    old, new = _language(before), _language(after)
    return bool(old and new and old != new)


@cache
def _identifier() -> LanguageIdentifier:
    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def _language(text: str) -> str:
    text = VARIABLE.sub("", text)
    if sum(character.isalpha() for character in text) < 12:
        return ""
    language, sureness = _identifier().classify(text)
    return language if sureness >= SURE_OF_LANGUAGE else ""
