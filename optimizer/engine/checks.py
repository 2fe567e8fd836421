"""What is wrong with a task, said before anything is spent; and what its rows cannot show."""

from __future__ import annotations

from collections.abc import Sequence

from optimizer.counts import agreeing, counted
from optimizer.engine.confusion import Confusion, confusable
from optimizer.engine.graders import RUBRIC, fault, folded, graded
from optimizer.engine.reasoning import why_not
from optimizer.engine.scoring import WHOLE
from optimizer.engine.task import FEWEST_CALLS, Config, Grader, Item, Options, Task, TaskRefusedError

BYTES_A_TOKEN = 6  # more than any usual text has: a longer answer certainly does not fit
SHOWN = 60  # characters of an answer in a sentence
EXPRESSIONS = 200  # that are tried on an empty answer; compiling takes about a millisecond each


def refuse(task: Task, config: Config) -> None:
    """TaskRefusedError for a task that cannot be searched or graded as it is."""
    reason = (
        _fault_of_rows(task) or _too_long(task, config) or _too_small(config) or _unreasonable(task, config)
    )
    if reason:
        raise TaskRefusedError(reason)


def caveats(task: Task, config: Config) -> list[str]:
    """What people should know about the rows."""
    told = [text for text in (_contradictions(task.items), _hopeless(task, config)) if text]
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
        contain = "contains" if found.count == 1 else "contain"
        return (
            f"{found.count} of your expected answers {contain} another one: the contains grader accepts {one} "
            f"where {other} is expected. Choose the exact or the choice grader."
        )
    if found.kind == "tolerance":
        return (
            f"With a tolerance of {options.get('tolerance')} the numeric grader cannot tell apart {found.count} of "
            f"your expected answers, such as {one} and {other}. Choose a smaller tolerance."
        )
    if found.kind == "spelling":
        return (
            f"{found.count} of your expected answers differ only in how they are written, such as {one} and {other}. "
            f"The {grader} grader accepts one in place of the other."
        )
    return (
        f"The {grader} grader cannot tell apart {found.count} of your expected answers, such as {one} and {other}. "
        "Choose the exact grader."
    )


def _matches_nothing(answers: Sequence[str], options: Options) -> str:
    """An expression that an empty answer matches, among the first ones, or ""."""
    expressions = [answer for answer in dict.fromkeys(answers) if answer][:EXPRESSIONS]
    return next((one for one in expressions if graded("regex", "", one, options).score == 1), "")


def _quoted(answer: str) -> str:
    line = " ".join(answer.split())
    return f"“{line[:SHOWN]}…”" if len(line) > SHOWN else f"“{line}”"


def _hopeless(task: Task, config: Config) -> str:
    too_long = len(_unreachable(task, config))
    if not too_long:
        return ""
    answers = f"{counted(too_long, 'expected answer')} {agreeing(too_long, 'is', 'are')}"
    rows = agreeing(too_long, "that row counts", "those rows count")
    return f"{answers} longer than the limit for one answer, {_limit(config)}: {rows} as wrong."


def _limit(config: Config) -> str:
    return counted(config.answer_tokens, "token")


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
    answers = f"{counted(len(task.items), 'expected answer')} {agreeing(len(unreachable), 'is', 'are')}"
    return (
        f"{len(unreachable)} of {answers} longer than the limit for one answer, {_limit(config)}; the longest has "
        f"{counted(longest, 'character')}. Raise the limit, or shorten the answers."
    )


def _unreachable(task: Task, config: Config) -> list[Item]:
    if task.grader not in WHOLE:
        return []
    most = config.answer_tokens * BYTES_A_TOKEN
    return [item for item in task.items if len(item.expected.encode()) > most]


def _unreasonable(task: Task, config: Config) -> str:
    """Where only prompts with reasoning are wanted, why there can be none."""
    why = why_not(task, config) if config.reasoning == "only" else ""
    return f"{why} Choose another setting for reasoning before the answer." if why else ""


def _too_small(config: Config) -> str:
    calls = config.max_calls
    if calls is None or calls >= FEWEST_CALLS:
        return ""
    return f"A limit of {counted(calls, 'call')} leaves no room to search. Allow at least {FEWEST_CALLS}."


def _contradictions(items: Sequence[Item]) -> str:
    answers: dict[str, set[str]] = {}
    for item in items:
        answers.setdefault(item.input, set()).add(folded(item.expected))
    several = sum(len(said) > 1 for said in answers.values())
    if not several:
        return ""
    have = f"{counted(several, 'input')} {agreeing(several, 'has', 'have')}"
    return f"{have} more than one expected answer; only the first {agreeing(several, '', 'of each ')}counts."
