"""Rows and models as they should not be: each ends in a result with its caveat, or a refusal before anything is
spent."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from optimizer.engine import Config, Grade, Item, TaskRefusedError, run
from optimizer.engine.events import Finished, Proposed
from optimizer.engine.task import Options, Task
from optimizer.llm.base import CallFailedError, Done, Reply, Request
from optimizer.llm.ledger import Ledger, MemoryStore
from optimizer.llm.scripted import Scripted
from tests.engine.world import ITEMS, answers, events_of, last_input, result_of, task, world

WRITING = {"understand", "mutate", "critique", "synthesize", "contrast", "reasoning"}


def refused(the_task: Task, **config: object) -> str:
    """Why the task is refused, after nothing was asked."""
    model = Scripted(world)
    with pytest.raises(TaskRefusedError) as refusal:
        list(run(the_task, Config(**config), Ledger(model, MemoryStore())))  # type: ignore[arg-type]
    assert model.requests == []
    return str(refusal.value)


def test_two_rows_are_refused() -> None:
    assert "At least 4 rows with different inputs" in refused(task(items=ITEMS[:2]))


def test_rows_that_are_all_alike_are_refused() -> None:
    assert "there are 1" in refused(task(items=(Item("word1", "odd"),) * 50))


def test_rows_without_any_answer_are_refused() -> None:
    assert "No row has an expected answer" in refused(task(items=tuple(Item(i.input) for i in ITEMS)))


def test_answers_that_the_model_can_never_write_are_refused() -> None:
    long = tuple(Item(item.input, item.expected + " because" * 500) for item in ITEMS)
    assert "longer than the limit for one answer, 256 tokens" in refused(task(items=long))


def test_a_few_such_answers_are_a_caveat() -> None:
    rows = (*ITEMS[:36], *(Item(item.input, "so " * 900) for item in ITEMS[36:]))
    assert any("4 expected answers are longer" in text for text in result_of(task(items=rows)).caveats)


def test_contradictory_duplicates_are_a_caveat() -> None:
    rows = (*ITEMS, Item("word1", "even"), Item("word2", "odd"))
    assert any(
        "2 inputs have more than one expected answer" in text for text in result_of(task(items=rows)).caveats
    )


def test_stray_case_and_punctuation_of_labels_make_no_new_labels() -> None:
    stray = tuple(
        Item(item.input, {0: item.expected.upper(), 1: f" {item.expected}."}.get(number % 7, item.expected))
        for number, item in enumerate(ITEMS)
    )
    events = events_of(task(items=stray))
    formats = {e.components.answer_format for e in events if isinstance(e, Proposed)} - {""}
    assert len(formats) == 1
    assert sorted(formats.pop().removeprefix("Answer with exactly one of: ").split(".")[0].split(", ")) == [
        "even",
        "odd",
    ]
    shown = {shot.output for e in events if isinstance(e, Proposed) for shot in e.components.shots}
    assert shown == {"even", "odd"}
    last = events[-1]
    assert isinstance(last, Finished)
    assert last.quality_score == 100


def test_a_grader_that_fails_on_some_rows_is_a_caveat_and_the_rows_are_wrong() -> None:
    def fragile(output: str, expected: str, options: Options) -> Grade:
        if output.endswith("odd"):
            raise ZeroDivisionError("no odd ones")
        return Grade(float(output == expected))

    result = result_of(task(grader=fragile))
    assert any("The grader failed on" in text and "no odd ones" in text for text in result.caveats)
    assert 0 < result.quality_score < 100


CLEAR = "Please tell me whether this number is an even one."
SAYS: dict[str, Callable[[Request], str]] = {
    "only repeats": lambda request: json.dumps({"prompt": CLEAR}),
    "answers the prompt": lambda request: json.dumps({"prompt": "even"}),
    "writes in another language": lambda request: json.dumps(
        {
            "prompt": f"Bitte sage mir genau, ob diese Zahl gerade oder ungerade ist, und sonst nichts {request.seed}."
        }
    ),
    "returns empty text": lambda request: "",
    "is cut in the middle of a tag": lambda request: "<prompt>Say whether it is even</pro",
    "loops": lambda request: '{"prompt": "' + "the number is even and " * 80,
}


@pytest.mark.parametrize("said", SAYS.values(), ids=SAYS.keys())
def test_an_optimizer_model_that_gives_nothing_usable_ends_with_what_needs_no_model(
    said: Callable[[Request], str],
) -> None:
    def useless(request: Request) -> str | CallFailedError:
        if request.purpose == "answer":
            known = "variant" not in request.messages[-1].content and int(last_input(request)[4:]) % 7
            return answers(request) if known else "?"
        return said(request) if request.purpose in WRITING else world(request)

    clear = task(prompt=CLEAR, grader="contains")
    result = result_of(clear, useless, target_score=2.0, rounds=6, patience=99)
    assert isinstance(result, Finished)
    assert sum(count for _, count in result.rejected) > 0
    assert any("wrote no usable rewrite" in text for text in result.caveats)


def test_a_reply_that_fills_the_limit_without_an_answer_is_wrong_and_shown_as_cut() -> None:
    class Looping(Scripted):
        def replies(self, requests):  # type: ignore[no-untyped-def]
            for arrival, request in zip(super().replies(requests), requests, strict=True):
                cut = Reply("the the the", "length", 5, request.max_tokens, 1)
                yield Done(arrival.index, cut) if request.purpose == "answer" else arrival  # type: ignore[union-attr]

    last = list(run(task(), Config(), Ledger(Looping(world), MemoryStore())))[-1]
    assert isinstance(last, Finished)
    assert last.best == 0
    assert last.quality_score == 0


def test_ten_thousand_rows_are_sampled() -> None:
    rows = tuple(Item(f"word{number}", "odd" if number % 2 else "even") for number in range(10_000))
    result = result_of(task(items=rows))
    assert result.comparison is not None
    assert result.comparison.rows == 64
    assert result.quality_score == 100
