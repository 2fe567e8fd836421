"""What is a variable of a prompt, what is text, and what goes into their places."""

from __future__ import annotations

import json

import pytest

from optimizer.engine import Item, TaskRefusedError
from optimizer.engine.components import Components, Shot, original_of
from optimizer.engine.events import Finished, Proposed
from optimizer.engine.guards import objection
from optimizer.engine.inputs import items_of
from optimizer.engine.variables import filled, variables
from optimizer.llm.base import Request
from tests.engine.world import events_of, proposals, task


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("{{a}} {{ b }} {{a}}", ("a", "b")),
        ("{{题}} {{größe_2}}", ("题", "größe_2")),
        ('{"q": {{q}}}', ("q",)),
        (r"Question:\n{{q}}\t{{r}}", ("q", "r")),
        ("{{ {{a}} }}", ("a",)),
        (r"\\{{a}}", ("a",)),
        (r"x^{{n_{i}}}", ()),
        ('{{ "a": {{ "b": 1 }} }}', ()),
        ("{{{question}}}", ()),
        ("{{{{escaped}}}}", ()),
        (r"\frac{{a}}{{b}} of {{c}}", ("c",)),
        (r"\operatorname*{{a}}", ()),
        ("${{ secrets.X }} ${{X}} {{y}}", ("y",)),
        ("{{b.c}} {{b-c}} {d} {{}} {{a\n}} {{open", ()),
    ],
)
def test_a_name_in_double_braces_is_a_variable_and_all_else_is_text(
    text: str, names: tuple[str, ...]
) -> None:
    assert variables(text) == names
    values = tuple((name, f"<{name}>") for name in ("a", "b", "X", "question", "escaped", "n_"))
    rest = filled(text, Item("row", values=values))
    for kept in (r"x^{{n_{i}}}", "{{{question}}}", r"\frac{{a}}{{b}}", "${{ secrets.X }} ${{X}}"):
        assert (kept in rest) == (kept in text)


def test_what_is_marked_as_text_stays_and_the_input_stands_below() -> None:
    prompt = original_of("Say {{a}} of {{b}}.", ("a", "b"))
    assert prompt.variables == ()
    assert prompt.messages(Item("tea"))[0].content == "Say {{a}} of {{b}}.\n\ntea"


def test_each_variable_gets_its_own_value_in_examples_too() -> None:
    prompt = original_of("For {{team}} answer {{question}}.")
    shot = Shot("team: red\nquestion: why", "so", values=(("team", "red"), ("question", "why")))
    row = Item("team: blue\nquestion: how", values=(("team", "blue"), ("question", "how")))
    chat = prompt.but(shots=(shot,), shots_as="turns").messages(row)
    assert [message.content for message in chat] == ["For red answer why.", "so", "For blue answer how."]


def test_a_copied_prompt_ends_with_a_place_for_the_input() -> None:
    shots = (Shot("Great!", "positive"),)
    for shots_as in ("text", "turns"):
        text = Components("Name the sentiment.", shots=shots, shots_as=shots_as).as_text()
        assert text.endswith("Input: Great!\nOutput: positive\n\nInput: {{input}}\nOutput:")
    assert original_of("Sort {{mail}}.").but(shots=shots).as_text().endswith("positive\n\nSort {{mail}}.")
    assert original_of("Name the sentiment.").as_text() == "Name the sentiment."


def test_a_rewrite_keeps_the_variables_and_may_drop_braces_that_are_text() -> None:
    original = original_of("Translate {{text}} as {{formal}} mail, please, into French.", ("formal",))

    def said(text: str) -> str:
        return objection(original.but(instruction=text), original, {original})

    assert said("Translate {{text}} as {{formal}} mail into French, please.") == ""
    assert said("Translate {{text}} as formal mail into French, please.") == ""
    assert said("Translate the text as {{formal}} mail into French.") == "variables lost or new"
    assert said("Translate {{text}} of {{author}} into French, please.") == "variables lost or new"


def test_inputs_without_rows_fill_each_variable() -> None:
    both = task(prompt="{{a}} or {{b}}", items=())
    (item,) = items_of(both, ['{"a": "x", "b": 2, "c": "no"}'])
    assert (item.input, item.values) == ("a: x\nb: 2", (("a", "x"), ("b", "2")))
    with pytest.raises(TaskRefusedError, match="Test input 2: it needs a value for each variable"):
        items_of(both, ['{"a": "x", "b": "y"}', '{"a": "x"}'])
    (item,) = items_of(task(prompt="Only {{a}}", items=()), ['{"a": "x"}'])
    assert item.values == (("a", '{"a": "x"}'),)


def test_rows_with_several_variables_are_told_apart_and_sent_whole() -> None:
    rows = tuple(
        Item(f"team: {team}\nquestion: word{n}", "even" if n % 2 == 0 else "odd",
             values=(("team", team), ("question", f"word{n}")))
        for n in range(10) for team in ("red", "blue")
    )  # fmt: skip
    sent: list[str] = []

    def script(request: Request) -> str:
        if request.purpose != "answer":
            return proposals(request)
        sent.append(request.messages[-1].content)
        return "even"

    events = events_of(task(prompt="For {{team}}: is {{question}} even?", items=rows), script, iterations=1)
    assert isinstance(events[-1], Finished)
    asked = {text for text in sent if text.startswith("For ") and text.endswith(" even?")}
    assert asked <= {f"For {row.values[0][1]}: is {row.values[1][1]} even?" for row in rows}
    assert len(asked) > 10
    assert "For red: is word3 even?" in sent
    assert not any("{{" in text for text in sent)
    assert all(e.components.variables == ("team", "question") for e in events if isinstance(e, Proposed))


def test_any_of_several_answers_is_right() -> None:
    rows = tuple(Item(f"word{n}", "two", also=("even", "both")) for n in range(12))

    def script(request: Request) -> str:
        return "both" if request.purpose == "answer" else proposals(request)

    result = events_of(task(items=rows), script, iterations=1)[-1]
    assert isinstance(result, Finished)
    assert result.quality_score == 100


def test_a_judge_sees_the_filled_prompt() -> None:
    seen: list[str] = []

    def script(request: Request) -> str:
        if request.purpose == "compare":
            seen.append(request.messages[0].content)
        if request.purpose == "inputs":
            return json.dumps({"inputs": [{"a": f"word{n}", "b": f"B{n}"} for n in range(8)]})
        return (
            str(request.seed) + request.messages[-1].content
            if request.purpose == "answer"
            else proposals(request)
        )

    events_of(task(prompt="Is {{a}} like {{b}}?", items=()), script, iterations=1)
    assert seen
    assert any("Is word1 like B1?" in text for text in seen)
    assert not any("{{a}}" in text for text in seen)
