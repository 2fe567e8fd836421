"""What a comparison proves, and that a run's sentences agree with its numbers, however it ends."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Any

import pytest

from optimizer import verdicts
from optimizer.engine import Config, Contender, Item, Task, compare, run
from optimizer.engine.caveats import NO_REWRITE
from optimizer.engine.components import Components
from optimizer.engine.estimate import Speed, estimate_comparison
from optimizer.engine.events import Compared, Finished, Leading, Outcome, Proposed, Scored
from optimizer.engine.figures import interval, pair, percent, points, whole
from optimizer.engine.finish import compare as compared
from optimizer.engine.results import Comparison
from optimizer.engine.splits import split
from optimizer.engine.verdicts import JudgeMeasure, Judgement, Verdict, verdict
from optimizer.llm.base import CallFailedError, Request
from optimizer.llm.ledger import Ledger, MemoryStore
from optimizer.llm.scripted import Scripted
from optimizer.models import OptimizationSession
from optimizer.worker.storing import results_of, scores_of
from tests.engine.world import ITEMS, last_input, proposals, task

Script = Callable[[Request], "str | CallFailedError"]

HELD_OUT = [int(item.input[4:]) for item in split(ITEMS, seed=0).held_out]
SEARCHED = {int(item.input[4:]) for item in ITEMS} - set(HELD_OUT)
FEW = ITEMS[:11]
INPUTS = tuple(f"word{number}" for number in range(24))


def outcomes(better: int, worse: int, same: int) -> Comparison:
    before = [0.0] * better + [1.0] * worse + [1.0] * same
    after = [1.0] * better + [0.0] * worse + [1.0] * same
    return compared(before, after, seed=0)


@pytest.mark.parametrize(
    ("better", "worse", "same", "said"),
    [
        (11, 0, 0, Verdict.TOO_FEW_ROWS),
        (12, 0, 0, Verdict.BETTER),
        (5, 0, 7, Verdict.BETTER),
        (1, 0, 11, Verdict.NOT_PROVEN),  # its interval only touches 0
        (0, 0, 12, Verdict.NOT_PROVEN),
        (2, 2, 20, Verdict.NOT_PROVEN),
        (0, 1, 11, Verdict.NOT_PROVEN),
        (12, 29, 59, Verdict.WORSE),
    ],
)
def test_the_verdict_is_a_function_of_the_paired_outcomes(
    better: int, worse: int, same: int, said: Verdict
) -> None:
    assert verdict(outcomes(better, worse, same)) == said


@pytest.mark.parametrize(
    ("judged", "said"),
    [
        (Judgement(), Verdict.BETTER),
        (Judgement(0.2, 0.8), Verdict.BETTER),
        (Judgement(0.21, 0.5), Verdict.NOT_PROVEN),
        (Judgement(0.0, 0.92), Verdict.NOT_PROVEN),
        (Judgement(0.0, 0.08), Verdict.NOT_PROVEN),
        (Judgement(0.0, None), Verdict.BETTER),
        (Judgement(0.0, 0.5, JudgeMeasure(6, 0.8, 0.9, 0.65)), Verdict.BETTER),
        (Judgement(0.0, 0.5, JudgeMeasure(6, 0.79, 0.5, 1.0)), Verdict.NOT_PROVEN),
        (Judgement(0.0, 0.5, JudgeMeasure(6, 1.0, 0.5, 0.64)), Verdict.NOT_PROVEN),
        (Judgement(0.0, 0.5, JudgeMeasure(6, 0.9, None, None)), Verdict.BETTER),
    ],
)
def test_a_judge_that_cannot_be_trusted_proves_nothing(judged: Judgement, said: Verdict) -> None:
    assert verdict(outcomes(16, 0, 0), judged=judged) == said
    few = verdict(outcomes(8, 0, 0), judged=judged)
    assert few == (said if said == Verdict.NOT_PROVEN else Verdict.TOO_FEW_ROWS)


def test_rows_that_could_not_be_run_on_are_not_compared() -> None:
    assert verdict(outcomes(8, 0, 8), misfits=5) == Verdict.TOO_FEW_ROWS


def test_a_half_is_rounded_one_way_everywhere() -> None:
    assert (percent(0.125), whole(0.125)) == ("13 %", 13)
    assert (percent(0.285), percent(0.005), percent(0.0)) == ("29 %", "1 %", "0 %")
    assert (points(-0.125), points(0.01), points(0)) == ("−13 points", "+1 point", "0 points")


@pytest.mark.parametrize(
    ("scores", "told"),
    [
        ((0.40625, 0.75), ("41 %", "75 %", "+34 points")),
        ((1 / 6, 5 / 6), ("17 %", "83 %", "+66 points")),
        ((0.5, 0.5), ("50 %", "50 %", "0 points")),
        ((0.7801, 0.784), ("78.0 %", "78.4 %", "+0.4 points")),
    ],
)
def test_two_scores_and_their_difference_agree(
    scores: tuple[float, float], told: tuple[str, str, str]
) -> None:
    found = pair(*scores)
    assert (found.before, found.after, found.difference) == told


def test_an_interval_above_0_never_reads_as_0() -> None:
    assert interval(0.5, 0.6, 0.002, 0.2) == ("+0.2", "+20")
    assert interval(1 / 6, 5 / 6, 2 / 3, 2 / 3) == ("+66", "+67")


# Every ending


def right(number: int) -> str:
    return "even" if number % 2 == 0 else "odd"


def answering(before: Collection[int], after: Collection[int], other: Script = proposals) -> Script:
    """The original is right on the numbers `before`, whoever shows chat turns on those `after`."""

    def script(request: Request) -> str | CallFailedError:
        if request.purpose != "answer":
            return other(request)
        number = int(last_input(request)[4:])
        known = after if len(request.messages) > 1 else before
        return right(number) if number in known else "wrong"

    return script


def judging(prefer: Callable[[int, bool], str]) -> Script:
    """Without rows: `prefer` is given the input's number and whether the better answer is shown first."""

    def script(request: Request) -> str | CallFailedError:
        if request.purpose == "answer":
            long_winded = len(request.messages) == 1 and "variant" not in request.messages[-1].content
            return f"I think that it is {last_input(request)}." if long_winded else "short"
        if request.purpose != "compare":
            return proposals(request)
        text = request.messages[-1].content
        number = int(re.findall(r"word(\d+)", text)[0])
        first, second = re.findall(r"<[AB]>\n(.*)\n</[AB]>", text)
        talkative = "I think" in first, "I think" in second
        return prefer(number, f"word{number}." in first if all(talkative) else not talkative[0])

    return script


def better(letter_first: bool) -> str:
    return json.dumps({"better": "A" if letter_first else "B"})


def failing(request: Request) -> str | CallFailedError:
    return CallFailedError("refused", "Out of memory.")


def misfitting(request: Request) -> str | CallFailedError:
    if request.purpose == "answer" and len(request.messages) > 1 and int(last_input(request)[4:]) in HELD_OUT:
        return CallFailedError("context_window", "too long")
    return answering((), range(40))(request)


@dataclass(frozen=True)
class Case:
    """A run and how it has to end: `best` is "best" or "original", "" where either may be."""

    script: Script
    said: Verdict | None
    handed_over: bool
    headline: str
    changes: dict[str, Any] = field(default_factory=dict)
    config: dict[str, Any] = field(default_factory=dict)
    reason: str = ""


FIRST_HALF = HELD_OUT[:5]
ENDINGS = {
    "better": Case(
        answering((), range(40)), Verdict.BETTER, True, "16 of 16 rows better, none worse.", reason="every search row"
    ),
    "ahead": Case(
        answering(FIRST_HALF, [*SEARCHED, *HELD_OUT[:8]]), Verdict.NOT_PROVEN, True,
        "Ahead on 3 of 16 rows, not proven.",
    ),
    "ahead and behind": Case(
        answering(FIRST_HALF, [*SEARCHED, *HELD_OUT[1:8]]), Verdict.NOT_PROVEN, True,
        "Ahead on 3 of 16 rows, behind on 1, not proven.",
    ),
    "ahead, only proven": Case(
        answering(FIRST_HALF, [*SEARCHED, *HELD_OUT[:8]]), Verdict.NOT_PROVEN, False,
        "Ahead on 3 of 16 rows, not proven: the original is kept, as you asked.", config={"only_proven": True},
    ),
    "two better, two worse": Case(
        answering(HELD_OUT[:5], [*SEARCHED, *HELD_OUT[2:7]]), Verdict.NOT_PROVEN, False,
        "Kept the original: with the best found, 2 of 16 rows got better and 2 worse.",
    ),
    "tie": Case(
        answering(FIRST_HALF, [*SEARCHED, *FIRST_HALF]), Verdict.NOT_PROVEN, False,
        "Kept the original: the best found did just as well, no better.",
    ),
    "worse": Case(
        answering(HELD_OUT, SEARCHED), Verdict.WORSE, False,
        "Kept the original: with the best found, 0 of 16 rows got better and 16 worse.",
    ),
    "too few rows": Case(
        answering((), range(40)), Verdict.TOO_FEW_ROWS, True, "Ahead on 4 of 4 rows, not proven.",
        changes={"items": FEW},
    ),
    "nothing ahead": Case(
        answering((), ()), Verdict.NOT_PROVEN, False,
        "Kept the original: no candidate was ahead of it on search rows.",
        reason="nothing better than the original",
    ),
    "patience after a best": Case(
        answering((), [n for n in range(40) if n % 7]), Verdict.BETTER, True, "rows better, none worse.",
        config={"patience": 1}, reason="The last round brought nothing better than the best so far",
    ),
    "optimizer failed": Case(
        answering((), [n for n in range(40) if n % 7], failing), Verdict.BETTER, True, "rows better, none worse.",
        reason="optimizer model failed",
    ),
    "held-out rows do not fit": Case(
        misfitting, None, False, "Kept the original: the best found could not be compared with it.",
    ),
    **{
        f"{most} calls": Case(
            answering((), [n for n in range(40) if n % 7]), None if most > 40 else Verdict.TOO_FEW_ROWS, True,
            "", config={"max_calls": most},
            reason=f"The budget of {most} calls leaves no room for another step: " if most > 60 else "",
        )
        for most in (40, 60, 80, 120)
    },
    "judged fairly": Case(
        judging(lambda number, first: better(first)), Verdict.BETTER, True, "12 of 12 rows better, none worse.",
        changes={"items": (), "inputs": INPUTS},
    ),
    "judged by place": Case(
        judging(lambda number, first: better(True) if number % 4 else better(first)), Verdict.NOT_PROVEN, True,
        "Ahead on", changes={"items": (), "inputs": INPUTS},
    ),
    "judged by the last place": Case(
        judging(lambda number, first: better(False) if number % 4 else better(first)), Verdict.NOT_PROVEN, True,
        "Ahead on", changes={"items": (), "inputs": INPUTS},
    ),
    "unreadable verdicts": Case(
        judging(lambda number, first: better(first) if number % 3 else "well"), Verdict.NOT_PROVEN, True, "Ahead on",
        changes={"items": (), "inputs": INPUTS},
    ),
    "few inputs": Case(
        judging(lambda number, first: better(first)), Verdict.TOO_FEW_ROWS, True, "Ahead on 8 of 8 rows, not proven.",
        changes={"items": (), "inputs": INPUTS[:16]},
    ),
}  # fmt: skip


def ended(case: Case) -> Finished:
    model = Ledger(Scripted(case.script), MemoryStore())
    *_, last = run(task(**case.changes), Config(**case.config), model)
    assert isinstance(last, Finished)
    return last


def session_of(result: Finished, case: Case) -> OptimizationSession:
    """As a worker keeps it."""
    return OptimizationSession(
        status="completed",
        dataset_id=1 if case.changes.get("items", ITEMS) else None,
        finish_reason=result.reason,
        results=json.loads(json.dumps(results_of(result))),
        **scores_of(result),
    )


@pytest.mark.parametrize("name", ENDINGS)
def test_each_ending_has_its_verdict_and_its_sentence(name: str) -> None:
    case = ENDINGS[name]
    result = ended(case)
    if case.said:
        assert result.verdict == case.said
    assert result.proof.handed_over is (result.best > 0) is case.handed_over
    assert case.headline in verdicts.headline(session_of(result, case))
    assert case.reason in result.reason


@pytest.mark.parametrize("name", ENDINGS)
def test_no_sentence_of_an_ending_contradicts_another(name: str) -> None:
    case = ENDINGS[name]
    result = ended(case)
    session = session_of(result, case)
    comparison, headline, gain = result.comparison, verdicts.headline(session), verdicts.gain(session)
    kept = result.best == 0
    assert ("original" in headline) is kept
    assert bool(verdicts.next_step(session)) is (result.verdict is not None)
    assert (verdicts.next_step(session).startswith("Copy it")) is (result.verdict == Verdict.BETTER)
    winner = result.proof.winner
    if found := re.search(r"nothing better than (the .*)\.", result.reason):
        assert found[1] == ("the best so far" if winner else "the original")
    if budget := re.search(r"The budget of (\d+) calls .*: (\d+) used, (\d+) needed for", result.reason):
        limit, used, needed = map(int, budget.groups())
        assert used <= limit <= used + needed + Config().block * 4
    for step in result.improvements:
        if told := re.search(r"(\d+)(?:\.\d)? % before, (\d+)(?:\.\d)? % after", step):
            assert int(told[2]) > int(told[1]), step
    assert not any("no better" in caveat or "by chance" in caveat for caveat in result.caveats)
    if comparison is None:
        assert gain == ""
        return
    shown = verdicts.scores(session)
    assert shown is not None
    score = comparison.baseline if kept else comparison.best
    assert result.quality_score == pytest.approx(100 * score)
    assert f"{whole(result.quality_score / 100)} %" == percent(score)
    if winner:
        assert gain.startswith(f"{shown.difference} on {comparison.rows} rows")
        difference = int(shown.after.split()[0]) - int(shown.before.split()[0])
        assert shown.difference == points(difference / 100)
        assert ("interval" in gain) is (result.verdict != Verdict.TOO_FEW_ROWS)
    if result.verdict == Verdict.BETTER:
        assert re.search(r"interval \+", gain)


def test_a_judge_that_is_not_trusted_says_why_and_what_to_do() -> None:
    for name, words in [("judged by place", "shown first"), ("judged by the last place", "shown second")]:
        result = ended(ENDINGS[name])
        assert any(words in text and "proves nothing" in text for text in result.caveats)
        step = verdicts.next_step(session_of(result, ENDINGS[name]))
        assert step.startswith("Choose another judge model, or add rows")
    result = ended(ENDINGS["unreadable verdicts"])
    assert any("too many to prove anything" in text for text in result.caveats)


def test_limits_that_left_rows_out_are_what_to_change() -> None:
    case = ENDINGS["40 calls"]
    result = ended(case)
    assert result.proof.left_out == 6
    assert verdicts.next_step(session_of(result, case)).startswith("Allow more calls or tokens")


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("ahead", "Add rows: about 50 in all would prove a gain like this one."),
        ("too few rows", "Add rows: 12 or more with different inputs."),
        ("few inputs", "Give 24 or more test inputs of your own, because half of them are held out."),
        ("nothing ahead", "No answer counts as right:"),
        ("tie", "Choose a stronger optimizer model"),
        ("worse", "The original is right on every held-out row"),
    ],
)
def test_the_next_step_is_the_one_that_helps(name: str, step: str) -> None:
    case = ENDINGS[name]
    assert verdicts.next_step(session_of(ended(case), case)).startswith(step)


def test_a_model_that_wrote_no_rewrite_is_replaced_not_outdone() -> None:
    case = ENDINGS["tie"]
    session = session_of(ended(case), case)
    session.results["caveats"] = [
        f"The optimizer model {NO_REWRITE} of the instruction (3 proposals skipped)."
    ]
    assert verdicts.next_step(session) == "Choose another optimizer model: this one wrote no usable rewrite."


def test_what_changed_lists_no_step_that_lost() -> None:
    steps = [step for case in ENDINGS.values() for step in ended(case).improvements]
    assert steps
    for step in steps:
        assert " before, " in step or "search row" not in step


# The comparison alone


def stopped(script: Script, the_task: Task, store: MemoryStore) -> Contender:
    """A search that ends as soon as somebody leads, with what it had paid for in the store."""
    components: dict[int, Components] = {}
    scores: dict[int, tuple[Outcome, ...]] = {}
    for event in run(the_task, Config(), Ledger(Scripted(script), store)):
        match event:
            case Proposed(number=number):
                components[number] = event.components
            case Scored(number=number, split="validation"):
                scores[number] = scores.get(number, ()) + event.outcomes
        if isinstance(event, Leading) and event.number:
            return Contender(event.number, components[event.number], scores[event.number], scores[0])
    raise AssertionError


@pytest.mark.parametrize("name", ["better", "ahead", "worse", "tie", "judged fairly"])
def test_a_stopped_search_is_compared_on_the_rows_of_its_own_end(name: str) -> None:
    case, store = ENDINGS[name], MemoryStore()
    the_task = task(**case.changes)
    contender = stopped(case.script, the_task, store)
    model = Scripted(case.script)
    *_, last = compare(the_task, Config(), Ledger(model, store), contender=contender)
    assert isinstance(last, Compared)
    whole_run = ended(case)
    assert (last.proof.verdict, last.proof.handed_over) == (whole_run.verdict, case.handed_over)
    assert whole_run.comparison is not None
    assert last.proof.comparison is not None
    assert last.proof.comparison.rows == whole_run.comparison.rows
    assert {request.purpose for request in model.requests} <= {"answer", "compare"}
    held_out = {item.input for item in split(ITEMS, seed=0).held_out}
    if the_task.items:
        assert {last_input(request) for request in model.requests} == held_out


def test_the_comparison_alone_holds_to_no_limit_and_asks_nothing_twice() -> None:
    case, store = ENDINGS["better"], MemoryStore()
    contender = stopped(case.script, task(), store)
    for expected in (32, 0):
        model = Scripted(case.script)
        *_, last = compare(task(), Config(max_tokens=10_000), Ledger(model, store), contender=contender)
        assert isinstance(last, Compared)
        assert last.proof.comparison is not None
        assert len(model.requests) == expected


def test_what_the_comparison_takes_is_known_before() -> None:
    case, store = ENDINGS["better"], MemoryStore()
    contender = stopped(case.script, task(), store)
    before = len(store.kept)
    model = Scripted(case.script)
    speed = Speed(1000, 40, slots=4)
    told = estimate_comparison(task(), Config(), speed, contender=contender, paid=store.find)
    assert len(store.kept) == before
    list(compare(task(), Config(), Ledger(model, store), contender=contender))
    assert told.calls == (len(model.requests), len(model.requests))
    assert told.tokens.low > 0
    assert told.minutes.low > 0
    again = estimate_comparison(task(), Config(), speed, contender=contender, paid=store.find)
    assert again.calls == (0, 0)


def test_items_with_weights_that_cancel_out_are_not_ahead() -> None:
    weights = {number: 0.1 * (1 + number % 3) for number in range(40)}
    items = tuple(Item(item.input, item.expected, weights[int(item.input[4:])]) for item in ITEMS)
    by_weight = sorted(HELD_OUT, key=lambda number: weights[number])
    small = [n for n in by_weight if n % 3 == 0][:1] + [n for n in by_weight if n % 3 == 1][:1]
    large = [n for n in by_weight if n % 3 == 2][:1]
    result = ended(Case(answering(large, [*SEARCHED, *small]), None, False, "", changes={"items": items}))
    assert result.comparison is not None
    assert abs(result.comparison.difference) < 1e-9
    assert result.best == 0
