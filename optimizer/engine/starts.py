"""What an earlier search found, made fit for this one: another model, other rows and other settings."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from optimizer.engine.components import Components, Shot
from optimizer.engine.constraint import Constraint
from optimizer.engine.population import Population
from optimizer.engine.prepare import split_of
from optimizer.engine.task import Config, Item, Task

NAME = "earlier result"


def seen_by(task: Task, config: Config, seed: int, *, cross_fitted: bool) -> frozenset[str]:
    """The inputs of rows that the search on this task saw, or the one that it started from."""
    splits = split_of(task, config, seed)
    searched = task.items if cross_fitted else (*splits.train, *splits.validation)
    return frozenset(item.input for item in searched).union(task.seen)


def seen_among(task: Task, rows: Sequence[Item]) -> int:
    """How many of these rows an earlier search saw."""
    seen = frozenset(task.seen)
    return sum(item.input in seen for item in rows)


def fitted(population: Population, held_out: Sequence[Item]) -> list[Components]:
    """The prompts of an earlier search, as they can race here.

    Examples that are now held-out rows are left out. So are those that are search rows, unless a prompt chooses its
    examples for each input. No row may see its own answer. What the model or a setting does not allow is left out too.
    """
    apart = {item.input for item in held_out}
    searched = {item.input for item in population.race.items}
    return [_fitted(found, population, apart, searched) for found in population.task.starts]


def _fitted(
    found: Components, population: Population, apart: Collection[str], searched: Collection[str]
) -> Components:
    original = population.original.components
    reasoning = population.reasoning if found.reasoning else None
    shots = [
        shot
        for shot in found.shots
        if shot.input not in apart and _fills(shot, original) and _may_show(population)
    ]
    nearest = found.nearest if len(shots) > found.nearest else 0
    if not nearest:
        shots = [shot for shot in shots if shot.input not in searched]
    if found.reasoning and not reasoning:
        shots = [replace(shot, reasoning="") for shot in shots]
    return _worded(found, population).but(
        variables=original.variables,
        reasoning=reasoning,
        constraint=_constraint(found, population),
        shots=tuple(shots),
        nearest=nearest,
        **_placed(found, population, shown=bool(shots)),
    )


def _worded(found: Components, population: Population) -> Components:
    """With its texts, as far as this prompt has such parts and the search may change them. What framed the part that
    the earlier search changed stays with that part."""
    task, original = population.task, population.original.components
    if not (found.beside or original.beside):
        return found
    text, beside = found.instruction, found.beside
    if _frames_system(found) != _frames_system(original):
        text, beside = beside, found.but(reasoning=None).head
        found = found.but(persona="", keywords=(), answer_format="")
    may_change = task.part == "both" and beside
    return found.but(
        instruction=text or original.instruction, beside=beside if may_change else original.beside
    )


def _frames_system(prompt: Components) -> bool:
    """Whether the system text is the part to which a search adds."""
    return prompt.head_as == "system" and bool(prompt.beside)


def _placed(found: Components, population: Population, *, shown: bool) -> dict[str, Any]:
    """Where the prompt and its examples stand, as far as the target model tells that apart."""
    task, original = population.task, population.original.components
    turns = shown and task.example_turns and found.shots_as == "turns"
    once = turns and task.hears_system and not original.variables and not original.beside
    return {
        "shots_as": "turns" if turns else "text",
        "head_as": found.head_as if once and original.head_as == "user" else original.head_as,
    }


def _constraint(found: Components, population: Population) -> Constraint | None:
    """What answers may be with these rows, if the earlier prompt was constrained."""
    possible = population.task.turns or not found.reasoning  # reasoning and answer are two turns
    return population.constraint if found.constraint and possible else None


def _fills(shot: Shot, original: Components) -> bool:
    """Whether the example has a value for each variable of the prompt."""
    return {name for name, _ in shot.values} == set(original.variables)


def _may_show(population: Population) -> bool:
    return not population.config.instructions_only
