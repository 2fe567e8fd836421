"""Constrained answers: what is demanded, who is helped by it, and what a server without `format` does to a run."""

from __future__ import annotations

import json
from collections.abc import Callable

import jsonschema
import pytest

from optimizer.engine import Item, run
from optimizer.engine.components import Components
from optimizer.engine.constraint import Constraint, constraint_for, constraint_of, structure_of
from optimizer.engine.events import Event, Finished, Noted, Proposed, Spent
from optimizer.engine.graders import fault
from optimizer.engine.reasoning import Kind, Reasoning
from optimizer.engine.task import Config
from optimizer.llm.base import CallFailedError, Request
from optimizer.llm.ledger import Ledger, MemoryStore
from optimizer.llm.scripted import Scripted
from tests.engine.world import events_of, last_input, proposals, result_of, task

LABELS = ("toxic", "non-toxic", "very toxic")
OF_LABELS = tuple(Item(f"word{n}", LABELS[n % 3]) for n in range(40))
OF_JSON = tuple(
    Item(f"word{n}", json.dumps({"number": n, "kind": ["even", "odd"][n % 2], "name": f"word {n}"}))
    for n in range(40)
)
KINDS = {"json": OF_JSON, "exact": OF_LABELS, "choice": OF_LABELS}


def found(items: tuple[Item, ...], grader: str, **options: str) -> Constraint | None:
    the_task = task(items=items, grader=grader, grader_options=tuple(options.items()))
    return constraint_for(the_task, items)


def expected(request: Request, items: tuple[Item, ...]) -> str:
    return next(item.expected for item in items if item.input == last_input(request))


def helped(items: tuple[Item, ...], *, reasons: bool = False) -> Callable[[Request], str | CallFailedError]:
    """A model that is right only where its answer is constrained, and only after reasoning if it `reasons`."""

    def script(request: Request) -> str | CallFailedError:
        if request.purpose != "answer":
            return proposals(request)
        right, asked = expected(request, items), "write down your reasoning" in str(request.messages)
        if request.schema is None:
            return "Its digits tell.\nAnswer: hard to say" if asked else "I cannot say."
        if reasons and not asked:
            return "null"
        return json.dumps(right) if "enum" in request.schema else right

    return script


def shown(request: Request) -> bool:
    """Whether it sees examples, and the row is not among those that stay hard."""
    turns = any(message.role == "assistant" for message in request.messages)
    return turns and int(last_input(request)[4:]) % 4 > 0


def constrained(events: list[Event]) -> list[Components]:
    return [e.components for e in events if isinstance(e, Proposed) and e.components.constraint]


def test_labels_are_listed_once_as_most_rows_write_them() -> None:
    rows = (*OF_LABELS, Item("a", "Toxic."))
    assert found(rows, "exact") == Constraint(labels=("non-toxic", "toxic", "very toxic"))
    assert found(rows, "choice", choices="toxic\nfine\n") == Constraint(labels=("toxic", "fine"))


@pytest.mark.parametrize(
    ("grader", "answers"),
    [
        ("exact", [f"name {n}" for n in range(20)]),
        ("exact", ["only one"] * 20),
        ("exact", ["yes", "no", ""] * 8),
        ("numeric", ["1", "2"] * 10),
        ("contains", ["yes", "no"] * 10),
        ("rubric", ["yes", "no"] * 10),
        ("json", ["5", "6"] * 10),
        ("json", ['{"a": 1}', "[1]"] * 10),
        ("json", ['{"a": 1}', "no JSON"] * 10),
    ],
)
def test_where_answers_share_nothing_to_demand_there_is_no_constraint(
    grader: str, answers: list[str]
) -> None:
    assert found(tuple(Item(str(n), answer) for n, answer in enumerate(answers)), grader) is None


def test_a_schema_has_the_keys_of_all_rows_bounded_strings_and_values_that_repeat() -> None:
    rows = (*OF_JSON, Item("a", '{"number": 1.5, "kind": "odd", "tags": ["x"]}'))
    demanded = found(rows, "json")
    assert demanded
    assert demanded.format == {
        "type": "object",
        "properties": {
            "number": {"type": "number"},
            "kind": {"type": "string", "enum": ["even", "odd"]},
            "name": {"type": "string", "maxLength": 32},
            "tags": {"type": "array", "items": {"type": "string", "maxLength": 32}},
        },
        "required": ["kind", "number"],
        "additionalProperties": False,
    }
    for row in rows:
        jsonschema.validate(json.loads(row.expected), demanded.format)


def test_objects_that_share_no_key_may_have_any() -> None:
    rows = tuple(Item(str(n), json.dumps({f"word{n}": n})) for n in range(8))
    demanded = found(rows, "json")
    assert demanded
    assert demanded.format["additionalProperties"] is True


def test_a_schema_that_every_row_expects_is_the_constraint() -> None:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "array"}
    demanded = found(tuple(Item(str(n), json.dumps(schema)) for n in range(8)), "json")
    assert demanded
    assert demanded.format == {"type": "array"}


def test_a_schema_is_stored_with_the_order_of_its_keys() -> None:
    demanded = found(OF_JSON, "json")
    assert demanded
    assert list(demanded.format["properties"]) == ["number", "kind", "name"]
    assert constraint_of({"labels": [], "schema": demanded.schema}) == demanded
    assert constraint_of(None) is None


@pytest.mark.parametrize(
    ("said", "seen"),
    [('"very toxic"', "very toxic"), ("toxic", "toxic"), ('"cut', '"cut'), ("5", "5"), ("", "")],
)
def test_graders_see_a_label_without_quotes(said: str, seen: str) -> None:
    components = Components("Is it?", constraint=Constraint(labels=LABELS))
    assert components.read(said) == ("", seen)


@pytest.mark.parametrize("grader", KINDS)
def test_a_model_that_needs_it_ends_with_a_constrained_answer(grader: str) -> None:
    the_task = task(items=KINDS[grader], grader=grader)
    result = result_of(the_task, helped(KINDS[grader]), reasoning="never")
    assert result.components.constraint
    assert result.comparison
    assert result.comparison.best == 1
    assert any(text.startswith("Constrained the answer to") for text in result.improvements)


def test_usable_outputs_are_told_beside_the_accuracy() -> None:
    """The original writes a sentence around its JSON: right, and not usable."""

    def chatty(request: Request) -> str | CallFailedError:
        if request.purpose == "answer" and request.schema is None and int(last_input(request)[4:]) % 3:
            return f"Here it is: {expected(request, OF_JSON)}"
        return helped(OF_JSON)(request)

    comparison = result_of(task(items=OF_JSON, grader="json"), chatty, reasoning="never").comparison
    assert comparison
    assert (comparison.usable_baseline, comparison.usable_best) == (0, 1)
    labels = result_of(task(items=OF_LABELS), helped(OF_LABELS), reasoning="never").comparison
    assert labels
    assert labels.usable_baseline is None


def test_a_model_that_it_harms_ends_without() -> None:
    def harmed(request: Request) -> str | CallFailedError:
        if request.purpose != "answer":
            return proposals(request)
        right = shown(request) and not request.schema
        return expected(request, OF_LABELS) if right else '"toxic"'

    events = events_of(task(items=OF_LABELS), harmed, reasoning="never")
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert constrained(events)
    assert finished.best
    assert finished.components.constraint is None


def test_a_server_that_refuses_a_format_costs_only_that_candidate() -> None:
    def old(request: Request) -> str | CallFailedError:
        if request.purpose == "answer" and request.schema:
            return CallFailedError("refused", "Ollama refused the call: cannot unmarshal object")
        return expected(request, OF_LABELS) if shown(request) else helped(OF_LABELS)(request)

    events = events_of(task(items=OF_LABELS), old)
    finished = events[-1]
    assert isinstance(finished, Finished)
    assert finished.best
    assert finished.components.constraint is None
    assert 1 <= len(constrained(events)) <= 2  # one of each kind, then no more
    assert any(isinstance(event, Noted) and "cannot unmarshal" in event.text for event in events)


def test_a_server_that_ignores_a_format_changes_nothing() -> None:
    def deaf(request: Request) -> str | CallFailedError:
        if request.purpose != "answer":
            return proposals(request)
        return expected(request, OF_LABELS) if shown(request) else "I cannot say."

    result = result_of(task(items=OF_LABELS), deaf, reasoning="never")
    assert result.best
    assert result.components.constraint is None


def test_the_answer_after_reasoning_is_a_second_call() -> None:
    model = Scripted(helped(OF_LABELS, reasons=True))
    store = MemoryStore()
    the_task = task(items=OF_LABELS)
    events = list(run(the_task, Config(), Ledger(model, store)))
    finished = events[-1]
    assert isinstance(finished, Finished)
    first = finished.finalists[0]
    assert first.kind == Kind.REASONS_FIRST
    assert first.components.in_two_calls
    assert first.proof.comparison
    assert first.proof.comparison.best == 1
    seconds = [r for r in model.requests if r.schema and r.messages[-1].content == "Answer:"]
    assert all(r.messages[-2].content == "Its digits tell." for r in seconds if not r.reasons)
    free = {r.messages for r in model.requests if r.purpose == "answer" and r.schema is None}
    assert {r.messages[:-2] for r in seconds} <= free

    asked = len(model.requests)
    assert list(run(the_task, Config(), Ledger(model, store))) == events  # a replay asks for nothing
    assert len(model.requests) == asked


def test_reasoning_without_a_marker_is_given_whole() -> None:
    reasoned = Reasoning("Think.", "Answer:")
    assert reasoned.thought("It ends in 4.") == "It ends in 4."
    assert reasoned.thought("It ends in 4.\nAnswer: even") == "It ends in 4."
    assert reasoned.thought("Answer: even") == "Answer: even"


@pytest.mark.parametrize("limits", [{"max_tokens": 20_000}, {"max_calls": 100}, {"max_tokens": 40_000}])
@pytest.mark.parametrize("grader", ["json", "exact"])
def test_limits_hold_with_two_calls_an_answer(limits: dict[str, int], grader: str) -> None:
    items = tuple(Item(f"word{n}", KINDS[grader][n % 40].expected) for n in range(100))
    events = events_of(task(items=items, grader=grader), helped(items, reasons=True), **limits)
    spent = [event for event in events if isinstance(event, Spent)][-1]
    assert spent.calls <= limits.get("max_calls", spent.calls)
    assert spent.prompt_tokens + spent.completion_tokens <= limits.get("max_tokens", 10**9)
    assert isinstance(events[-1], Finished)
    assert events[-1].comparison is not None


def test_rows_need_not_share_every_key_for_a_structure() -> None:
    assert structure_of(['{"a": 1}', '{"a": 2, "b": null}']) == {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "null"}},
        "required": ["a"],
    }
    assert structure_of(["not JSON"]) is None


def test_answers_that_are_nested_too_deeply_are_not_constrained() -> None:
    deep = "[" * 450 + "1" + "]" * 450
    rows = tuple(Item(f"word{n}", deep) for n in range(6))
    assert constraint_for(task(items=rows, grader="json"), rows) is None


def test_a_property_may_be_called_like_a_keyword() -> None:
    assert fault("json", '{"$schema": "x", "properties": {"pattern": {"enum": ["$ref"]}}}') == ""
