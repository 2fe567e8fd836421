"""What is wrong with a task, said before anything is spent; and what its rows cannot show."""

from __future__ import annotations

from collections.abc import Sequence

from optimizer.engine.confusion import Confusion, confusable
from optimizer.engine.graders import RUBRIC, fault, folded, graded
from optimizer.engine.scoring import WHOLE
from optimizer.engine.task import FEWEST_CALLS, Config, Grader, Item, Options, Task, TaskRefused

BYTES_A_TOKEN = 6  # more than any usual text has: a longer answer certainly does not fit
SHOWN = 60  # characters of an answer in a sentence
EXPRESSIONS = 200  # that are tried on an empty answer; compiling takes about a millisecond each


def refuse(task: Task, config: Config) -> None:
    """TaskRefused for a task that cannot be searched or graded as it is."""
    reason = _fault_of_rows(task) or _too_long(task, config) or _too_small(config)
    if reason:
        raise TaskRefused(reason)


def caveats(task: Task, config: Config) -> list[str]:
    """What people should know about the rows."""
    told = list(filter(None, [_contradictions(task.items)]))
    if too_long := len(_unreachable(task, config)):
        told.append(
            f"{too_long} expected answers are longer than the limit of one answer, {config.answer_tokens} tokens: "
            "those rows count as wrong."
        )
    answers = [item.expected for item in (*task.items, *task.held_out)]
    return [*told, *warnings_of_answers(task.grader, answers, dict(task.grader_options))]


def warnings_of_answers(grader: str | Grader, answers: Sequence[str], options: Options) -> list[str]:
    """What this grader cannot tell apart in these expected answers, a sentence for each kind."""
    told = [_of_confusion(str(grader), one, options) for one in confusable(grader, answers, options)]
    if grader == "regex" and (loose := _matches_nothing(answers, options)):
        told.append(f"An empty answer matches the expression {_quoted(loose)} too: it counts as right there.")
    return told


def _of_confusion(grader: str, found: Confusion, options: Options) -> str:
    one, other = _quoted(found.one), _quoted(found.other)
    if found.kind == "inside":
        has = "has" if found.count == 1 else "have"
        return (
            f"{found.count} of your expected answers {has} another one inside: the contains grader takes {one} "
            f"for right where {other} is expected. Choose exact, or choice."
        )
    if found.kind == "tolerance":
        return (
            f"With a tolerance of {options.get('tolerance')} the numeric grader cannot tell apart {found.count} of "
            f"your expected answers, such as {one} and {other}: choose a smaller one."
        )
    if found.kind == "spelling":
        return (
            f"{found.count} of your expected answers differ only in how they are written, such as {one} and {other}: "
            f"the {grader} grader takes one for the other."
        )
    return (
        f"The {grader} grader cannot tell apart {found.count} of your expected answers, such as {one} and {other}: "
        "choose exact."
    )


def _matches_nothing(answers: Sequence[str], options: Options) -> str:
    """An expression that an empty answer matches, among the first ones, or ""."""
    expressions = [answer for answer in dict.fromkeys(answers) if answer][:EXPRESSIONS]
    return next((one for one in expressions if graded("regex", "", one, options).score == 1), "")


def _quoted(answer: str) -> str:
    line = " ".join(answer.split())
    return f"“{line[:SHOWN]}…”" if len(line) > SHOWN else f"“{line}”"


def _fault_of_rows(task: Task) -> str:
    if task.grader == RUBRIC:
        return ""
    for number, item in enumerate(task.items, 1):
        for answer in item.answers:
            if reason := fault(task.grader, answer):
                return f"Row {number}: the {task.grader_name} grader cannot use this answer: {reason}."
    answers = {folded(item.expected) for item in task.items}
    if task.items and not any(answers):
        return "No row has an expected answer. Add the answers, or leave the rows out."
    return ""


def _too_long(task: Task, config: Config) -> str:
    """Where more than half of the answers can never be written, the scores would say nothing."""
    unreachable = _unreachable(task, config)
    if 2 * len(unreachable) <= len(task.items):
        return ""
    longest = max(len(item.expected) for item in unreachable)
    return (
        f"{len(unreachable)} of {len(task.items)} expected answers are longer than the limit of one answer, "
        f"{config.answer_tokens} tokens; the longest has {longest} characters. Raise the limit, or shorten the answers."
    )


def _unreachable(task: Task, config: Config) -> list[Item]:
    if task.grader not in WHOLE:
        return []
    most = config.answer_tokens * BYTES_A_TOKEN
    return [item for item in task.items if len(item.expected.encode()) > most]


def _too_small(config: Config) -> str:
    calls = config.max_calls
    if calls is None or calls >= FEWEST_CALLS:
        return ""
    return f"A limit of {calls} calls leaves no room to search. Allow at least {FEWEST_CALLS}."


def _contradictions(items: Sequence[Item]) -> str:
    answers: dict[str, set[str]] = {}
    for item in items:
        answers.setdefault(item.input, set()).add(folded(item.expected))
    several = sum(len(said) > 1 for said in answers.values())
    if not several:
        return ""
    return f"{several} inputs have more than one expected answer; only the first of each counts."
