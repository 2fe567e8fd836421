"""Where a grader found nothing right: which other one would have, judged by the same answers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from optimizer.counts import counted
from optimizer.engine.graders import GRADERS, fault, folded, graded
from optimizer.engine.thinking import without_thinking

STRICTEST_FIRST = ("numeric", "choice", "words", "contains")  # of equals, the first is advised
MOST_CHOICES = 10  # more different answers than that are no choice
ACCEPTS = {
    "choice": "accepts an answer that names the right choice and no other",
    "numeric": "looks only at the last number of an answer",
    "words": "accepts the same words in any order",
    "contains": "accepts an answer that contains the expected text",
}
LOOK = "The prompt may ask for another form of answer, or the model cannot do the task."

OutputPairs = Sequence[tuple[str, str]]  # output, expected


@dataclass(frozen=True)
class Advice:
    """What to do where the grader in use called all of `answers` wrong. `grader` is "" where no other helps."""

    used: str
    grader: str
    right: int
    answers: int

    def __str__(self) -> str:
        """For people, on a page or in a terminal."""
        nothing = f"The {self.used} grader found none of {counted(self.answers, 'answer')} right"
        if not self.grader:
            return f"{nothing}, and no other grader would help. {LOOK}"
        return (
            f"{nothing}. The {self.grader} grader would have found {self.right}: it {ACCEPTS[self.grader]}."
        )


def advice(used: str, answers: OutputPairs) -> Advice | None:
    """What to say of answers that the grader `used` called wrong, every one. None where there is nothing to go by.

    `used` is a name of GRADERS; for any other (a judge, one's own function) no advice is given.
    """
    if used not in GRADERS or not answers:
        return None
    others = [name for name in STRICTEST_FIRST if name != used and _fits(name, answers)]
    found = {name: _right(name, answers) for name in others}
    best = max(found, key=lambda name: found[name], default="")
    right = found.get(best, 0)
    return Advice(used, best if right else "", right, len(answers))


def _fits(grader: str, answers: OutputPairs) -> bool:
    """Whether the expected answers are such as this grader is for."""
    if any(fault(grader, expected) for _, expected in answers):
        return False
    if grader == "numeric":
        return not any(letter.isalpha() for _, expected in answers for letter in expected)
    if grader == "choice":
        return len(_choices(answers)) in range(2, min(MOST_CHOICES, len(answers)) + 1)
    return True


def _right(grader: str, answers: OutputPairs) -> int:
    options = {"choices": "\n".join(_choices(answers))}
    grades = (graded(grader, without_thinking(output), expected, options) for output, expected in answers)
    return sum(grade.score >= 1 for grade in grades)


def _choices(answers: OutputPairs) -> list[str]:
    return list({folded(expected): expected for _, expected in answers}.values())
