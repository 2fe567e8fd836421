"""What an optimization will take, before it starts and beside what it took."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings

from optimizer import amounts, briefing, installed, speeds
from optimizer.brief import PRESETS, SETTINGS
from optimizer.engine import Config, Task, TaskRefusedError
from optimizer.engine.estimate import Estimate, Range, Speed
from optimizer.files import Row, Table
from optimizer.forecasts import Forecast
from optimizer.forms.optimization import OptimizationForm
from optimizer.llm.facts import ModelFacts
from optimizer.models import OptimizationSession, Prompt, User
from optimizer.sample import sample_form_data
from optimizer.services import estimates
from optimizer.services.choices import Choices
from optimizer.services.estimates import forecast
from optimizer.services.optimizations import start_optimization


def row(text: str, answer: str, weight: float = 1.0) -> Row:
    return Row({"input": text, "expected": answer}, answer, weight=weight)


def table(*rows: Row) -> Table:
    return Table(("input", "expected"), rows, expected="expected", input="input")


ROWS = tuple(row(f"row {n}", ["odd", "even"][n % 2], 1.0 + n % 3) for n in range(12))


@pytest.fixture
def model(db: None) -> str:
    return f"model-{uuid4()}"


@pytest.fixture
def measured(model: str) -> str:
    """A model whose speed is known."""
    speeds.keep(model, Speed(500, 40, call_seconds=0.1), calls=8)
    return model


@pytest.fixture
def no_models() -> Iterator[None]:
    before = installed.models()
    installed.keep([])
    yield
    installed.keep(map(ModelFacts, before))


def of(model: str = "", preset: str = "quick", **settings: object) -> Choices:
    settings |= {"target_model": model, "preset": preset}
    return Choices(prompt="Is it odd?", table=table(*ROWS), settings=settings)


def says(preset: str) -> dict[str, Any]:
    """What a preset says, by setting."""
    return {setting.name: setting.by_preset[preset] for setting in SETTINGS if setting.by_preset}


def told(choices: Choices) -> Forecast:
    estimate = forecast(choices)
    assert estimate is not None
    return estimate


def test_calls_tokens_and_minutes_are_told_with_the_model(measured: str) -> None:
    estimate = told(of(measured))
    assert estimate.minutes is not None
    for amount in (estimate.calls, estimate.tokens, estimate.minutes):
        assert 0 < amount.low < amount.high <= 3 * amount.low
    words = rf"[\d,]+ to [\d,]+ calls, [\d,]+ to [\d,]+ tokens, [\d.]+ to [\d.]+ (seconds|minutes) with {measured} here"
    basis = "based on a short trial of 8 calls. Less if it reaches the target score early."
    assert re.fullmatch(rf"{words}, {basis}", str(estimate))


@pytest.mark.parametrize("sample", [False, True])
def test_it_grows_with_the_preset(measured: str, user: User, no_models: None, sample: bool) -> None:
    installed.keep([ModelFacts(measured)])

    def with_preset(name: str) -> Forecast:
        if not sample:
            return told(of(measured, name))
        form = OptimizationForm(sample_form_data() | {"preset": name, "target_model": measured}, user=user)
        assert form.is_valid(), form.errors
        return told(form.choices())

    quick, balanced, thorough = map(with_preset, PRESETS)
    for amount in ("calls", "tokens", "minutes"):
        ends = [getattr(one, amount) for one in (quick, balanced, thorough)]
        assert ends[0].low <= ends[1].low <= ends[2].low
        assert ends[0].high <= ends[1].high <= ends[2].high
        assert ends[0].low < ends[2].low


def test_one_preset_is_no_cheaper_than_a_smaller_one(measured: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where a rehearsal of it happens to end sooner."""
    costs = {2: 90.0, 3: 70.0, 5: 120.0}  # calls by proposals a round

    def rehearsed(task: Task, config: Config, *_: object, **__: object) -> Estimate:
        calls = Range(costs[config.styles], 2 * costs[config.styles])
        return Estimate(calls, calls, calls)

    monkeypatch.setattr(estimates, "estimate", rehearsed)
    told_of = [told(of(measured, name, seed=12)).calls for name in PRESETS]
    assert told_of == [(90, 180), (90, 180), (120, 240)]


def test_minutes_are_not_made_up(model: str) -> None:
    estimate = told(of(model))
    assert estimate.calls.low > 10
    assert estimate.minutes is None
    assert f"The time is not known yet: {model} has not been measured" in str(estimate)


def test_a_measurement_under_way_is_said(model: str) -> None:
    speeds.ask(model)
    assert "is being measured" in str(told(of(model)))


def test_a_measurement_that_ended_meanwhile_is_asked_for_again(model: str) -> None:
    before = told(of(model))
    assert not before.awaited
    speeds.keep(model, Speed(500, 40, call_seconds=0.1), calls=8)
    assert before.awaited


def test_the_models_of_other_servers_are_not_ours(no_models: None, monkeypatch: pytest.MonkeyPatch) -> None:
    installed.keep([ModelFacts("theirs")])
    monkeypatch.setattr(settings, "OLLAMA_HOSTS", [f"http://{uuid4()}:11434"])
    assert installed.models() == []


def test_no_server_yet_is_said(db: None, no_models: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(settings, "TARGET_MODEL", "")
    assert "no model server has answered" in str(told(of()))


def test_the_limits_are_heeded(measured: str) -> None:
    assert told(of(measured, max_calls=60)).calls.high <= 60
    assert told(of(measured, token_budget=4_000)).tokens.high <= 4_000
    assert (told(of(measured, max_minutes=0.2)).minutes or (9, 9))[1] <= 0.2


def test_a_task_that_cannot_run_is_refused(measured: str) -> None:
    with pytest.raises(TaskRefusedError, match="Row 1"):
        forecast(
            Choices(
                prompt="x",
                table=table(row("a", "("), *ROWS),
                grader="regex",
                settings={"target_model": measured},
            )
        )


def test_it_is_kept_at_the_start(measured: str, user: User) -> None:
    session = start_optimization(by=user, workspace=user.personal_workspace, choices=of(measured))
    assert session.estimate == told(of(measured)).kept()


def test_an_estimate_that_fails_stops_nobody(
    measured: str, user: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise IndexError

    monkeypatch.setattr(estimates, "estimate", fail)
    assert (
        start_optimization(by=user, workspace=user.personal_workspace, choices=of(measured, seed=99)).estimate
        is None
    )
    assert "no estimate" in caplog.text


def test_one_that_takes_too_long_is_given_up_and_not_tried_again(
    measured: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(estimates, "LONGEST", 0.01)
    assert forecast(of(measured, seed=7)) is None
    monkeypatch.setattr(estimates, "LONGEST", 60.0)
    assert forecast(of(measured, seed=7)) is None
    assert forecast(of(measured, seed=8)) is not None


def test_it_is_worked_out_once(measured: str, monkeypatch: pytest.MonkeyPatch) -> None:
    first = told(of(measured))
    monkeypatch.setattr(estimates, "estimate", lambda *_, **__: pytest.fail("worked out again"))
    assert told(of(measured)) == first


def test_the_speed_of_another_optimizer_model_counts(measured: str) -> None:
    slow = f"slow-{uuid4()}"
    alone, unmeasured = told(of(measured)), told(of(measured, optimizer_model=slow))
    assert unmeasured.lacking == (slow,)
    assert unmeasured.minutes == alone.minutes
    speeds.keep(slow, Speed(50, 2, call_seconds=0.1))
    both = told(of(measured, optimizer_model=slow))
    assert both.lacking == ()
    assert both.calls == alone.calls
    assert (both.minutes or (0, 0))[0] > 1.2 * (alone.minutes or (9, 9))[0]


@pytest.mark.parametrize(
    ("ends", "said"),
    [
        ((4.2, 12.0), "4 to 12 minutes"),
        ((0.7, 2.1), "0.5 to 2 minutes"),
        ((1.42, 6.0), "1.5 to 6 minutes"),
        ((0.1, 2.1), "up to 2 minutes"),
        ((110.0, 130.0), "2 hours"),
        ((50.0, 150.0), "1 to 2 hours"),
        ((1 / 3, 1 / 3), "20 seconds"),
    ],
)
def test_both_ends_of_a_span_are_said(ends: tuple[float, float], said: str) -> None:
    assert amounts.duration_range(Range(*ends)) == said


@pytest.mark.parametrize(("kept", "ends"), [(130, (130, 130)), ([130, 390], (130, 390))])
def test_old_estimates_are_single_numbers(kept: float | list[float], ends: tuple[float, float]) -> None:
    assert amounts.range_of(kept) == ends


@pytest.mark.parametrize(("count", "said"), [(0, 0), (7, 7), (447, 450), (118_233, 120_000)])
def test_counts_are_rounded_to_what_they_mean(count: int, said: int) -> None:
    assert amounts.rough(count) == said


@pytest.mark.parametrize(
    ("minutes", "said"),
    [(0, "5 seconds"), (0.7, "40 seconds"), (1.4, "85 seconds"), (4.2, "4 minutes"), (200, "3 hours")],
)
def test_spans_are_said_as_people_do(minutes: float, said: str) -> None:
    assert amounts.duration(minutes) == said


def test_limits_that_are_left_out_are_the_presets() -> None:
    config = briefing.config_of(OptimizationSession(preset="thorough"))
    thorough = says("thorough")
    assert (config.max_calls, config.patience) == (thorough["max_calls"], thorough["patience"])
    assert (config.max_tokens, config.max_minutes, config.target_score) == (None, None, 1.0)


def test_limits_that_are_given_reach_the_engine() -> None:
    config = briefing.config_of(
        OptimizationSession(max_calls=50, token_budget=9000, max_minutes=2.5, target_score=0.9, patience=7)
    )
    assert (config.max_calls, config.max_tokens, config.max_minutes) == (50, 9000, 2.5)
    assert (config.target_score, config.patience) == (0.9, 7)


def test_weights_and_options_reach_the_engine(user: User) -> None:
    rows = table(*ROWS, row("heavy", "odd", 5.0))
    choices = Choices(prompt="x", table=rows, grader="choice", grader_options={"choices": "odd\neven"})
    session = start_optimization(by=user, workspace=user.personal_workspace, choices=choices)
    task = briefing.task_of(session)
    assert [item.weight for item in task.items] == [row.weight for row in rows.rows]
    assert task.grader_options == (("choices", "odd\neven"),)
    assert Prompt.objects.count() == 1


def test_what_the_page_told_is_not_rehearsed_again_when_the_speed_changes(measured: str, user: User) -> None:
    choices = of(measured)
    before = told(choices)
    speeds.keep(measured, Speed(50, 4, call_seconds=0.1), calls=8)
    session = start_optimization(by=user, workspace=user.personal_workspace, choices=choices)
    assert session.estimate == before.kept()
    after = told(choices)
    assert after.minutes is not None
    assert before.minutes is not None
    assert after.minutes.low > 2 * before.minutes.low


def test_what_was_told_without_a_speed_is_told_again_with_one(model: str, user: User) -> None:
    assert told(of(model)).minutes is None
    speeds.keep(model, Speed(50, 4, call_seconds=0.1))
    session = start_optimization(by=user, workspace=user.personal_workspace, choices=of(model))
    assert session.estimate is not None
    assert session.estimate["minutes"][0] > 0


def test_other_models_take_calls_and_their_own_time(measured: str) -> None:
    enough = table(*(row(f"row {n}", ["odd", "even"][n % 2]) for n in range(40)))
    alone = told(replace(of(measured), table=enough))
    unknown = told(replace(of(measured, other_models=["unseen"]), table=enough))
    assert unknown.calls.low > alone.calls.low
    assert unknown.lacking == alone.lacking
    assert "were not measured here yet" in str(unknown)
    slow = f"slow-{uuid4()}"
    speeds.keep(slow, Speed(50, 4, call_seconds=1.0), calls=8)
    known = told(replace(of(measured, other_models=[slow]), table=enough))
    assert known.calls == unknown.calls
    assert known.minutes is not None
    assert unknown.minutes is not None
    assert known.minutes.low > unknown.minutes.low
    assert "were not measured" not in str(known)
