"""What the method should reach, and whether the runs show it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from statistics import median
from typing import Any

from optimizer.engine.stats import mean
from tests.bench.method.figures import ORIGINAL, OURS, PEERS, THIRD, Figures
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
    """The aims that hold for this model."""
    expected = _expected(figures.model)
    found = [_size(figures), _above_original(figures, expected), _above_all(figures), _never_below(figures)]
    found += [
        _by_hand(figures, expected),
        _gains(figures, expected),
        _at_a_third(figures),
        _estimates(figures),
    ]
    return [verdict for verdict in found if verdict]


def _expected(model: str) -> dict[str, Any]:
    known = json.loads(EXPECTED.read_text())
    return next((said for name, said in known.items() if name in model.casefold()), {})


def _size(figures: Figures) -> Verdict:
    tasks = len({task for task, _ in figures.shared})
    pairs = len(figures.shared)
    behind = [method for method in (*figures.methods, *_absent(figures)) if method not in figures.through]
    return Verdict(
        f"Every method on at least {FEWEST_TASKS} tasks, {FEWEST_SEEDS} seeds, {HELD_OUT} held-out rows",
        tasks >= FEWEST_TASKS and pairs >= tasks * FEWEST_SEEDS and not behind,
        f"{tasks} tasks, {pairs} pairs of task and seed, {HELD_OUT} rows"
        + (f"; not yet {', '.join(behind)}" if behind else ""),
    )


def _above_original(figures: Figures, expected: dict[str, Any]) -> Verdict | None:
    wanted = expected.get("points")
    if wanted is None:
        return None
    aim = f"Mean at least {100 * wanted:.0f} points above the original's"
    if not figures.of(OURS) or not figures.of(ORIGINAL):
        return Verdict(aim, None, "no run yet")
    found = figures.against(ORIGINAL)
    return Verdict(
        aim, found.difference >= wanted, f"{100 * found.difference:+.1f} points over {found.pairs} pairs"
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


def _by_hand(figures: Figures, expected: dict[str, Any]) -> Verdict | None:
    """Noise is twice the standard error of an accuracy over the held-out rows."""
    by_hand = {task: by for task, by in expected.get("by_hand", {}).items() if figures.of(OURS, task)}
    if not by_hand:
        return None
    ours = {task: figures.accuracy(OURS, task) or 0.0 for task in by_hand}
    below = [
        f"{task} {100 * ours[task]:.0f} for {100 * by:.0f}"
        for task, by in by_hand.items()
        if ours[task] < by - 2 * sqrt(by * (1 - by) / HELD_OUT)
    ]
    aim = "No task below what a few minutes by hand find, by more than its noise"
    return Verdict(aim, not below, ", ".join(below) or f"none of {len(by_hand)}")


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
    found = {peer: figures.pairs(peer, THIRD) for peer in PEERS if peer in figures.methods}
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
