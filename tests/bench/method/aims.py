"""What the method should reach, and whether the runs show it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from statistics import median
from typing import Any

from optimizer.counts import counted
from optimizer.engine.stats import mean
from tests.bench.method.apart import WITHOUT_SEARCH
from tests.bench.method.figures import FEW_SHOT, OURS, PEERS, THIRD, Figures
from tests.bench.method.tasks import HELD_OUT

SIGNIFICANT = 0.05
NEAR = 0.3
EXPECTED = Path(__file__).parent / "expected.json"
FEWEST_TASKS, FEWEST_SEEDS = 10, 3


@dataclass(frozen=True)
class Verdict:
    """An aim, whether it is met (None: the runs cannot tell yet), and the figure that says so."""

    aim: str
    met: bool | None
    figure: str


def verdicts(figures: Figures) -> list[Verdict]:
    """The aims that hold for this model and budget."""
    expected = _expected(figures)
    found: list[Verdict | None] = [_size(figures, expected), _mean(figures, expected)]
    found += [_above(figures, *wanted) for wanted in expected.get("above", {}).items()]
    found += [_only_answers(figures, expected), _above_all(figures), _never_below(figures)]
    found += [
        _not_below_few_shot(figures, expected),
        _by_hand(figures, expected),
        _gains(figures, expected),
        _at_a_third(figures),
        _estimates(figures),
    ]
    return [verdict for verdict in found if verdict]


def _expected(figures: Figures) -> dict[str, Any]:
    """What is aimed at with this model; an entry may be for one budget alone."""
    known = json.loads(EXPECTED.read_text())
    mine = (said for name, said in known.items() if name in figures.model.casefold())
    return next((said for said in mine if said.get("budget", figures.budget) == figures.budget), {})


def _size(figures: Figures, expected: dict[str, Any]) -> Verdict:
    fewest, seeds = expected.get("tasks", FEWEST_TASKS), expected.get("seeds", FEWEST_SEEDS)
    tasks = len({task for task, _ in figures.shared})
    pairs = len(figures.shared)
    behind = [method for method in (*figures.methods, *_absent(figures)) if method not in figures.through]
    return Verdict(
        f"Every method on at least {fewest} tasks, {counted(seeds, 'seed')}, {HELD_OUT} held-out rows",
        tasks >= fewest and pairs >= tasks * seeds and not behind,
        f"{tasks} tasks, {pairs} pairs of task and seed, {HELD_OUT} rows"
        + (f"; not yet {', '.join(behind)}" if behind else ""),
    )


def _mean(figures: Figures, expected: dict[str, Any]) -> Verdict | None:
    if "mean" not in expected:
        return None
    aim, found = f"Mean not below {100 * expected['mean']:.1f}", figures.mean_of(OURS)
    if found is None:
        return Verdict(aim, None, "no run yet")
    return Verdict(aim, found >= expected["mean"], f"{100 * found:.1f} in {len(figures.shared)} shared runs")


def _above(figures: Figures, method: str, wanted: float) -> Verdict:
    least = f"at least {100 * wanted:.0f} points above" if wanted else "above"
    aim = f"Mean {least} that of {method}"
    if not figures.pairs(method):
        return Verdict(aim, None, "no run yet")
    found = figures.against(method)
    return Verdict(
        aim,
        found.difference >= wanted and found.difference > 0,
        f"{100 * found.difference:+.1f} points ({100 * found.low:+.1f} to {100 * found.high:+.1f}) "
        f"over {counted(found.pairs, 'pair')}",
    )


def _only_answers(figures: Figures, expected: dict[str, Any]) -> Verdict | None:
    """Of ours, the finalist without reasoning, whichever leads."""
    wanted = expected.get("answer_only_above_few_shot")
    if wanted is None:
        return None
    aim = f"Without reasoning, mean at least {100 * wanted:.0f} points above that of {FEW_SHOT}"
    found = figures.answer_only_against(FEW_SHOT)
    if not found:
        return Verdict(aim, None, "no run yet")
    return Verdict(
        aim, mean(found) >= wanted, f"{100 * mean(found):+.1f} points over {counted(len(found), 'pair')}"
    )


def _above_all(figures: Figures) -> Verdict:
    aim = "Mean above that of every peer and baseline at the same tokens"
    others = [figures.against(m) for m in figures.methods if m not in (OURS, THIRD) and figures.pairs(m)]
    if not others:
        return Verdict(aim, None, "no run yet")
    nearest, absent = min(others, key=lambda other: other.difference), _absent(figures)
    found = f"nearest: {nearest.method}, {100 * nearest.difference:+.1f} points over {nearest.pairs} pairs"
    if nearest.difference > 0 and absent:
        return Verdict(aim, None, f"{found}; not yet {', '.join(absent)}")
    return Verdict(aim, nearest.difference > 0, found)


def _absent(figures: Figures) -> list[str]:
    """Peers that have not run with this model."""
    return [peer for peer in PEERS if peer not in figures.methods]


def _never_below(figures: Figures) -> Verdict:
    compared = figures.against_original()
    below = [c.task for c in compared if c.rows_worse > c.rows_better and c.p_value < SIGNIFICANT]
    aim = f"No task significantly below the original (p < {SIGNIFICANT})"
    return Verdict(aim, not below if compared else None, ", ".join(below) or f"none of {len(compared)}")


def _not_below_few_shot(figures: Figures, expected: dict[str, Any]) -> Verdict | None:
    if FEW_SHOT not in expected.get("above", {}):
        return None
    aim = f"No task below {FEW_SHOT} by more than its noise"
    shown = {task: figures.accuracy(FEW_SHOT, task) for task in figures.tasks}
    return _none_below(figures, aim, {task: by for task, by in shown.items() if by is not None})


def _by_hand(figures: Figures, expected: dict[str, Any]) -> Verdict | None:
    aim = "No task below what a few minutes by hand find, by more than its noise"
    return _none_below(figures, aim, expected.get("by_hand", {}))


def _none_below(figures: Figures, aim: str, least: Mapping[str, float]) -> Verdict | None:
    """Noise is twice the standard error of an accuracy over the held-out rows."""
    told = {task: by for task, by in least.items() if figures.of(OURS, task)}
    if not told:
        return None
    ours = {task: figures.accuracy(OURS, task) or 0.0 for task in told}
    below = [
        f"{task} {100 * ours[task]:.0f} for {100 * by:.0f}"
        for task, by in told.items()
        if ours[task] < by - 2 * sqrt(by * (1 - by) / HELD_OUT)
    ]
    return Verdict(aim, not below, ", ".join(below) or f"none of {len(told)}")


def _gains(figures: Figures, expected: dict[str, Any]) -> Verdict | None:
    if "gains" not in expected:
        return None
    compared = figures.against_original()
    gained = [c.task for c in compared if c.rows_better > c.rows_worse and c.p_value < SIGNIFICANT]
    aim = f"Significant gains on at least {expected['gains']} tasks"
    return Verdict(
        aim, len(gained) >= expected["gains"] if compared else None, f"{len(gained)} of {len(compared)}"
    )


def _at_a_third(figures: Figures) -> Verdict | None:
    """A peer's best mean is that of its runs to the end; what it had at a third of the tokens stands beside it."""
    aim = "The best peer's own best mean with at most a third of its tokens"
    searching = [peer for peer in PEERS if peer in figures.methods and peer not in WITHOUT_SEARCH]
    found = {peer: figures.pairs(peer, THIRD) for peer in searching}
    if not found:
        return None
    if not all(found.values()):
        return Verdict(aim, None, "no run yet")
    best = max(found, key=lambda peer: mean([them["accuracy"] for _, them in found[peer]]))
    us, them = ([pair[side] for pair in found[best]] for side in (0, 1))
    ours, theirs = (mean([line["accuracy"] for line in lines]) for lines in (us, them))
    spent, took = (mean([line["search_tokens"] for line in lines]) for lines in (us, them))
    return Verdict(
        aim,
        ours >= theirs and spent <= took / 3,
        f"ours {100 * ours:.1f} with {spent:,.0f} tokens, {best} {100 * theirs:.1f} with {took:,.0f}, "
        f"over {len(us)} pairs",
    )


def _estimates(figures: Figures) -> Verdict | None:
    """How far a run's cost is from its estimate, which rests on the speed of earlier runs."""
    lines = [
        line
        for method in (OURS, THIRD)
        for line in figures.of(method)
        if "expected_calls" in line and line["took_calls"]
    ]
    if not lines:
        return None
    off = {
        what: median(abs(line[f"expected_{what}"] / line[f"took_{what}"] - 1) for line in lines)
        for what in ("calls", "tokens", "seconds")
    }
    return Verdict(
        f"Estimates within {NEAR:.0%} of what a run takes, in the median",
        max(off.values()) <= NEAR,
        ", ".join(f"{what} {share:.0%}" for what, share in off.items()) + f" off, {len(lines)} runs",
    )
