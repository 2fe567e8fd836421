"""What changed from the original to a finalist, and what each change brought."""

from __future__ import annotations

from optimizer.engine import finish
from optimizer.engine.board import Entry
from optimizer.engine.figures import NOTHING
from optimizer.engine.population import Population
from optimizer.engine.stats import mean


def improvements(population: Population, best: Entry, kind: str) -> list[str]:
    """Each step in words, the first one first; `kind` names the score. A step that gained nothing is told as part of
    the next one that did."""
    steps = []
    while best.parents:
        parent = _last_behind(population, best)
        what = finish.changes(parent.components, best.components)
        before, after = population.race.paired(parent, best)
        why = finish.gain(before, after, kind) if mean(after) > mean(before) + NOTHING else ""
        steps.append(f"{what} {why}".strip())
        best = parent
    return [step for step in steps[::-1] if step]


def _last_behind(population: Population, best: Entry) -> Entry:
    """The youngest ancestor that did worse on the search rows that both ran on; else the original."""
    ancestor = population.entries[best.parents[0]]
    while ancestor.parents:
        before, after = population.race.paired(ancestor, best)
        if mean(after) > mean(before) + NOTHING:
            break
        ancestor = population.entries[ancestor.parents[0]]
    return ancestor
