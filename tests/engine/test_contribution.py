"""What each example adds, and the sets that are made from that."""

from __future__ import annotations

import pytest

from optimizer.engine import Config, run
from optimizer.engine.asking import Asker
from optimizer.engine.components import Shot, first_of
from optimizer.engine.constraint import Constraint
from optimizer.engine.contribution import contributions
from optimizer.engine.events import Finished, Outcome, Proposed
from optimizer.engine.method import Method
from optimizer.engine.operators.contribution import ExamplesByContribution
from optimizer.engine.operators.examples import AddExamples, OtherExamples, RandomExamples
from optimizer.engine.population import Child, Population
from optimizer.engine.prepare import races
from optimizer.engine.scoring import Graded
from optimizer.engine.splits import split
from optimizer.llm.base import CallFailedError, Request
from optimizer.llm.ledger import paid_once
from optimizer.llm.scripted import Scripted
from tests.engine.test_operators import SHOTS, TAUGHT, TRAIN, children, view
from tests.engine.world import last_input, proposals, task

GOOD, BAD, NEW = SHOTS[0], SHOTS[1], Shot(TRAIN[9].input, TRAIN[9].expected)


def scored(*scores: float) -> list[Outcome]:
    return [Outcome(row, f"word{row}", "", "", score) for row, score in enumerate(scores)]


def test_an_example_is_worth_what_sets_with_it_are_ahead() -> None:
    found = contributions([((GOOD, NEW), scored(1, 1, 1, 1)), ((BAD, NEW), scored(0, 0, 0, 0))])
    assert found[GOOD] == pytest.approx(4 * 0.5 / 20)
    assert found[BAD] == -found[GOOD]
    assert found[NEW] == 0


def test_sets_are_compared_on_the_same_rows_alone() -> None:
    easy, hard = scored(1, 1, 0, 0)[:2], scored(1, 1, 0, 0)[2:]
    assert set(contributions([((GOOD,), easy), ((BAD,), hard)]).values()) == {0}


def test_sets_that_never_ran_say_nothing() -> None:
    assert contributions([((GOOD,), []), ((), scored(1))]) == {}


def test_what_harmed_goes_and_what_helped_elsewhere_comes() -> None:
    seen = view(contributions=((GOOD, 0.2), (BAD, -0.1), (NEW, 0.3)))
    (fewer, as_many), asked = children("examples by contribution", seen)
    assert not asked
    assert fewer.shots == (SHOTS[0], *SHOTS[2:])
    assert set(as_many.shots) == {NEW, SHOTS[0], *SHOTS[2:]}


def test_the_last_example_of_a_label_stays() -> None:
    odd, even = SHOTS[1], SHOTS[0]
    seen = view(TAUGHT.but(shots=(even, odd)), contributions=((even, 0.2), (odd, -0.1)))
    assert children("examples by contribution", seen)[0] == []


def test_a_constraint_that_harms_is_not_held_against_the_examples() -> None:
    splits = split(task().items, seed=0)
    asker = Asker(Scripted(proposals), Config())
    race, training, _ = races(splits, Graded(task(), asker), asker, first_of(task()))
    population = Population(task(), asker.config, 0, race, training)
    labels = Constraint(labels=("even", "odd"))
    tried = [(TAUGHT, 0.5), (TAUGHT.but(shots=(NEW,)), 0.4), (TAUGHT.but(constraint=labels), 0.0)]
    for components, score in tried:
        entry = population.add(Child(population.original, "", components))
        race.recall(entry, scored(score, score, score, score))
    worth = dict(population.view(population.entries[1], "").contributions)
    assert worth[GOOD] > 0 > worth[NEW]


def test_nothing_is_proposed_without_knowledge() -> None:
    assert children("examples by contribution", view(contributions=((GOOD, 0.1),)))[0] == []


def test_an_example_that_misleads_is_dropped_in_a_run() -> None:
    misleading = split(task().items, seed=0).train[3].input

    def fooled(request: Request) -> str | CallFailedError:
        if request.purpose != "answer":
            return proposals(request)
        number = int(last_input(request)[4:])
        shown = " ".join(message.content for message in request.messages[:-1]).split()
        lost = not shown or number % 7 == 0 or (misleading in shown and number % 3)
        return "?" if lost else ("even", "odd")[number % 2]

    draws = (RandomExamples(), AddExamples("turns"), AddExamples("text"))
    chosen = (OtherExamples(), ExamplesByContribution())
    method = Method(structural=draws, following=chosen, operators=chosen, last=())
    events = list(run(task(), Config(reasoning="never"), paid_once(Scripted(fooled)), method=method))
    proposed = [event for event in events if isinstance(event, Proposed)]
    assert any(misleading in event.components.shown for event in proposed)
    assert any(event.operator == "examples by contribution" for event in proposed)
    assert isinstance(events[-1], Finished)
    assert misleading not in events[-1].components.shown
