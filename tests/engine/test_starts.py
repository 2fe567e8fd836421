"""A search that starts from what an earlier one found: as components, with what fits this model and these rows."""

from __future__ import annotations

from dataclasses import replace

import pytest

from optimizer.engine import Config, run
from optimizer.engine.asking import Asker
from optimizer.engine.components import Components, Shot, first_of, shot_of
from optimizer.engine.constraint import Constraint
from optimizer.engine.events import Event, Finished, Proposed, Scored
from optimizer.engine.population import Population
from optimizer.engine.prepare import races
from optimizer.engine.reasoning import Reasoning
from optimizer.engine.scoring import Graded
from optimizer.engine.splits import Splits, split
from optimizer.engine.starts import NAME, fitted, seen_by
from optimizer.engine.task import Item, Task
from optimizer.engine.verdicts import Verdict
from optimizer.llm.base import Request
from optimizer.llm.ledger import Ledger, MemoryStore
from optimizer.llm.scripted import Scripted
from tests.engine.world import ITEMS, events_of, last_input, proposals, task, world

SPLITS = split(ITEMS, seed=0)
FOUND = Components("Say even or odd for the GOOD number.", persona="You are a counter.")
THINKING = Reasoning("Think first.", "Antwort:")


def fits(found: Components, the_task: Task | None = None, **config: object) -> Components:
    """As it would race on the rows of the world."""
    the_task = replace(the_task or task(), starts=(found,))
    asker = Asker(Scripted(world), Config(**config))  # type: ignore[arg-type]
    race, training, _ = races(SPLITS, Graded(the_task, asker), asker, first_of(the_task))
    (one,) = fitted(Population(the_task, asker.config, 0, race, training), SPLITS.held_out)
    return one


def shots(*rows: Item) -> tuple[Shot, ...]:
    return tuple(map(shot_of, rows))


def test_components_stay_as_they_were() -> None:
    found = FOUND.but(shots=shots(*SPLITS.train[:4]), shots_as="turns", head_as="system")
    assert fits(found) == found


def test_no_row_is_shown_its_own_answer() -> None:
    given = (*SPLITS.held_out[:2], *SPLITS.validation[:2], *SPLITS.train[:2])
    assert fits(FOUND.but(shots=shots(*given), shots_as="turns")).shots == shots(*SPLITS.train[:2])
    nearest = FOUND.but(shots=shots(*given, *SPLITS.train[2:8]), shots_as="turns", nearest=3)
    assert fits(nearest).shots == shots(*SPLITS.validation[:2], *SPLITS.train[:8])
    few = FOUND.but(shots=shots(*given), shots_as="turns", nearest=5)
    assert (fits(few).shots, fits(few).nearest) == (shots(*SPLITS.train[:2]), 0)


def test_a_constraint_is_that_of_these_rows() -> None:
    found = FOUND.but(constraint=Constraint(labels=("yes", "no")))
    constraint = fits(found).constraint
    assert constraint
    assert set(constraint.labels) == {"even", "odd"}
    reasoned = found.but(reasoning=THINKING)
    assert fits(reasoned).constraint == constraint
    assert fits(reasoned, task(turns=False)).constraint is None  # reasoning and answer would be two turns


def test_rows_of_another_file_stay_examples() -> None:
    stranger = Item("word99", "odd")
    assert fits(FOUND.but(shots=shots(stranger))).shots == shots(stranger)


def test_without_examples_left_nothing_speaks_of_turns() -> None:
    found = FOUND.but(shots=shots(*SPLITS.held_out), shots_as="turns", head_as="system", nearest=3)
    assert fits(found) == FOUND


def test_examples_may_be_forbidden() -> None:
    assert fits(FOUND.but(shots=shots(*SPLITS.train), shots_as="turns"), instructions_only=True) == FOUND


def test_a_model_that_tells_no_turns_apart_gets_a_text() -> None:
    found = FOUND.but(shots=shots(*SPLITS.train[:2]), shots_as="turns", head_as="system")
    assert fits(found, task(turns=False)) == found.but(shots_as="text", head_as="user")
    assert fits(found, task(hears_system=False)) == found.but(head_as="user")
    assert fits(FOUND, task(as_system=True)).head_as == "system"


@pytest.mark.parametrize(
    ("changes", "config"),
    [({"thinks": True}, {}), ({}, {"reasoning": "never"}), ({}, {"answer_tokens": 20})],
)
def test_reasoning_goes_where_it_cannot_be(changes: dict[str, object], config: dict[str, object]) -> None:
    shown = (replace(shot_of(SPLITS.train[0]), reasoning="It ends so."),)
    found = FOUND.but(shots=shown, shots_as="turns", reasoning=THINKING)
    fit = fits(found, task(**changes), **config)
    assert fit.reasoning is None
    assert fit.shots == shots(SPLITS.train[0])


def test_reasoning_is_asked_for_as_in_this_task() -> None:
    fit = fits(FOUND.but(reasoning=THINKING))
    assert fit.reasoning is not None
    assert fit.reasoning.marker == "Answer:"


# A whole search


def pathless(request: Request) -> str:
    """Right only with an instruction that no proposal contains."""
    if request.purpose != "answer":
        return proposals(request)
    text = "\n".join(message.content for message in request.messages)
    right = "even" if int(last_input(request)[4:]) % 2 == 0 else "odd"
    return right if "SECRET" in text else "neither"


SECRET = Components("SECRET: say even or odd.")


def finished(events: list[Event]) -> Finished:
    return next(event for event in events if isinstance(event, Finished))


def test_it_races_from_the_beginning_and_can_win() -> None:
    alone = finished(events_of(task(), pathless))
    assert alone.best == 0
    events = events_of(task(starts=(SECRET,)), pathless)
    first = [event for event in events if isinstance(event, Proposed)][1]
    assert (first.number, first.parents, first.operator, first.components) == (1, (0,), NAME, SECRET)
    result = finished(events)
    assert result.comparison
    assert (result.comparison.baseline, result.comparison.best) == (0.0, 1.0)
    assert "SECRET" in result.components.instruction
    assert result.improvements


def test_the_random_examples_still_race_beside_it() -> None:
    events = events_of(task(starts=(SECRET,)), pathless)
    second = next(n for n, event in enumerate(events) if isinstance(event, Scored) and event.number)
    operators = {event.operator for event in events[:second] if isinstance(event, Proposed)}
    assert {NAME, "random examples", "examples as chat turns"} <= operators


def test_one_that_does_not_fit_the_prompt_is_skipped() -> None:
    lost = Components("Say {{other}}.", variables=("other",))
    events = events_of(task(starts=(lost,)), world)
    assert ("variables lost or new", 1) in finished(events).rejected


def test_a_replay_gives_the_same_calls() -> None:
    found = FOUND.but(shots=shots(*SPLITS.train[:3]), shots_as="turns")
    asked = task(starts=(found, SECRET), other_models=("twin",))
    models = [Scripted(world), Scripted(world)]
    runs = [list(run(asked, Config(), Ledger(model, MemoryStore()))) for model in models]
    assert runs[0] == runs[1]
    assert [request.key for request in models[0].requests] == [request.key for request in models[1].requests]


def test_splits_are_those_of_the_world() -> None:
    assert isinstance(SPLITS, Splits)
    assert (len(SPLITS.held_out), len(SPLITS.validation), len(SPLITS.train)) == (16, 12, 12)


# Rows that the earlier search saw

WORDS = [str(item.input) for item in ITEMS]


def by_heart(request: Request) -> str:
    """Right only on rows whose answers stand in the instruction: an earlier search wrote them down."""
    if request.purpose != "answer":
        return proposals(request)
    text = "\n".join(message.content for message in request.messages)
    known = f"{last_input(request)} is even" in text, f"{last_input(request)} is odd" in text
    return {(True, False): "even", (False, True): "odd"}.get(known, "neither")


def learnt(items: tuple[Item, ...]) -> Components:
    return Components("Remember: " + ", ".join(f"{item.input} is {item.expected}" for item in items) + ".")


@pytest.mark.parametrize(("rows", "changes"), [(24, {}), (39, {"other_models": ("twin",)}), (40, {})])
def test_rows_that_the_earlier_search_saw_prove_nothing(rows: int, changes: dict[str, object]) -> None:
    items = ITEMS[:rows]
    asked = task(items=items, starts=(learnt(items),), seen=tuple(WORDS[:rows]), **changes)
    result = finished(events_of(asked, by_heart, seed=5, reasoning="never"))
    assert result.comparison
    assert result.comparison.difference > 0.5
    assert result.verdict not in (None, Verdict.BETTER)
    compared = result.comparison.rows
    assert f"The earlier search saw {compared} of {compared} held-out rows" in result.caveats[0]


def test_other_rows_are_held_out_first_and_prove_as_usual() -> None:
    """With more rows and another seed, none that the earlier search saw is compared."""
    earlier = task(items=ITEMS[:24])
    seen = seen_by(earlier, Config(), 0, cross_fitted=True)
    assert seen == set(WORDS[:24])
    found = split(ITEMS, seed=9, seen=seen)
    assert {item.input for item in found.held_out} == set(WORDS[24:])
    few = split(ITEMS[:36], seed=9, seen=seen)
    assert {item.input for item in few.held_out} == set(WORDS[24:36])
    result = finished(events_of(task(starts=(SECRET,), seen=tuple(seen)), pathless, seed=9))
    assert result.verdict == Verdict.BETTER


def test_with_the_same_rows_the_same_are_held_out_whatever_the_seed() -> None:
    seen = seen_by(task(), Config(), 0, cross_fitted=False)
    assert seen == set(WORDS) - {item.input for item in SPLITS.held_out}
    assert split(ITEMS, seed=0, seen=seen) == SPLITS
    assert set(split(ITEMS, seed=1, seen=seen).held_out) == set(SPLITS.held_out)
    again = task(seen=("of an earlier one",))
    assert "of an earlier one" in seen_by(again, Config(), 0, cross_fitted=False)
