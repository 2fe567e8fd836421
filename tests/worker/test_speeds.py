"""How fast a model is here: fitted to its calls in the ledger, else measured by a trial."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.cache import cache
from django.utils import timezone

from optimizer import pools, speeds, tasks
from optimizer.engine.speed import FASTEST, Speed, Timing, fit
from optimizer.llm.base import CallFailedError, Message, Reply, Request, UnavailableError
from optimizer.llm.scripted import ScriptedHost
from optimizer.llm.trial import Timed, Trial, trial
from optimizer.models import LLMCall, OptimizationSession, Workspace
from optimizer.worker.ledger import LedgerRows
from tests import factories


@pytest.fixture
def model() -> str:
    """One that no other test has measured."""
    return f"model-{uuid4()}"


def timings(
    count: int = 60, *, call: float = 0.1, prompt: float = 500, completion: float = 40
) -> list[Timing]:
    """Timings of calls that take exactly this long: seconds a call, tokens a second in and out."""
    dice = random.Random(1)
    sizes = [(dice.randrange(20, 400), dice.randrange(1, 200)) for _ in range(count)]
    return [Timing(p, c, call + p / prompt + c / completion) for p, c in sizes]


def test_the_speed_is_found_again() -> None:
    speed = fit(timings(), 4)
    assert speed is not None
    assert speed.prompt_per_second == pytest.approx(500)
    assert speed.completion_per_second == pytest.approx(40)
    assert speed.call_seconds == pytest.approx(0.1)
    assert speed.slots == 4


def test_noise_changes_little() -> None:
    dice = random.Random(2)
    noisy = [timing._replace(seconds=timing.seconds * dice.uniform(0.7, 1.3)) for timing in timings(200)]
    speed = fit(noisy, 4)
    assert speed is not None
    assert speed.completion_per_second == pytest.approx(40, rel=0.1)


def test_a_call_that_loaded_the_model_does_not_count() -> None:
    speed = fit([Timing(30, 5, 45.0), *timings()], 4)
    assert speed is not None
    assert speed.completion_per_second == pytest.approx(40, rel=0.01)


def test_a_cached_prompt_costs_nothing_and_nothing_costs_less() -> None:
    cheap = [Timing(t.prompt_tokens, t.completion_tokens, t.completion_tokens / 40) for t in timings()]
    falling = [t._replace(seconds=t.seconds + 1 - t.prompt_tokens / 500) for t in cheap]
    for taken in (cheap, falling):
        speed = fit(taken, 4)
        assert speed is not None
        assert speed.prompt_per_second == FASTEST
        assert speed.call_seconds >= 0


@pytest.mark.parametrize(
    "taken",
    [
        [],
        timings(3),
        [Timing(50, 5, 0.2)] * 50,
        [Timing(50, n, 0.2) for n in range(50)],
        [Timing(0, 0, 0.1)] * 50,
    ],
    ids=["none", "few", "all alike", "length costs nothing", "nothing counted"],
)
def test_what_tells_no_speed_gives_none(taken: list[Timing]) -> None:
    assert fit(taken, 4) is None


def make_calls(session: OptimizationSession, model: str, taken: list[Timing], **fields: object) -> None:
    for timing in taken:
        factories.make_call(
            session, model=model, prompt_tokens=timing.prompt_tokens, completion_tokens=timing.completion_tokens,
            **{"host": settings.OLLAMA_HOSTS[0], "duration_ms": round(timing.seconds * 1000), **fields},
        )  # fmt: skip


def test_the_newest_calls_of_any_workspace_count(workspace: Workspace, model: str) -> None:
    session = factories.make_session(workspace)
    make_calls(session, model, timings())
    factories.make_call(session, model=model, reused=True, duration_ms=90_000)
    factories.make_call(session, model="another", duration_ms=90_000)
    speed = speeds.known(model)
    assert speed is not None
    assert speed.completion_per_second == pytest.approx(40, rel=0.02)


def test_calls_of_the_day_before_do_not_count(workspace: Workspace, model: str) -> None:
    session = factories.make_session(workspace)
    make_calls(session, model, timings(completion=5))
    LLMCall.objects.update(created_at=timezone.now() - timedelta(hours=7))
    assert speeds.known(model) is None
    make_calls(session, model, timings())
    speed = speeds.known(model)
    assert speed is not None
    assert speed.completion_per_second == pytest.approx(40, rel=0.02)


def completion_speed(model: str) -> float:
    speed = speeds.known(model)
    return speed.completion_per_second if speed else 0.0


def test_only_calls_of_the_configured_hosts_count(
    workspace: Workspace, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = factories.make_session(workspace)
    make_calls(session, model, timings(completion=400), host="http://workstation:11434")
    make_calls(session, model, timings(completion=400), host="")
    assert speeds.known(model) is None
    make_calls(session, model, timings(completion=4))
    assert completion_speed(model) == pytest.approx(4, rel=0.02)
    monkeypatch.setattr(settings, "OLLAMA_HOSTS", ["http://workstation:11434"])
    assert completion_speed(model) == pytest.approx(400, rel=0.02)


def test_a_trial_is_of_the_hosts_that_it_ran_on(model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    speeds.keep(model, Speed(500, 40))
    monkeypatch.setattr(settings, "OLLAMA_HOSTS", ["http://workstation:11434"])
    assert cache.get(speeds._key(model)) is None


def test_the_newest_calls_are_believed(workspace: Workspace, model: str) -> None:
    session = factories.make_session(workspace)
    make_calls(session, model, timings(200, completion=4))
    make_calls(session, model, timings(speeds.NEWEST, completion=40))
    found = speeds.measured(model)
    assert found is not None
    assert found.speed.completion_per_second == pytest.approx(40, rel=0.02)
    assert (found.basis, found.fresh) == ("based on its last 40 calls", True)


def test_time_in_line_does_not_count_where_the_server_tells_its_own(workspace: Workspace, model: str) -> None:
    session = factories.make_session(workspace)
    for timing in timings():
        busy = round(timing.seconds * 1000)
        make_calls(session, model, [timing], duration_ms=busy + 20_000, busy_ms=busy)
    assert completion_speed(model) == pytest.approx(40, rel=0.02)


def test_a_trial_corrects_calls_that_are_older(workspace: Workspace, model: str) -> None:
    session = factories.make_session(workspace)
    make_calls(session, model, timings(completion=4))
    LLMCall.objects.filter(model=model).update(created_at=timezone.now() - timedelta(hours=2))
    found = speeds.measured(model)
    assert found is not None
    assert not found.fresh
    speeds.keep(model, Speed(500, 80), calls=8)
    assert completion_speed(model) == 80
    make_calls(session, model, timings(completion=40))
    assert completion_speed(model) == pytest.approx(40, rel=0.02)


def test_uneven_calls_are_not_believed_without_a_trial(workspace: Workspace, model: str) -> None:
    """They look like this if calls of others stood in the same line."""
    dice = random.Random(3)
    session = factories.make_session(workspace)
    make_calls(session, model, [t._replace(seconds=t.seconds * dice.choice([1, 15])) for t in timings()])
    found = speeds.measured(model)
    assert found is not None
    assert not found.fresh


def test_loading_counts_while_the_model_is_not_loaded(workspace: Workspace, model: str) -> None:
    session = factories.make_session(workspace)
    make_calls(session, model, timings(1), load_ms=30_000)
    make_calls(session, model, timings())
    loaded = speeds.known(model)
    LLMCall.objects.filter(model=model).update(created_at=timezone.now() - timedelta(minutes=10))
    unloaded = speeds.known(model)
    assert loaded is not None
    assert unloaded is not None
    assert (loaded.load_seconds, unloaded.load_seconds) == (0, 30)


def test_a_model_that_nobody_ran_has_no_speed(db: None, model: str) -> None:
    assert speeds.known(model) is None


def test_a_trial_is_kept(db: None, model: str) -> None:
    speeds.keep(model, Speed(500, 40), calls=8)
    speed = speeds.known(model)
    assert speed is not None
    assert speed.completion_per_second == pytest.approx(40)


def test_a_trial_is_asked_for_once(model: str) -> None:
    assert speeds.ask(model)
    assert speeds.awaited(model)
    assert not speeds.ask(model)
    speeds.answer(model)
    assert not speeds.awaited(model)
    assert not speeds.ask(model)


def let_it_lapse(model: str) -> None:
    cache.delete(speeds._key(model, "asked"))


def test_trials_in_vain_end(model: str) -> None:
    for _ in range(speeds.TRIES):
        assert speeds.ask(model)
        assert not speeds.given_up(model)
        let_it_lapse(model)
    assert not speeds.ask(model)
    assert not speeds.awaited(model)
    assert speeds.given_up(model)


def test_a_trial_that_a_worker_took_was_not_in_vain(model: str) -> None:
    for _ in range(speeds.TRIES + 1):
        assert speeds.ask(model)
        speeds.answer(model)
        let_it_lapse(model)
    assert not speeds.given_up(model)


class Steady(ScriptedHost):
    """Takes 0.1 s a call, 10 ms a token written, and 2 ms a token read of a prompt that it has not just read."""

    async def reply(self, request: Request, on_text: object) -> Reply:
        prompt = request.messages[0].content.split("\n")[0]
        new = prompt not in {earlier.messages[0].content.split("\n")[0] for earlier in self.requests}
        self.requests.append(request)
        took = 100 + 10 * request.max_tokens + 2 * 300 * new
        return Reply("1", "length", prompt_tokens=300, completion_tokens=request.max_tokens, duration_ms=took)


def test_a_trial_measures_the_model(db: None, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pools, "hosts", lambda: [Steady(lambda request: "")])
    speeds.ask(model)
    tasks.measure_speed(model)
    speed = speeds.known(model)
    assert speed is not None
    assert speed.call_seconds == pytest.approx(0.1)
    assert speed.completion_per_second == pytest.approx(100)
    assert speed.prompt_per_second == pytest.approx(500 / speeds.NEW_SHARE)
    assert not speeds.awaited(model)


def test_a_trial_whose_answers_are_all_short_still_tells_a_speed() -> None:
    one = Timed(Reply("1", prompt_tokens=300, completion_tokens=3, duration_ms=130), 0.13)
    speed = speeds.of_trial(Trial(one, one, one, one))
    assert speed.ms(300, 3) == pytest.approx(130, rel=0.5)


@pytest.mark.parametrize(
    "error", [UnavailableError("gone"), CallFailedError("unknown_model", "no such model")]
)
def test_a_trial_that_fails_leaves_the_speed_unknown(
    db: None, model: str, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(request: Request) -> str:
        raise error

    monkeypatch.setattr(pools, "hosts", lambda: [ScriptedHost(fail)])
    speeds.ask(model)
    tasks.measure_speed(model)
    assert speeds.known(model) is None
    assert not speeds.awaited(model)


def test_the_calls_of_a_trial_are_small_and_keep_every_slot_busy() -> None:
    host = ScriptedHost(lambda request: "1 2 3", slots=2, latency=0.01)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pools, "hosts", lambda: [host])
        with pools.connected() as pool:
            trial(pool, "m")
    assert host.at_once == 2
    assert max(request.max_tokens for request in host.requests) < 64
    assert len({request.key for request in host.requests}) == 6


def tried(model: str, host: ScriptedHost, patch: pytest.MonkeyPatch) -> Speed:
    patch.setattr(pools, "hosts", lambda: [host])
    tasks.measure_speed(model)
    speed = speeds.known(model)
    assert speed is not None
    return speed


def test_one_call_of_a_slow_server_tells_a_speed(
    db: None, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("optimizer.llm.trial.QUICK", 0.2)
    host = ScriptedHost(lambda request: "1 2 3 4 5 6 7 8", latency=0.5)
    started = time.monotonic()
    speed = tried(model, host, monkeypatch)
    assert time.monotonic() - started < 3
    assert len(host.requests) == 2
    assert host.at_once == 1
    asked = host.requests[-1].messages[0].content.split()
    assert speed.ms(len(asked), 8) == pytest.approx(500, rel=0.5)
    found = speeds.measured(model)
    assert found is not None
    assert found.basis == "based on a short trial of 2 calls"


def test_a_server_that_is_too_slow_for_two_calls_tells_a_speed_too(
    db: None, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("optimizer.llm.trial.LONGEST", 0.6)
    host = ScriptedHost(lambda request: "1 2 3 4", latency=0.5)
    speed = tried(model, host, monkeypatch)
    asked = host.requests[0].messages[0].content.split()
    assert speed.ms(len(asked), 4) == pytest.approx(500, rel=0.5)
    assert not speeds.awaited(model)


class Streaming(ScriptedHost):
    """Reads for 0.2 s, then writes a word each 0.05 s, and tells no times."""

    async def reply(self, request: Request, on_text: Callable[[str], None]) -> Reply:
        self.requests.append(request)
        await asyncio.sleep(0.2)
        for number in range(8):
            on_text("1 " * number)
            await asyncio.sleep(0.05)
        return Reply("1 " * 8, prompt_tokens=100, completion_tokens=8, host=self.address)


def test_reading_and_writing_are_told_apart_by_what_was_streamed(
    db: None, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("optimizer.llm.trial.QUICK", 0.1)
    speed = tried(model, Streaming(lambda request: ""), monkeypatch)
    assert speed.completion_per_second == pytest.approx(20, rel=0.3)


def test_the_ledger_keeps_where_a_call_ran_and_what_it_took(workspace: Workspace) -> None:
    session = factories.make_session(workspace)
    request = Request("answer", "m", (Message("user", "Hi"),), max_tokens=4)
    reply = Reply("1", "stop", 3, 1, 900, host="http://a:11434", busy_ms=200, load_ms=600)
    store = LedgerRows(session, lambda: 1200)
    store.save(request, reply)
    assert store.find([request.key])[request.key] == replace(reply, at_ms=1200)


def test_what_each_call_costs_beside_its_tokens_counts_on_a_slow_server_too() -> None:
    """Two calls of five seconds, one with hardly a prompt: reading is not what takes the time."""
    first = Timed(Reply("1 2", prompt_tokens=20, completion_tokens=4), 5.0, writing=1.0)
    new = Timed(Reply("1 2 3", prompt_tokens=200, completion_tokens=24), 8.0, writing=3.0)
    speed = speeds.of_trial(Trial(first, new))
    assert speed.ms(300, 2) == pytest.approx(5000, rel=0.15)
