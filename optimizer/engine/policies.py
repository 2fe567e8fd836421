"""Policies: which parent is changed next, and by which operator. Each is one small protocol with several
implementations."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from optimizer.engine.board import Entry
from optimizer.engine.task import Prior

GAIN = 0.2  # points, of a child that is sure to win
FAINT = 2.0  # tries that all of an operator's earlier runs count for, together


@dataclass(frozen=True)
class Standing:
    """An entry of the pool, and on how many rows it leads: no other has a better score there, and its own is above
    0."""

    entry: Entry
    leads: int


@dataclass(frozen=True)
class Tally:
    """How an operator has done: `promise` is the share of wins expected before anything is known (0 to 1)."""

    promise: float
    wins: float = 0.0
    tries: float = 0.0

    def after(self, *, won: bool) -> Tally:
        """With one more try."""
        return Tally(self.promise, self.wins + won, self.tries + 1)


class ParentPolicy(Protocol):
    """Chooses the parent of the next child; the pool's first is the leader."""

    def __call__(self, pool: Sequence[Standing], rng: random.Random) -> Entry: ...


class OperatorPolicy(Protocol):
    """Chooses the operator of the next child, by name, among those that suit."""

    def __call__(self, records: Mapping[str, Tally], rng: random.Random) -> str: ...


def pareto_parents(pool: Sequence[Standing], rng: random.Random) -> Entry:
    """By chance, in proportion to the rows that each leads on (GEPA, arXiv 2507.19457)."""
    return rng.choices([s.entry for s in pool], [s.leads for s in pool])[0] if _any(pool) else pool[0].entry


def best_parent(pool: Sequence[Standing], rng: random.Random) -> Entry:
    """Always the leader."""
    return pool[0].entry


def thompson(records: Mapping[str, Tally], rng: random.Random) -> str:
    """By a draw from what is believed of each: a beta distribution over its share of wins (Thompson sampling)."""
    draws = {
        name: rng.betavariate(1 + 2 * r.promise + r.wins, 1 + 2 * (1 - r.promise) + r.tries - r.wins)
        for name, r in records.items()
    }
    return max(draws, key=lambda name: draws[name])


def likely_gain(promise: float) -> float:
    """How many points above its parent a child is likely to score: none where it is expected to win at most every
    second time (0.5), GAIN where always."""
    return GAIN * max(0.0, 2 * promise - 1)


def any_operator(records: Mapping[str, Tally], rng: random.Random) -> str:
    """All alike."""
    return rng.choice(list(records))


def with_prior(promise: float, prior: Prior | None) -> Tally:
    """The record that a run begins with: earlier runs count faintly, however many they were."""
    if prior is None or prior.tries <= 0:
        return Tally(promise)
    share = min(1.0, max(0.0, prior.wins / prior.tries))
    weight = min(FAINT, prior.tries)
    return Tally(promise, share * weight, weight)


def _any(pool: Sequence[Standing]) -> bool:
    return any(standing.leads for standing in pool)
