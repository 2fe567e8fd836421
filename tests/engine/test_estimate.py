"""What a run will cost, before it starts."""

from __future__ import annotations

import pytest

from optimizer.engine import Config, Item, TaskRefusedError, run
from optimizer.engine.estimate import Estimate, Speed, estimate
from optimizer.engine.rehearsal import AVERAGE, STRONG, WEAK, Ability, Rehearsal
from optimizer.llm.base import Done, Message, Reply, Request
from tests.engine.world import ITEMS, task

SPEED = Speed(prompt_per_second=1000, completion_per_second=50, slots=4, call_seconds=0.1)


def of(**config: object) -> Estimate:
    return estimate(task(), Config(**config), SPEED)  # type: ignore[arg-type]


def test_a_longer_search_is_estimated_to_take_more() -> None:
    short, long = of(iterations=1, rounds=1, patience=99), of(iterations=5, rounds=4, patience=99)
    for less, more in ((short.calls, long.calls), (short.tokens, long.tokens), (short.minutes, long.minutes)):
        assert 0 < less.low < more.low
        assert less.high < more.high


def test_a_slower_model_takes_longer_for_the_same_calls() -> None:
    slow = estimate(task(), Config(), Speed(500, 25, slots=4, call_seconds=0.2))
    assert slow.calls == of().calls
    assert slow.minutes == pytest.approx([2 * end for end in of().minutes], rel=0.05)


def test_limits_bound_the_estimate() -> None:
    assert of(max_calls=100).calls.high <= 100
    assert of(max_tokens=20_000).tokens.high <= 20_000
    assert of(max_minutes=0.2).minutes.high <= 0.2


def test_the_estimate_is_the_same_each_time() -> None:
    assert of() == of()


@pytest.mark.parametrize("changes", [{"items": ()}, {"grader": "rubric"}, {"grader": "choice"}])
def test_every_kind_of_task_can_be_estimated(changes: dict[str, object]) -> None:
    assert estimate(task(**changes), Config(), SPEED).calls.low > 30


def rehearsed(*shown: Message, longest: int = 10) -> list[tuple[str, Reply]]:
    """Expected answers, and replies of 20 candidates with these turns to 10 rows each."""
    asked = [
        (item.expected, (*shown, Message("user", f"Way {n}.\n\n{item.input}")))
        for n in range(20)
        for item in ITEMS[:10]
    ]
    requests = [Request("answer", "t", messages, max_tokens=longest) for _, messages in asked]
    replies = [
        arrival.reply for arrival in Rehearsal(task(), SPEED).replies(requests) if isinstance(arrival, Done)
    ]
    return [(expected, reply) for (expected, _), reply in zip(asked, replies, strict=True)]


def test_examples_as_turns_are_expected_to_do_better() -> None:
    """As they do with small models: what has none drops out soon, and costs little."""
    turns = Message("user", "one"), Message("assistant", "odd")
    taught, bare = ([reply.text == right for right, reply in rehearsed(*shown)] for shown in (turns, ()))
    assert sum(taught) / len(taught) > 0.2 + sum(bare) / len(bare)


def test_a_wrong_answer_is_not_expected_to_fill_its_limit() -> None:
    assert max(reply.completion_tokens for right, reply in rehearsed(longest=30) if reply.text != right) == 15


def test_what_the_run_would_refuse_is_refused() -> None:
    with pytest.raises(TaskRefusedError):
        estimate(task(items=ITEMS[:2]), Config(), SPEED)


def test_ten_thousand_rows_are_estimated_at_once() -> None:
    rows = tuple(Item(f"word{number}", "odd" if number % 2 else "even") for number in range(10_000))
    assert estimate(task(items=rows), Config(), SPEED).calls.high < 5_000


@pytest.mark.parametrize("ability", [WEAK, AVERAGE, STRONG])
def test_one_quarter_stands_for_all(ability: Ability) -> None:
    """Few rows take five searches (crossfit.py), of which two are rehearsed."""
    asked, config = task(items=ITEMS[:24]), Config(max_calls=600)
    whole = Rehearsal(asked, SPEED, ability=ability)
    list(run(asked, config, whole))
    found = estimate(asked, config, SPEED)
    assert found.calls.low < whole.calls <= found.calls.high
    assert found.tokens.low < whole.tokens < found.tokens.high
    assert found.minutes.low < whole.ms / 60_000 < found.minutes.high
