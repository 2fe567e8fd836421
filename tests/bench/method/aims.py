"""What the method is to reach, and whether the runs show it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from math import sqrt
from pathlib import Path
from statistics import median
from typing import Any

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
    tasks, seeds = len(figures.whole), len(figures.seeds)
    return Verdict(
        f"At least {FEWEST_TASKS} tasks, {FEWEST_SEEDS} seeds, {HELD_OUT} held-out rows",
        tasks >= FEWEST_TASKS and seeds >= FEWEST_SEEDS,
        f"{tasks} whole tasks, {seeds} seeds, {HELD_OUT} rows",
    )


def _above_original(figures: Figures, expected: dict[str, Any]) -> Verdict | None:
    wanted = expected.get("points")
    ours, original = figures.mean_of(OURS), figures.mean_of(ORIGINAL)
    if wanted is None:
        return None
    aim = f"Mean at least {100 * wanted:.0f} points above the original's"
    if ours is None or original is None:
        return Verdict(aim, None, "no run yet")
    return Verdict(aim, ours - original >= wanted, f"{100 * (ours - original):+.1f} points")


def _above_all(figures: Figures) -> Verdict:
    aim = "Mean above that of every peer and baseline at the same tokens"
    ours = figures.mean_of(OURS)
    others = {m: figures.mean_of(m) or 0 for m in figures.methods if m not in (OURS, THIRD)}
    if ours is None or not others:
        return Verdict(aim, None, "no run yet")
    best = max(others, key=lambda method: others[method])
    return Verdict(
        aim, ours > others[best], f"ours {100 * ours:.1f}, best other {best} {100 * others[best]:.1f}"
    )


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
    ours, tokens = figures.mean_of(THIRD), figures.mean_of(THIRD, "search_tokens")
    peers = {peer: mean for peer in PEERS if (mean := figures.mean_of(peer)) is not None}
    if not peers:
        return None
    if ours is None or tokens is None:
        return Verdict(aim, None, "no run yet")
    best = max(peers, key=lambda peer: peers[peer])
    theirs = figures.mean_of(best, "search_tokens") or 0
    return Verdict(
        aim,
        ours >= peers[best] and tokens <= theirs / 3,
        f"ours {100 * ours:.1f} with {tokens:,.0f} tokens, {best} {100 * peers[best]:.1f} with {theirs:,.0f}",
    )


def _estimates(figures: Figures) -> Verdict | None:
    """How far what a run takes is from what was expected of it, by the speed of the runs before."""
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
