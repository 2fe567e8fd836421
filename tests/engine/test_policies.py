"""Who is changed next, by which operator, who drops out, and what a run may spend."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence

import pytest

from optimizer.engine import Config, Item, Rated, run
from optimizer.engine.asking import Asker
from optimizer.engine.board import Entry
from optimizer.engine.budget import BudgetSpentError, wall_clock
from optimizer.engine.components import Components
from optimizer.engine.events import Finished, Proposed, Scored, Spent
from optimizer.engine.method import Method
from optimizer.engine.operators.instruction import Mutate
from optimizer.engine.policies import Standing, Tally, best_parent, pareto_parents, thompson, with_prior
from optimizer.engine.race import Race
from optimizer.engine.scoring import Graded
from optimizer.engine.stats import clearly_worse
from optimizer.engine.task import Prior
from optimizer.llm.base import Done, Message, Reply, Request
from optimizer.llm.ledger import Ledger, MemoryStore
from optimizer.llm.scripted import Scripted
from tests.engine.world import ITEMS, events_of, proposals, result_of, task, world


def entry(number: int) -> Entry:
    return Entry(number, (), "mutate", Components(f"Prompt {number}"))


def test_parents_are_drawn_by_how_many_rows_they_lead() -> None:
    pool = [Standing(entry(0), 1), Standing(entry(1), 9)]
    drawn = Counter(pareto_parents(pool, random.Random(seed)).number for seed in range(200))
    assert 150 < drawn[1] < 200
    assert pareto_parents([Standing(entry(0), 0)], random.Random(0)).number == 0
    assert best_parent(pool, random.Random(0)).number == 0


def test_an_operator_that_wins_is_chosen_more_often() -> None:
    records = {"loses": Tally(0.3, 0, 6), "wins": Tally(0.3, 5, 6)}
    chosen = Counter(thompson(records, random.Random(seed)) for seed in range(200))
    assert chosen["wins"] > 150


def test_earlier_runs_count_faintly_however_many_they_were() -> None:
    assert with_prior(0.3, Prior("x", 400, 500)) == Tally(0.3, 1.6, 2.0)
    assert with_prior(0.3, Prior("x", 0.5, 1)) == Tally(0.3, 0.5, 1)
    assert with_prior(0.3, None) == with_prior(0.3, Prior("x", 0, 0)) == Tally(0.3)


def test_priors_change_which_operators_a_run_draws() -> None:
    def drawn(priors: tuple[Prior, ...]) -> Counter[str]:
        names: Counter[str] = Counter()
        for seed in range(6):
            events = events_of(task(priors=priors), seed=seed, target_score=2, patience=99)
            names.update(e.operator for e in events if isinstance(e, Proposed))
        return names

    assert drawn((Prior("mutate", 9, 9),))["mutate"] > drawn((Prior("mutate", 0, 9),))["mutate"]


def test_a_run_tells_how_its_operators_did() -> None:
    used = {prior.operator: prior for prior in result_of(task()).operators}
    assert sum(prior.wins for prior in used.values()) >= 1
    assert all(0 <= prior.wins <= prior.tries for prior in used.values())


@pytest.mark.parametrize(
    ("scores", "leader", "worse"),
    [
        ([0] * 8, [1, 1] + [0] * 6, False),  # two rows of eight are a coin thrown twice
        ([0] * 8, [1] * 5 + [0] * 3, True),
        ([1] * 8, [0] * 8, False),
        ([0.5] * 8, [0.5] * 8, False),
    ],
)
def test_only_what_is_clearly_worse_drops_out(scores: list[float], leader: list[float], worse: bool) -> None:
    assert clearly_worse(scores, leader) is worse


def race_of(right: Mapping[str, Sequence[int]], rows: Sequence[Item], calls: int | None = None) -> Race:
    """A race in which prompts are right on the given rows. `calls`: a limit."""

    def script(request: Request) -> str:
        prompt, word = request.messages[-1].content.split("\n\n")
        return "yes" if int(word) in right[prompt] else "no"

    the_task = task(items=tuple(rows))
    asker = Asker(Scripted(script), Config(max_calls=calls))
    return Race(
        Graded(the_task, asker),
        rows,
        split="validation",
        block=4,
        original=Components(""),
        affords=asker.affords,
    )


def raced(
    right: Mapping[str, Sequence[int]], rows: Sequence[Item], calls: int | None = None
) -> tuple[Entry, list[Scored]]:
    """The winner of such a race; the first has run on all rows."""
    race = race_of(right, rows, calls)
    field = [Entry(n, (), "mutate", Components(prompt)) for n, prompt in enumerate(right)]
    for _ in race.score(field[:1], range(len(rows))):
        pass
    told, steps = [], race.run(field)
    while True:
        try:
            told.append(next(steps))
        except StopIteration as end:
            return end.value, [event for event in told if isinstance(event, Scored)]


def test_who_cannot_lead_any_more_is_not_run_on() -> None:
    rows = [Item(str(number), "yes") for number in range(16)]
    winner, scored = raced({"first": range(16), "other one": range(1, 16)}, rows)
    assert winner.number == 0
    assert sum(len(event.outcomes) for event in scored if event.number == 1) == 4


def test_the_rest_of_a_budget_goes_to_as_many_rows_as_it_allows() -> None:
    rows = [Item(str(number), "yes") for number in range(16)]
    half = {"first": range(8), "other one": range(8), "third": []}
    winner, scored = raced(half, rows, calls=16 + 4 + 4 + 2)
    assert winner.number == 0
    assert sum(len(event.outcomes) for event in scored if event.number == 1) == 6


def test_who_is_only_as_good_on_some_of_the_rows_does_not_take_the_lead() -> None:
    rows = [Item(str(number), "yes") for number in range(16)]
    shorter_but_equal: dict[str, Sequence[int]] = {"the first one": range(16), "short": range(16)}
    assert raced(shorter_but_equal, rows, calls=16 + 6)[0].components.instruction == "the first one"
    assert raced(shorter_but_equal, rows)[0].components.instruction == "short"


def test_a_leader_that_fell_behind_leads_again_when_all_others_fall_behind_it() -> None:
    rows = [Item(str(number), "yes") for number in range(16)]
    late, early, other = range(4, 16), range(4), [0, 1, 2, 3, 4]
    winner, _ = raced({"late": late, "early": early, "early too": other, "early as well": early}, rows)
    assert winner.components.instruction == "late"


def test_a_row_counts_by_its_weight() -> None:
    rows = [Item(str(number), "yes", weight=9.0 if number == 0 else 1.0) for number in range(8)]
    winner, _ = raced({"all but the heavy": range(1, 8), "the heavy one": [0]}, rows)
    assert winner.components.instruction == "the heavy one"


def test_proposals_of_a_round_go_to_the_model_side_by_side() -> None:
    model = Scripted(world)
    batches: list[list[Request]] = []

    class Batched(Scripted):
        def replies(self, requests):  # type: ignore[no-untyped-def]
            batches.append(list(requests))
            return model.replies(requests)

    only = Method(operators=(Mutate(),))
    config = Config(target_score=2, patience=99, styles=5)
    list(run(task(), config, Ledger(Batched(world), MemoryStore()), method=only))
    writing = [b for b in batches if b and b[0].purpose in {"mutate", "critique", "contrast", "reasoning"}]
    assert max(map(len, writing)) > 1


def asker_of(config: Config, *, tokens: int = 100, ms: int = 1000) -> Asker:
    class Costly(Scripted):
        def replies(self, requests):  # type: ignore[no-untyped-def]
            for number, request in enumerate(requests):
                reply = 100 if "chatty" in request.messages[0].content else 10
                yield Done(number, Reply("x", "stop", tokens, reply, ms))

    return Asker(Costly(world, slots=2), config)


def ask(asker: Asker, count: int, name: str, most: int = 10) -> None:
    texts = [f"{name} {n} " + "word " * 60 for n in range(count)]
    requests = [Request("answer", "m", (Message("user", text),), most) for text in texts]
    for _ in asker.ask("Scoring", requests):
        pass


@pytest.mark.parametrize(
    ("config", "limit"),
    [
        (Config(max_calls=10), "10 calls"),
        (Config(max_tokens=1_700), "1,700 tokens"),
        (Config(max_minutes=0.1), "0.1 minutes"),
    ],
)
def test_each_limit_is_checked_before_a_batch_is_sent(config: Config, limit: str) -> None:
    asker = asker_of(config)
    ask(asker, 8, "first")
    with pytest.raises(BudgetSpentError, match=f"The budget of {limit} leaves no room"):
        ask(asker, 8, "second")
    assert asker.spent.calls == 8
    ask(asker, 8, "first")  # what is paid for costs nothing


def test_near_the_limit_of_tokens_few_calls_are_sent_at_a_time_and_it_is_never_passed() -> None:
    asker = asker_of(Config(max_tokens=2_500))
    ask(asker, 8, "first", most=100)
    with pytest.raises(BudgetSpentError, match="The budget of 2,500 tokens leaves no room"):
        ask(asker, 8, "chatty", most=100)  # 1,760 tokens in all, were the replies as short as the first ones
    assert 8 < asker.spent.calls < 16
    assert asker.spent.prompt_tokens + asker.spent.completion_tokens <= 2_500


def test_time_is_that_of_the_calls_on_the_slots() -> None:
    assert wall_clock([3, 3, 3], 2) == 6
    assert wall_clock([5, 1, 1, 1], 2) == 5
    assert wall_clock([], 4) == 0


@pytest.mark.parametrize("limit", [3_000, 8_000, 20_000])
def test_a_limit_on_tokens_leaves_room_for_the_final_comparison(limit: int) -> None:
    events = events_of(task(), max_tokens=limit, target_score=2)
    last = events[-1]
    assert isinstance(last, Finished)
    spent = [event for event in events if isinstance(event, Spent)][-1]
    assert spent.prompt_tokens + spent.completion_tokens <= limit
    assert last.comparison is not None


def test_the_judge_of_a_rubric_is_checked_against_people() -> None:
    rated = tuple(Rated(f"word{n}", "odd", "odd", right=n > 2) for n in range(10))
    caveats = result_of(task(grader="rubric", rated=rated)).caveats
    assert any("agrees with people on 7 of the 10" in text for text in caveats)
    doubted = tuple(Rated(f"word{n}", "odd", "odd", right=False) for n in range(10))
    assert any("mean little" in text for text in result_of(task(grader="rubric", rated=doubted)).caveats)


def test_position_bias_is_measured_and_told() -> None:
    result = result_of(task(items=()))  # this judge always prefers the answer shown first
    assert result.position_bias == 1.0
    assert any("shown first in 100 % of its decided verdicts" in text for text in result.caveats)


def test_approved_inputs_are_used_and_none_are_written() -> None:
    model = Scripted(world)
    inputs = tuple(f"word{number}" for number in range(12))
    events = list(run(task(items=(), inputs=inputs), Config(iterations=1), Ledger(model, MemoryStore())))
    assert not [request for request in model.requests if request.purpose == "inputs"]
    asked = {outcome.input for e in events if isinstance(e, Scored) for outcome in e.outcomes}
    assert asked == set(inputs)


def test_held_out_rows_of_ones_own_are_what_is_measured_on() -> None:
    own = tuple(Item(f"word{number}", "even" if number % 2 == 0 else "odd") for number in range(100, 112))
    events = events_of(task(held_out=(*own, ITEMS[0])))
    measured = {
        o.input for e in events if isinstance(e, Scored) and e.split == "held-out" for o in e.outcomes
    }
    searched = {
        o.input for e in events if isinstance(e, Scored) and e.split != "held-out" for o in e.outcomes
    }
    assert measured == {item.input for item in own} | {ITEMS[0].input}
    assert not measured & searched


def test_a_judge_is_asked_again_with_more_room_when_it_cannot_be_read() -> None:
    def brief(request: Request) -> str:
        return (
            "<think>hm" if request.purpose == "rubric" and request.max_tokens < 100 else proposals_or(request)
        )

    def proposals_or(request: Request) -> str:
        return str(world(request)) if request.purpose == "answer" else proposals(request)

    assert result_of(task(grader="rubric"), brief).quality_score == pytest.approx(80)


def test_who_measures_elsewhere_gets_the_leader_and_pays_for_the_search_alone() -> None:
    events = events_of(task(), compare=False, max_tokens=5_000)
    last = events[-1]
    assert isinstance(last, Finished)
    assert last.best != 0
    assert last.comparison is None
    assert last.quality_score > 50
    assert not any(isinstance(event, Scored) and event.split == "held-out" for event in events)
