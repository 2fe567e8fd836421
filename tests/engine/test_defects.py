"""The twelve defects of the published PromptWizard code, each as a test that would fail on it."""

from __future__ import annotations

import json
import re
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from optimizer.engine import Config, Item, run
from optimizer.engine.events import Event, Finished, Leading, Proposed, Rejected, Scored, Spent
from optimizer.llm.base import CallFailedError, Request
from optimizer.llm.ledger import Ledger, MemoryStore
from optimizer.llm.scripted import Scripted
from tests.engine.world import ITEMS, events_of, last_input, proposals, result_of, task, world

CASE = re.compile(r"Input: (.*)\nExpected: (.*)\nAnswer: (.*)")
# Never satisfied, so that every stage is reached.
HARD: dict[str, Any] = {
    "target_score": 2.0,
    "patience": 99,
    "rounds": 6,
}


def half_right(request: Request) -> str | CallFailedError:
    """A world in which no prompt gets every row right, so that there is always something to criticise."""
    hopeless = request.purpose == "answer" and len(request.key) and int(request.key, 16) % 3 == 0
    return "no idea" if hopeless else world(request)


def asked_for(purpose: str, script: object = half_right, **config: object) -> list[Request]:
    """Requests of a purpose, in a run on a model that follows the script."""
    model = Scripted(script)  # type: ignore[arg-type]
    list(run(task(), Config(**(HARD | config)), Ledger(model, MemoryStore())))
    return [request for request in model.requests if request.purpose == purpose]


def proposed(events: list[Event]) -> list[Proposed]:
    return [event for event in events if isinstance(event, Proposed)]


def test_1_an_error_of_the_server_is_never_an_answer() -> None:
    def broken(request: Request) -> str | CallFailedError:
        return (
            CallFailedError("refused", "Sorry, I am not available") if request.purpose == "answer" else "{}"
        )

    with pytest.raises(CallFailedError, match="not available"):
        events_of(task(), broken)


@pytest.mark.parametrize(
    "said", ["a better prompt, without tags", '{"prompt": "cut in the mid', "", "<prompt>half"]
)
def test_2_a_reply_without_the_expected_form_is_counted_and_the_run_goes_on(said: str) -> None:
    def formless(request: Request) -> str | CallFailedError:
        return said if request.purpose in {"mutate", "synthesize"} else half_right(request)

    result = result_of(task(), formless, **HARD)
    assert dict(result.rejected)["no usable reply"] > 0
    assert result.best != 0


def test_3_all_candidates_run_on_the_same_rows_and_ties_go_to_the_shorter_prompt() -> None:
    rows: dict[int, list[int]] = {}
    for event in events_of(task(), half_right, **HARD):
        if isinstance(event, Scored) and event.split == "validation":
            rows.setdefault(event.number, []).extend(outcome.item for outcome in event.outcomes)
    for run_on in rows.values():
        assert run_on == list(range(len(run_on)))
        assert len(run_on) >= 8

    def always_right(request: Request) -> str:
        expected = {item.input: item.expected for item in ITEMS}
        if request.purpose == "answer":
            return expected[last_input(request)]
        return proposals(request)

    kept = result_of(task(), always_right)
    assert kept.components.as_text() == task().prompt  # all tie at the top, and the original is the shortest


def test_4_no_two_proposals_are_asked_for_in_the_same_words_with_the_same_seed() -> None:
    asked = [*asked_for("mutate"), *asked_for("critique"), *asked_for("synthesize")]
    assert len(asked) > 5
    assert max(Counter(request.key for request in asked_for("mutate")).values()) == 1
    assert all(request.temperature > 0 for request in asked)


def test_5_the_prompt_does_not_grow_by_copies_of_itself() -> None:
    for request in asked_for("mutate"):
        assert request.messages[0].content.count("Is it even?") <= 1 + request.messages[0].content.count(
            "%: Is it even?"
        )
    for event in proposed(events_of(task(), half_right, **HARD)):
        assert event.components.as_text().count("Is it even?") <= 1


def test_6_every_step_is_scored_before_it_leads_and_the_end_is_compared_with_the_original() -> None:
    scored: set[int] = set()
    events = events_of(task(), half_right, **HARD)
    for event in events:
        if isinstance(event, Scored):
            scored.add(event.number)
        if isinstance(event, Leading):
            assert event.number in scored
    result = events[-1]
    assert isinstance(result, Finished)
    measured = {event.number for event in events if isinstance(event, Scored) and event.split == "held-out"}
    assert measured == {0, *(finalist.number for finalist in result.finalists)}
    assert result.best in measured


def test_7_the_critique_sees_only_rows_that_were_run_and_were_wrong() -> None:
    outputs: dict[str, set[str]] = {}

    def noting(request: Request) -> str | CallFailedError:
        said = half_right(request)
        if request.purpose == "answer":
            outputs.setdefault(last_input(request), set()).add(str(said))
        return said

    critiques = asked_for("critique", noting)
    assert critiques
    for request in critiques:
        cases = CASE.findall(request.messages[0].content)
        assert cases
        for word, expected, output in cases:
            assert output in outputs[word]
            assert output != expected


def test_8_no_answer_format_is_forced_on_a_task_that_has_its_own() -> None:
    rows = tuple(
        Item(f"word{n}", f"<b>{n}</b> is the number of word{n}, and that is a long answer") for n in range(40)
    )
    for event in proposed(events_of(task(items=rows), **HARD)):
        assert event.components.answer_format == ""
        assert "<ANS_START>" not in event.components.as_text()


def test_9_as_many_examples_as_were_asked_for_and_each_is_a_row_with_its_own_answer() -> None:
    expected = {item.input: item.expected for item in ITEMS}
    first = next(e for e in proposed(events_of(task(), shots=6)) if e.components.shots)
    assert len(first.components.shots) == 6
    for event in proposed(events_of(task(), half_right, **HARD)):
        assert all(expected[shot.input] == shot.output for shot in event.components.shots)


def test_10_a_run_is_cached_seeded_counted_resumable_and_stoppable() -> None:
    store = MemoryStore()
    model = Scripted(half_right)
    events = list(run(task(), Config(), Ledger(model, store)))
    assert max(Counter(request.key for request in model.requests).values()) == 1
    spent = [event for event in events if isinstance(event, Spent)][-1]
    assert spent.calls == len(model.requests)
    again = Scripted(half_right)
    cut = run(task(), Config(), Ledger(again, store))
    assert next(cut) == events[0]
    cut.close()  # type: ignore[attr-defined]
    assert list(run(task(), Config(), Ledger(again, store))) == events
    assert again.requests == []
    assert proposed(events_of(task(), half_right, seed=1)) != proposed(events_of(task(), half_right, seed=2))


def test_11_without_rows_the_result_is_handed_over() -> None:
    def fair(request: Request) -> str | CallFailedError:
        if request.purpose != "compare":
            return world(request)
        first = request.messages[-1].content.split("<A>")[1].split("</A>")[0]
        return json.dumps({"better": "B" if "I think" in first else "A"})

    result = result_of(task(items=()), fair)
    assert result.best != 0
    assert result.components.as_text() != task().prompt
    assert result.comparison is not None


def test_12_variables_and_language_are_kept() -> None:
    german_prompt = "Sage, ob die Zahl gerade ist, und antworte immer nur mit einem einzigen Wort."

    def careless(request: Request) -> str | CallFailedError:
        if request.purpose in {"mutate", "synthesize"}:
            return json.dumps({"prompt": german_prompt if request.seed % 2 else "Ist {{other}} gerade?"})
        return half_right(request)

    def german(request: Request) -> str | CallFailedError:
        rewrites = request.purpose in {"mutate", "synthesize"}
        return json.dumps({"prompt": german_prompt}) if rewrites else half_right(request)

    the_task = task(prompt="Please tell me whether the number in {{word}} is even or odd.")
    events = events_of(the_task, careless, **HARD)
    assert {event.reason for event in events if isinstance(event, Rejected)} >= {"variables lost or new"}
    for event in proposed(events):
        assert "{{word}}" in event.components.head
        assert "Zahl" not in event.components.head
    plain = replace(the_task, prompt="Please tell me whether the number is even or odd.")
    rejected = [event for event in events_of(plain, german, **HARD) if isinstance(event, Rejected)]
    assert "another language" in {event.reason for event in rejected}
