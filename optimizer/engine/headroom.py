"""Whether anything can be gained: asked early, so that a hopeless search ends early (after arXiv 2604.14585)."""

from __future__ import annotations

from collections.abc import Iterable
from math import sqrt
from statistics import stdev

from optimizer.counts import counted
from optimizer.engine.board import Entry
from optimizer.engine.figures import percent
from optimizer.engine.population import Population
from optimizer.engine.reasoning import Kind
from optimizer.engine.results import SOME_HEADROOM, Headroom
from optimizer.engine.stats import mean

NEAR = 0.97  # of the search rows right: no gain can show
LEAST = 0.05  # a gain that is worth a search
SURE = 1.645  # standard errors: the upper end of a two-sided 90 % interval
FEWEST = 8  # rows that a lever was tried on


def nearly_all_right(population: Population) -> Headroom:
    """No headroom if the original is right on nearly all search rows and training rows that it ran on."""
    race, original = population.race, population.original
    outcomes = [*race.outcomes(original), *population.training.outcomes(original)]
    reached = mean([outcome.score for outcome in outcomes])
    if not race.complete(original) or reached < NEAR:
        return SOME_HEADROOM
    rows = counted(len(outcomes), "row")
    right = f"all {rows}" if reached >= 1 else f"{percent(reached)} of {rows}"
    return Headroom(
        "none",
        f"Nothing to gain: the original is right on {right} that it was tried on. Harder rows could show a difference.",
    )


def no_lever_helps(population: Population) -> Headroom:
    """No headroom if no lever that was tried (examples, reasoning, constraint, rewriting) may gain as much as LEAST."""
    levers = _levers(population)
    if not levers.get("examples") or any(_may_gain(population, tried) for tried in levers.values()):
        return SOME_HEADROOM
    *others, last = levers
    tried = f"{', '.join(others)} and {last}" if others else last
    return Headroom(
        "none",
        f"Nothing to gain: {tried} did worse than the original, or hardly better. More rows, a stronger optimizer "
        "model or another grader may help.",
    )


def _levers(population: Population) -> dict[str, list[Entry]]:
    """The entries that ran on enough rows, by the lever that they try."""
    enough = [
        entry
        for entry in population.entries
        if entry.number and len(population.race.outcomes(entry)) >= min(FEWEST, len(population.race.items))
    ]
    reasoned = [entry for entry in enough if entry.components.kind == Kind.REASONS_FIRST]
    shown = [entry for entry in enough if entry.components.shots and entry not in reasoned]
    constrained = [entry for entry in enough if entry.components.constraint]
    rewritten = [entry for entry in enough if entry.operator in population.writers]
    named = {"examples": shown, "reasoning": reasoned, "constraint": constrained, "rewriting": rewritten}
    return {name: entries for name, entries in named.items() if entries}


def _may_gain(population: Population, entries: Iterable[Entry]) -> bool:
    return any(_most(population, entry) >= LEAST for entry in entries)


def _most(population: Population, entry: Entry) -> float:
    """The upper end of the paired interval of the entry's gain. Equal gains still get the spread of one other row."""
    before, after = population.race.paired(population.original, entry)
    gains = [b - a for a, b in zip(before, after, strict=True)]
    spread = max(stdev(gains), 1 / sqrt(len(gains))) if len(gains) > 1 else 1.0
    return mean(gains) + SURE * spread / sqrt(len(gains))
