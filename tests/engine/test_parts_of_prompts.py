"""A prompt with a text and a system text: which message carries what, and which part a search changes."""

from __future__ import annotations

import hashlib
import json

import pytest

from optimizer.engine import Config, Item, Task, TaskRefusedError, run
from optimizer.engine.components import Components, Shot, first_of, original_of
from optimizer.engine.events import Finished, Proposed, Rejected
from optimizer.engine.finish import changes
from optimizer.engine.fitting import longest_call
from optimizer.engine.guards import objection
from optimizer.engine.program import program_of
from optimizer.engine.reasoning import Reasoning
from optimizer.llm.base import CallFailedError, Message, Request
from optimizer.llm.ledger import Ledger, MemoryStore
from optimizer.llm.scripted import Scripted
from tests.engine.world import ITEMS, PROMPT, answers, events_of, proposals, task, world

SYSTEM = "You know numbers."
ROW = Item("word7", "odd")
SHOT = Shot("word2", "even")
OF_WORDS = tuple(Item(item.input, item.expected, values=(("word", item.input),)) for item in ITEMS)


def two_parts(**changes: object) -> Task:
    return task(system_text=SYSTEM, **changes)


def taught_by_system(request: Request) -> str | CallFailedError:
    """A model that only its system message can teach how to answer."""
    if request.purpose != "answer":
        return proposals(request)
    taught = "GOOD" in request.messages[0].content or "exactly one of" in request.messages[0].content
    return answers(request) if taught and request.messages[0].role == "system" else "Who knows?"


def listening(request: Request) -> str | CallFailedError:
    """A model that is taught by any of its messages, and by turns."""
    if request.purpose != "answer":
        return proposals(request)
    said = " ".join(message.content for message in request.messages)
    taught = "GOOD" in said or "exactly one of" in said or "assistant" in {m.role for m in request.messages}
    words = [part for part in said.split() if part.startswith("word")]
    return ("even" if int(words[-1][4:]) % 2 == 0 else "odd") if taught else "Who knows?"


def unteachable(request: Request) -> str | CallFailedError:
    """A model that nothing helps."""
    return "Who knows?" if request.purpose == "answer" else proposals(request)


def sent(components: Components, item: Item = ROW) -> list[tuple[str, str]]:
    return [(message.role, message.content) for message in components.messages(item)]


@pytest.mark.parametrize("part", ["text", "system", "both"])
def test_each_part_has_its_message_whichever_is_changed(part: str) -> None:
    original = first_of(two_parts(part=part))
    assert sent(original) == [("system", SYSTEM), ("user", f"{PROMPT}\n\nword7")]
    assert (original.system_text, original.as_text()) == (SYSTEM, PROMPT)
    assert original.whole == f"{SYSTEM}\n\n{PROMPT}"


@pytest.mark.parametrize("part", ["text", "system"])
def test_examples_as_turns_repeat_the_text_and_not_the_system_text(part: str) -> None:
    shown = first_of(two_parts(part=part)).but(shots=(SHOT,), shots_as="turns")
    assert sent(shown) == [
        ("system", SYSTEM),
        ("user", f"{PROMPT}\n\nword2"),
        ("assistant", "even"),
        ("user", f"{PROMPT}\n\nword7"),
    ]


def test_what_is_added_stands_in_the_part_that_is_changed() -> None:
    reasoning = Reasoning("Think first.", "Answer:")
    for part, place in (("text", 1), ("system", 0), ("both", 1)):
        added = first_of(two_parts(part=part)).but(
            persona="You are a clerk.", reasoning=reasoning, shots=(SHOT,)
        )
        contents = [message.content for message in added.messages(ROW)]
        assert "You are a clerk." in contents[place]
        assert "Think first." in contents[place]
        assert "Output: Answer: even" in contents[place]
        assert "clerk" not in contents[1 - place]


def test_examples_in_the_system_text_are_copied_with_it() -> None:
    shown = first_of(two_parts(part="system")).but(shots=(SHOT,))
    assert shown.system_text == f"{SYSTEM}\n\nInput: word2\nOutput: even"
    assert shown.as_text() == PROMPT
    assert shown.length == len(shown.system_text) + len(PROMPT)


def test_variables_are_filled_in_either_part() -> None:
    prompt = original_of("Is {{word}} even?", (), "Answer for {{team}}, in {{word}}'s words.")
    item = Item("word: 7\nteam: red", values=(("word", "7"), ("team", "red")))
    assert prompt.variables == ("team", "word")
    assert sent(prompt, item) == [("system", "Answer for red, in 7's words."), ("user", "Is 7 even?")]


def test_variables_of_the_system_text_alone_leave_the_text_as_it_is() -> None:
    prompt = original_of("Sum it up.", (), "The document: {{document}}")
    assert sent(prompt, Item("abc", values=(("document", "abc"),))) == [
        ("system", "The document: abc"),
        ("user", "Sum it up."),
    ]


def test_a_literal_is_text_in_either_part() -> None:
    prompt = original_of("Is {{word}} {{x}}?", ("x",), "Keep {{x}} and {{y}}.")
    assert prompt.variables == ("y", "word")


def test_the_window_has_room_for_the_system_text() -> None:
    longer = task(system_text="Be very patient. " * 500)
    assert longest_call(longer, Config()) > longest_call(task(), Config()) + 1_000


def test_no_example_is_a_turn_if_only_the_system_text_shows_the_row() -> None:
    def turns(asked: Task) -> list[bool]:
        told = events_of(asked, listening, max_calls=300)
        return [
            e.components.shots_as == "turns" for e in told if isinstance(e, Proposed) and e.components.shots
        ]

    apart = task(items=OF_WORDS, system_text="The number: {{word}}")
    assert not any(turns(apart))
    assert any(turns(task(prompt="Is {{word}} even?", items=OF_WORDS, system_text=SYSTEM)))


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        ({"part": "system"}, "no system text to change"),
        ({"part": "both"}, "no system text to change"),
        ({"system_text": SYSTEM, "as_system": True}, "cannot be the system message too"),
    ],
)
def test_what_cannot_be_sent_is_refused(asked: dict[str, object], why: str) -> None:
    with pytest.raises(TaskRefusedError, match=why):
        list(run(task(**asked), Config(), Scripted(world)))


def test_a_search_changes_the_system_text_alone() -> None:
    told = events_of(two_parts(part="system"), taught_by_system)
    last = told[-1]
    assert isinstance(last, Finished)
    assert last.best is not None
    assert last.comparison is not None
    assert last.comparison.best == 1.0
    assert last.comparison.baseline == 0.0
    assert last.components.as_text() == PROMPT
    assert last.components.system_text != SYSTEM
    assert any("system text" in step or "answer format" in step for step in last.improvements)
    for event in told:
        if isinstance(event, Proposed):
            assert event.components.beside == PROMPT


def test_a_search_of_the_text_leaves_the_system_text() -> None:
    told = events_of(two_parts(), listening)
    for event in told:
        if isinstance(event, Proposed):
            assert event.components.beside == SYSTEM
            assert event.components.messages(ROW)[0] == Message("system", SYSTEM)


def test_a_search_of_both_changes_one_part_at_a_time() -> None:
    told = events_of(two_parts(part="both"), taught_by_system, iterations=8, patience=99, target_score=2)
    proposed = {event.number: event for event in told if isinstance(event, Proposed)}
    reworded = {"instruction": 0, "beside": 0}
    for event in proposed.values():
        if event.operator not in {"mutate", "critique and synthesize", "contrast"}:
            continue
        parent = proposed[event.parents[0]].components
        changed = [name for name in reworded if event.components.part(name) != parent.part(name)]  # type: ignore[arg-type]
        assert len(changed) == 1
        reworded[changed[0]] += 1
    assert min(reworded.values()) > 0


def test_a_search_of_both_finds_what_only_the_system_text_can_teach() -> None:
    last = events_of(two_parts(part="both"), taught_by_system)[-1]
    assert isinstance(last, Finished)
    assert last.comparison is not None
    assert last.comparison.best == 1.0
    assert last.components.beside != SYSTEM


def test_the_optimizer_model_is_shown_both_parts() -> None:
    for part, role in (("text", "user's message"), ("system", "system message")):
        model = Scripted(unteachable)
        list(run(two_parts(part=part), Config(), Ledger(model, MemoryStore())))
        asked = [r.messages[-1].content for r in model.requests if r.purpose in {"mutate", "synthesize"}]
        assert asked
        assert all(f"This prompt is the {role}" in text for text in asked)
        assert all("<other_part>" in text for text in asked)
        (understood,) = [r.messages[-1].content for r in model.requests if r.purpose == "understand"]
        assert f"{SYSTEM}\n\n{PROMPT}" in understood


def test_a_part_keeps_its_own_variables() -> None:
    original = original_of("Is {{word}} even?", (), "For {{team}}.")
    moved = original.but(instruction="Is it even?", beside="For {{team}}, about {{word}}.")
    assert objection(moved, original, []) == "variables lost or new"
    assert objection(original.but(beside="Speak for {{team}}."), original, []) == ""


def test_guards_hold_the_other_part_too() -> None:
    original = first_of(two_parts(part="both"))
    assert objection(original.but(beside=""), original, []) == "no usable reply"
    assert objection(original.but(beside="I'm sorry, I cannot."), original, []) == "refusal"
    assert objection(original.but(beside="x " * 2_000), original, []) == "too long"
    assert objection(original.but(beside="odd"), original, [], {"odd"}) == "an answer, not a prompt"


def test_what_changed_names_the_part() -> None:
    text, system = first_of(two_parts()), first_of(two_parts(part="system"))
    assert changes(text, text.but(instruction="Odd?")) == "Rewrote the text."
    assert changes(text, text.but(beside="Be brief.")) == "Rewrote the system text."
    assert changes(system, system.but(instruction="Be brief.")) == "Rewrote the system text."


@pytest.mark.parametrize(
    ("part", "started"),
    [
        ("system", ("Found system.", "Is it even?")),
        ("text", (SYSTEM, "Found text.")),
        ("both", ("Found system.", "Found text.")),
    ],
)
def test_an_earlier_result_gives_the_parts_that_may_change(part: str, started: tuple[str, str]) -> None:
    found = (
        Components("Found text.", beside="Found system."),
        Components("Found system.", beside="Found text.", head_as="system"),
    )
    for start in found:
        told = events_of(two_parts(part=part, starts=(start,)), listening, max_calls=200)
        (first,) = [e for e in told if isinstance(e, Proposed) and e.operator == "earlier result"]
        assert (first.components.system_text, first.components.as_text()) == started


def test_a_program_fills_both_messages() -> None:
    prompt = original_of("Is {{word}} even?", (), "About {{word}}.").but(
        shots=(SHOT_OF_WORD,), shots_as="turns"
    )
    told: dict[str, object] = {"__name__": "prompt"}
    exec(program_of(prompt, model="t", max_tokens=9), told)
    chat = told["messages"]("word7")  # type: ignore[operator]
    item = Item("word7", values=(("word", "word7"),))
    assert [(m["role"], m["content"]) for m in chat] == sent(prompt, item)


SHOT_OF_WORD = Shot("word2", "even", values=(("word", "word2"),))

# Digests of everything that these searches asked before a prompt could have two parts. A change of the search itself
# changes them: then take the new ones.
EARLIER = {
    "a5d3e1496c861bdc": task(),
    "4ff87976fe91cf48": task(as_system=True),
    "7544ba8db6aced54": task(prompt="Is {{word}} even?", items=OF_WORDS),
    "112e7d2df9a64214": task(turns=False),
    "ba1dccd3dee57ceb": task(items=(), inputs=tuple(f"word{number}" for number in range(12))),
}


@pytest.mark.parametrize("digest", EARLIER)
def test_a_prompt_of_one_part_is_searched_with_the_same_requests_as_before(digest: str) -> None:
    model = Scripted(world)
    list(run(EARLIER[digest], Config(), Ledger(model, MemoryStore()), 3))
    told = [(r.key, r.beginning, r.purpose, r.reasons) for r in model.requests]
    assert hashlib.sha256(json.dumps(told).encode()).hexdigest()[:16] == digest


def test_a_replay_of_both_parts_asks_nothing_new() -> None:
    store = MemoryStore()
    first, second = Scripted(listening), Scripted(listening)
    asked = two_parts(part="both")
    assert list(run(asked, Config(), Ledger(first, store))) == list(
        run(asked, Config(), Ledger(second, store))
    )
    assert first.requests
    assert not second.requests


def test_what_was_skipped_tells_the_part_that_was_reworded() -> None:
    def losing(request: Request) -> str | CallFailedError:
        return (
            json.dumps({"prompt": "Lost it."})
            if request.purpose in {"mutate", "synthesize"}
            else unteachable(request)
        )

    told = events_of(
        task(system_text="For {{word}}.", prompt="Is {{word}} even?", items=OF_WORDS, part="both"), losing
    )
    assert {event.text for event in told if isinstance(event, Rejected)} >= {"Lost it."}
