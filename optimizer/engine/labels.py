"""Expected answers that are labels: which there are, and how they are written."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from optimizer.engine.graders import folded

FEW_LABELS = 8
LONGEST_LABEL = 40  # characters
UNSEEN = 0.05  # the largest chance of a new label in the next row, for a list that counts as complete


def usual_forms(answers: Sequence[str]) -> dict[str, str]:
    """The most frequent spelling of each answer, by its folded form; the first of equally frequent ones."""
    counts: dict[str, Counter[str]] = {}
    for answer in answers:
        counts.setdefault(folded(answer), Counter())[answer.strip()] += 1
    return {form: spellings.most_common(1)[0][0] for form, spellings in counts.items() if form}


def are_labels(answers: Sequence[str]) -> bool:
    """Whether the answers come from a small set that is likely complete: it has few labels, or few of them occur only
    once (the Good-Turing estimate of an unseen label)."""
    counts = Counter(map(folded, answers))
    if max(len(answer) for answer in answers) > LONGEST_LABEL or 2 * len(counts) > len(answers):
        return False
    once = sum(count == 1 for count in counts.values())
    return len(counts) <= FEW_LABELS or once <= UNSEEN * len(answers)
