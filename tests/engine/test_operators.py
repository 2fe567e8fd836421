"""Operators one by one: what each proposes from what it is shown."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest

from optimizer.engine import Config, Item
from optimizer.engine.asking import Asker
from optimizer.engine.components import Components, Shot
from optimizer.engine.events import Outcome
from optimizer.engine.labels import usual_forms
from optimizer.engine.operators import OPERATORS, Operator, Understanding, View
from optimizer.engine.operators.base import settled
from optimizer.engine.operators.rows import diverse
from optimizer.engine.reasoning import reasoning_for
from optimizer.llm.base import Request
from optimizer.llm.scripted import Scripted
from tests.engine.world import ITEMS, task, world

BY_NAME = {operator.name: operator for operator in OPERATORS}
TRAIN = ITEMS[:20]
SHOTS = tuple(Shot(item.input, item.expected) for item in TRAIN[:4])
TAUGHT = Components("Is it even?", shots=SHOTS, shots_as="turns")


def view(parent: Components = TAUGHT, **changes: Any) -> View:
    told = {"task": task(), "config": Config(), "train": TRAIN, "rng": random.Random(1), **changes}
    return View(parent=parent, **told)


def children(
    name: str, seen: View, script: Callable[[Request], object] = world
) -> tuple[list[Components], list[Request]]:
    """What the operator proposes, and what it asked."""
    model = Scripted(script)  # type: ignore[arg-type]
    steps = Asker(model, Config()).together("", [settled(BY_NAME[name].propose(seen))])
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value[0], model.requests


def outcome(item: Item, score: float, output: str = "") -> Outcome:
    return Outcome(0, item.input, item.expected, output or item.expected, score, "too talkative")


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda operator: operator.name)
def test_an_operator_proposes_nothing_from_nothing_or_says_so(operator: Operator) -> None:
    bare = view(Components("Is it even?"), train=(), task=task(items=()))
    if operator.suits(bare):
        proposed, _ = children(operator.name, bare)
        assert all(isinstance(child, Components) for child in proposed)


def test_the_critique_sees_wrong_rows_with_their_reason_and_what_people_said() -> None:
    wrong = outcome(TRAIN[5], 0.0, "It is odd, I think")
    seen = view(practice=(wrong, outcome(TRAIN[6], 1.0)), task=task(evidence=("2 of 5 stars. Too wordy.",)))
    proposed, asked = children("critique and synthesize", seen)
    assert [request.purpose for request in asked] == ["critique", "synthesize"]
    text = asked[0].messages[0].content
    assert "It is odd, I think" in text
    assert "Too wordy." in text
    assert "1 answers were right" in text
    assert proposed[0].instruction == "GOOD: say odd or even."
    assert proposed[0].shots == TAUGHT.shots


def test_the_reason_is_told_where_no_answer_is_known() -> None:
    judged = Outcome(0, "word5", "", "It is odd, I think", 0.0, "the judge preferred the original's answer")
    _, asked = children("critique and synthesize", view(practice=(judged,)))
    assert "the judge preferred the original's answer" in asked[0].messages[0].content


def test_a_rewrite_is_asked_beside_the_scored_history() -> None:
    _, asked = children("mutate", view(history=(("Say odd.", 0.25), ("Say odd or even.", 0.5))))
    assert "25%: Say odd.\n50%: Say odd or even." in asked[0].messages[0].content


def test_a_rewrite_that_cannot_be_read_is_asked_for_once_more_with_another_seed() -> None:
    proposed, asked = children("mutate", view(), lambda request: "mumble")
    assert len(asked) == 2
    assert asked[0].seed != asked[1].seed
    assert proposed[0].instruction == ""  # which the guards refuse, and count


def test_a_rule_is_learnt_from_a_right_and_a_wrong_output() -> None:
    pair = outcome(TRAIN[0], 1.0, "even"), outcome(TRAIN[0], 0.0, "no idea")
    proposed, asked = children("contrast", view(contrasts=(pair,)))
    assert "no idea" in asked[0].messages[0].content
    assert proposed[0].instruction == "Is it even?\n\nSay GOOD only."


def test_rows_that_the_parent_missed_become_examples() -> None:
    missed = TRAIN[10:12]
    seen = view(practice=(*(outcome(item, 0.0) for item in missed), outcome(TRAIN[12], 1.0)))
    [child], _ = children("examples it got wrong", seen)
    assert {item.input for item in missed} <= {shot.input for shot in child.shots}
    assert len(child.shots) == len(TAUGHT.shots)


def test_own_outputs_become_examples_only_when_they_were_right_and_say_more() -> None:
    right = [outcome(item, 1.0, f"Its last digit tells. {item.expected}") for item in TRAIN[8:12]]
    wrong = [outcome(item, 0.0, f"I guess that it is {item.expected}") for item in TRAIN[12:16]]
    seen = view(
        practice=(*right, *wrong),
        hardness=((TRAIN[11].input, 0.9),),
        task=task(grader="contains"),
    )
    [child], _ = children("own verified outputs", seen)
    assert {shot.input for shot in child.shots} == {item.input for item in TRAIN[8:12]}
    assert child.shots[0].input == TRAIN[11].input  # the row that others got wrong comes first
    assert all(shot.output.startswith("Its last digit tells.") for shot in child.shots)
    assert not BY_NAME["own verified outputs"].suits(view())  # an exact grader wants the bare answer


def test_examples_are_added_exchanged_shuffled_and_deleted() -> None:
    assert len(children("more examples", view())[0][0].shots) == 8
    other = children("other examples", view())[0][0].shots
    assert len(set(other) & set(SHOTS)) == 2
    assert sorted(s.input for s in children("order of examples", view())[0][0].shots) == sorted(
        s.input for s in SHOTS
    )
    assert children("turns or text", view())[0][0].shots_as == "text"
    assert [len(c.shots) for c in children("deletion", view())[0]] == [2]


def test_new_examples_have_their_labels_in_balance() -> None:
    [child], _ = children("examples as chat turns", view(Components("Is it even?")))
    assert sorted(shot.output for shot in child.shots) == ["even"] * 4 + ["odd"] * 4


def test_parents_are_merged_part_by_part() -> None:
    rival = Components("Say odd or even.", answer_format="One word.")
    merged = {children("merge", view(rivals=(rival,), rng=random.Random(seed)))[0][0] for seed in range(8)}
    assert merged == {rival.but(shots=SHOTS, shots_as="turns"), TAUGHT.but(shots=(), shots_as="text")}


def test_persona_and_keywords_come_from_what_the_model_made_of_the_task() -> None:
    about = Understanding(expert="You are a counter.", keywords=("parity",))
    assert children("persona", view(about=about))[0][0].persona == "You are a counter."
    assert children("keywords", view(about=about))[0][0].keywords == ("parity",)
    assert not BY_NAME["persona"].suits(view())


def test_own_right_reasonings_become_examples() -> None:
    found = reasoning_for(task())
    parent = Components("Is it even?", reasoning=found)
    right = [Outcome(n, row.input, row.expected, row.expected, 1.0, reasoning=f"It ends in {n}.")
             for n, row in enumerate(TRAIN[:6])]  # fmt: skip
    named = Outcome(9, TRAIN[9].input, "odd", "odd", 1.0, reasoning="It is like many a long word8.")
    [child], requests = children("own right reasonings", view(parent=parent, reasoned=(*right, named)))
    assert len(child.shots) == 3
    assert not requests
    assert all(
        shot.reasoning.startswith("It ends in") and shot.output in {"even", "odd"} for shot in child.shots
    )
    assert not BY_NAME["own right reasonings"].suits(view())


def test_rows_that_it_got_wrong_are_tried_again_at_a_temperature() -> None:
    found = reasoning_for(task())
    assert found is not None
    wrong = [Outcome(n, row.input, row.expected, "none", 0.0) for n, row in enumerate(TRAIN[:6])]
    seen = view(parent=Components("Is it even?", reasoning=found), practice=tuple(wrong))
    answer = found.written("It is so.", "even")
    [child], requests = children("own right reasonings", seen, lambda request: answer)
    assert {request.temperature for request in requests} == {0.8}
    assert len(requests) == 8
    assert {shot.output for shot in child.shots} == {"even"}
    assert len(child.shots) == 2


def test_labels_are_written_as_most_rows_write_them() -> None:
    assert usual_forms(["Yes", "yes.", "yes", " yes", "no"]) == {"yes": "yes", "no": "no"}


def test_varied_rows_are_unlike_each_other() -> None:
    near = [Item(f"the cat sat on mat {n}", "cat") for n in range(8)]
    far = [Item("rockets burn fuel", "space"), Item("bread needs yeast", "food")]
    assert set(far) <= set(diverse([*near, *far], random.Random(0), most=3))
