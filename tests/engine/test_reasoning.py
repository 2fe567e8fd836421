"""Reasoning before the answer: how a prompt asks for it, and where the answer is read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import pytest

from optimizer.engine import Config, Grade, Item, TaskRefusedError, run
from optimizer.engine.components import Components, Shot
from optimizer.engine.events import Finished, Proposed, Spent
from optimizer.engine.reasoning import Kind, Reasoning, reasoning_for
from optimizer.llm.base import Arrival, CallFailedError, Done, Reply, Request
from optimizer.llm.ledger import Ledger, MemoryStore
from optimizer.llm.scripted import Scripted
from tests.engine.world import events_of, last_input, proposals, result_of, task, world

PLAIN = Reasoning("Think first.", "Answer:")


@pytest.mark.parametrize(
    ("output", "thought", "answer"),
    [
        ("It ends in 4.\nAnswer: even", "It ends in 4.", "even"),
        ("Answer: odd\nNo, wait.\nAnswer: even", "Answer: odd\nNo, wait.", "even"),
        ("It is **4**.\n**Answer:** even", "It is **4**.", "even"),
        ("It ends in 4.\n**Answer: even**", "It ends in 4.", "even"),
        ("```\nIt ends in 4.\nAnswer: even\n```", "", "even"),
        ("It ends in 4, so the answer: even", "It ends in 4, so the", "even"),
        ("Answer: even\nThe answer: it is clear, as 4 is even.", "", "even"),
        ("Termina en 4.\nRespuesta: even", "Termina en 4.", "even"),
        ("Answer:\neven", "", "even"),
        ("Think.\nAnswer:\n```\neven\n```", "Think.", "even"),
        ("Answer: `even`", "", "even"),
        ("Answer: even\nAnswer:", "", "even"),
        ("even", "", "even"),
        ("", "", ""),
        ("The answering machine: off", "", "The answering machine: off"),
    ],
)  # fmt: skip
def test_the_answer_stands_behind_the_last_marker(output: str, thought: str, answer: str) -> None:
    assert PLAIN.read(output) == (thought, answer)


def test_reasoning_that_was_cut_has_no_answer() -> None:
    assert PLAIN.read("First, we look at", cut=True) == ("First, we look at", None)
    assert PLAIN.read("It is 4.\nAnswer: ev", cut=True).answer == "ev"


def test_an_answer_of_several_lines_stays_whole() -> None:
    several = Reasoning("Think first.", "Answer:", one_line=False)
    assert several.read('So:\nAnswer:\n```json\n{"a":\n1}\n```').answer == '```json\n{"a":\n1}\n```'


def test_many_blanks_are_read_at_once() -> None:
    assert PLAIN.read(" " * 200_000 + "x").answer


def test_a_marker_that_answers_contain_is_not_used() -> None:
    items = (Item("a", "Answer: yes"), Item("b", "the final answer: no"))
    found = reasoning_for(task(items=items))
    assert found is not None
    assert found.marker == "Result:"


@pytest.mark.parametrize("answer", ["Réponse : oui", "réponse: oui", "la Réponse： oui"])
def test_it_is_found_with_any_colon_and_space(answer: str) -> None:
    items = (Item("a", answer), Item("b", "non"))
    found = reasoning_for(
        task(prompt="Est-ce que le nombre suivant est pair ? Réponds par oui ou non.", items=items)
    )
    assert found is not None
    assert found.marker not in {"Réponse :", "Answer:"}


def test_markers_are_in_the_language_of_the_prompt() -> None:
    found = reasoning_for(task(prompt="Ist die folgende Zahl gerade? Antworte nur mit ja oder nein."))
    assert found is not None
    assert found.marker == "Antwort:"
    assert "Überlegung" in found.request


def test_without_rows_nothing_is_reasoned_to() -> None:
    assert reasoning_for(task(items=())) is None


def test_whole_texts_are_not_reasoned_to() -> None:
    assert reasoning_for(task(items=(Item("a", "word " * 60), Item("b", "text " * 60)))) is None


def test_a_prompt_that_reasons_shows_reasonings_and_the_marker() -> None:
    shown = Components(
        "Is it even?",
        shots=(Shot("4", "even", "4 is 2 x 2."),),
        shots_as="turns",
        head_as="system",
        reasoning=PLAIN,
    )
    messages = shown.messages(Item("5"))
    assert [message.content for message in messages] == [
        "Is it even?\n\nThink first.", "4", "4 is 2 x 2.\nAnswer: even", "5"
    ]  # fmt: skip
    assert shown.kind == Kind.REASONS_FIRST


def asks(request: Request) -> bool:
    """Whether it asks for reasoning."""
    return "write down your reasoning" in str(request.messages)


def thinker(request: Request) -> str | CallFailedError:
    """Right only where it may reason; more often where it sees own reasonings."""
    if request.purpose != "answer":
        return proposals(request)
    number = int(last_input(request)[4:])
    right = "even" if number % 2 == 0 else "odd"
    if not asks(request):
        return "even" if number % 3 else "odd"
    shown = any("Answer:" in m.content for m in request.messages if m.role == "assistant")
    said = right if shown or number % 4 else "none"
    return f"The last digit of {number} tells.\nAnswer: {said}"


def test_a_model_that_needs_to_reason_ends_with_its_own_reasonings_as_examples() -> None:
    result = result_of(task(), thinker)
    first = result.finalists[0]
    assert first.kind == Kind.REASONS_FIRST
    assert first.components.shots
    assert all(shot.reasoning for shot in first.components.shots)
    assert result.proof.handed_over
    assert result.comparison
    assert result.comparison.best == 1
    inputs = {shot.input for shot in first.components.shots}
    assert inputs <= {item.input for item in task().items}


def test_finalists_are_at_most_one_of_each_kind_with_their_cost() -> None:
    kinds = [finalist.kind for finalist in result_of(task(), thinker).finalists]
    assert len(kinds) == len(set(kinds)) <= 2
    assert all(finalist.answer_tokens for finalist in result_of(task(), thinker).finalists)


@pytest.mark.parametrize(("mode", "kinds"), [("never", {Kind.ANSWER_ONLY}), ("only", {Kind.REASONS_FIRST})])
def test_a_person_decides_whether_prompts_may_ask_for_reasoning(mode: str, kinds: set[Kind]) -> None:
    events = events_of(task(), thinker, reasoning=mode)
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert {finalist.kind for finalist in finished.finalists[:1]} <= kinds
    if mode == "never":
        asked = [event for event in events if isinstance(event, Proposed) and event.components.reasoning]
        assert not asked


def test_a_person_may_want_no_examples() -> None:
    events = events_of(task(), thinker, instructions_only=True)
    proposed = [event.components for event in events if isinstance(event, Proposed)]
    assert not any(components.shots for components in proposed)
    assert any(components.reasoning for components in proposed)


def test_a_model_that_thinks_by_itself_is_not_asked_to() -> None:
    events = events_of(task(thinks=True), thinker)
    assert not any(isinstance(event, Proposed) and event.components.reasoning for event in events)


def test_reasoning_runs_into_the_limit() -> None:
    def endless(request: Request) -> str | CallFailedError:
        said = thinker(request)
        return str(said).rpartition("Answer:")[0] + "and so on " * 40 if asks(request) else said

    result = result_of(task(), endless, answer_tokens=64)
    assert all(finalist.kind == Kind.ANSWER_ONLY for finalist in result.finalists)


def test_only_such_prompts_are_handed_over_where_only_they_are_wanted() -> None:
    def confused(request: Request) -> str | CallFailedError:
        return "I do not know." if request.purpose == "answer" and asks(request) else world(request)

    result = result_of(task(), confused, reasoning="only")
    assert all(finalist.kind == Kind.REASONS_FIRST for finalist in result.finalists)
    assert result.best == 0


def test_a_grader_of_ones_own_that_raises_on_a_further_try_counts_it_as_wrong() -> None:
    def brittle(output: str, expected: str, options: object) -> Grade:
        if output == "none":
            raise RuntimeError("boom")
        return Grade(float(output == expected))

    result = result_of(task(grader=brittle), thinker)
    assert any("boom" in caveat for caveat in result.caveats)


@pytest.mark.parametrize("limits", [{"max_tokens": 20_000}, {"max_calls": 100}, {"max_tokens": 40_000}])
@pytest.mark.parametrize("seed", range(4))
def test_limits_are_kept_and_used(limits: dict[str, int], seed: int) -> None:
    items = tuple(Item(f"word{n}", "even" if n % 2 == 0 else "odd") for n in range(100))
    events = events_of(task(items=items), thinker, seed=seed, **limits)
    finished = events[-1]
    assert isinstance(finished, Finished)
    spent = [event for event in events if isinstance(event, Spent)][-1]
    assert spent.calls <= limits.get("max_calls", spent.calls)
    assert spent.prompt_tokens + spent.completion_tokens <= limits.get("max_tokens", 10**9)
    assert finished.comparison is not None
    if limits == {"max_tokens": 40_000}:
        assert finished.best


def test_reasoning_that_was_cut_is_told_as_such() -> None:
    """The limit is reached on some rows before the marker comes."""

    def is_late(request: Request) -> bool:
        reasons = request.purpose == "answer" and asks(request)
        return reasons and int(last_input(request)[4:]) % 10 == 3

    class Cutting(Scripted):
        def replies(self, requests: Sequence[Request]) -> Iterator[Arrival]:
            for arrival in super().replies(requests):
                late = isinstance(arrival, Done) and is_late(requests[arrival.index])
                yield Done(arrival.index, Reply("First, we see", "length", 9, 9)) if late else arrival  # type: ignore[union-attr]

    *_, finished = run(task(), Config(), Ledger(Cutting(thinker), MemoryStore()))
    assert isinstance(finished, Finished)
    first = finished.finalists[0]
    assert first.kind == Kind.REASONS_FIRST
    assert any("before the reasoning ended" in caveat for caveat in first.caveats)
    assert not any("still thinking" in caveat for caveat in finished.caveats)


@pytest.mark.parametrize(
    ("changes", "limit", "why"),
    [
        ({"items": ()}, 256, "Without rows"),
        ({"thinks": True}, 256, "thinks by itself"),
        ({}, 32, "An answer of 32 tokens leaves no room"),
        (
            {"items": tuple(Item(f"w{n}", f"text {n} " * 40) for n in range(8)), "grader": "contains"},
            2000,
            "whole texts",
        ),
    ],
)
def test_where_only_reasoning_is_wanted_and_impossible_it_is_refused(
    changes: dict[str, object], limit: int, why: str
) -> None:
    with pytest.raises(TaskRefusedError, match=why):
        events_of(task(**changes), thinker, reasoning="only", answer_tokens=limit)
