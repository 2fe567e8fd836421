"""A worker's way with a session: claim, record, stop, replay, finish, fail. The model is scripted."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core.cache import cache
from django.test import override_settings
from django.utils import timezone

from optimizer import briefing, installed, pools, tasks
from optimizer.engine import Prior, Rated
from optimizer.engine.events import Answered, Asked, Event, Invented, Outcome, Scored, Stage, Tried
from optimizer.llm.base import CallFailedError, Request, UnavailableError
from optimizer.llm.scripted import ScriptedHost
from optimizer.models import (
    Candidate,
    Evaluation,
    LLMCall,
    Mark,
    OptimizationSession,
    Preference,
    PromptStatus,
    SessionEvent,
    SessionStatus,
    User,
    Workspace,
)
from optimizer.newest import Newest, newest_answer
from optimizer.services.feedback import rate_output, rate_session
from optimizer.services.optimizations import approve_inputs, resume_optimization, stop_optimization
from optimizer.worker import loop, waiting
from optimizer.worker import run as worker_run
from optimizer.worker.claiming import claim, is_suspect
from optimizer.worker.run import Run
from tests import factories
from tests.engine.world import PROMPT, last_input, world

UseHost = Callable[..., ScriptedHost]


@pytest.fixture
def use_host(monkeypatch: pytest.MonkeyPatch) -> UseHost:
    """Put a scripted server in place of the configured ones."""

    def use(script: Callable[[Request], str] = world, **options: float) -> ScriptedHost:  # type: ignore[assignment]
        host = ScriptedHost(script, **options)  # type: ignore[arg-type]
        monkeypatch.setattr(pools, "hosts", lambda: [host])
        return host

    return use


def fallible(request: Request) -> str:
    """As in `world`, but some words are beyond it, so that the target score is not reached before a critique."""
    hard = request.purpose == "answer" and int(last_input(request)[4:]) % 7 == 0
    return "neither" if hard else str(world(request))


def claimed(session: OptimizationSession) -> Run:
    run = claim(session.pk)
    assert run is not None
    return run


class Killed(BaseException):
    """What a test uses to end a worker at once."""


def kill_after(events: int) -> Callable[[Event], None]:
    left = iter(range(events))

    def watch(event: Event) -> None:
        if next(left, None) is None:
            raise Killed

    return watch


def rated_before(session: OptimizationSession, user: User) -> OptimizationSession:
    """An earlier optimization of the same prompt, and what the person said of it."""
    prompt = factories.make_prompt(session.workspace, original=PROMPT)
    earlier = factories.make_session(session.workspace, prompt=prompt, status=SessionStatus.COMPLETED)
    rate_session(session=earlier, by=user, rating=2, comment="Too long-winded.")
    OptimizationSession.objects.filter(pk=session.pk).update(created_at=timezone.now())
    return earlier


def let_lease_lapse(session: OptimizationSession) -> None:
    past = timezone.now() - timedelta(seconds=1)
    OptimizationSession.objects.filter(pk=session.pk).update(lease_until=past)


def test_a_session_runs_to_its_result(session: OptimizationSession, use_host: UseHost) -> None:
    use_host()
    tasks.optimize(session.pk)
    session.refresh_from_db()
    assert session.status == SessionStatus.COMPLETED
    assert (session.baseline_score, session.best_score, session.score_kind) == (0.0, 1.0, "accuracy")
    assert session.kept_original is False
    assert session.results["comparison"]["rows"] == 16
    assert set(session.results["metrics"]) == {"clarity", "specificity", "engagement"}
    assert session.results["improvements"]
    assert session.processing_time_ms is not None
    assert session.finish_reason
    assert session.prompt.status == PromptStatus.COMPLETED
    assert session.prompt.optimized
    assert session.calls == LLMCall.objects.filter(session=session).count() > 20
    assert session.target_model == "scripted"


def test_candidates_have_parents_outcomes_and_one_best(
    session: OptimizationSession, use_host: UseHost
) -> None:
    use_host()
    tasks.optimize(session.pk)
    candidates = Candidate.objects.filter(session=session)
    assert candidates.get(number=0).operator == "original"
    assert candidates.get(number=1).parents.get().number == 0
    best = candidates.get(is_best=True)
    assert best.text == session.prompt.__class__.objects.get(pk=session.prompt_id).optimized
    held_out = Evaluation.objects.filter(split="held-out")
    assert set(held_out.values_list("candidate__number", flat=True)) == {0, best.number}


def test_only_one_worker_gets_a_session(session: OptimizationSession) -> None:
    assert claim(session.pk) is not None
    assert claim(session.pk) is None


def test_a_lapsed_lease_lets_another_worker_in_and_the_first_one_out(session: OptimizationSession) -> None:
    first = claimed(session)
    let_lease_lapse(session)
    second = claimed(session)
    first._next_tick = 0
    assert first.record(Stage("Scoring")) is False
    second._next_tick = 0
    assert second.record(Stage("Scoring")) is True
    first.fail("late", "too late")
    session.refresh_from_db()
    assert session.status == SessionStatus.PROCESSING


@pytest.mark.parametrize("events", [5, 40, 90])
def test_a_killed_worker_loses_nothing_and_nothing_is_paid_twice(
    session: OptimizationSession, use_host: UseHost, events: int
) -> None:
    host = use_host()
    with pytest.raises(Killed):
        loop.work(claimed(session), kill_after(events))
    let_lease_lapse(session)
    tasks.optimize(session.pk)
    session.refresh_from_db()
    assert session.status == SessionStatus.COMPLETED
    keys = [request.key for request in host.requests]
    paid = LLMCall.objects.filter(session=session).count()
    assert len(keys) - len(set(keys)) <= host.slots  # at most those that were in flight
    assert paid == len(set(keys))


def test_a_replay_writes_nothing_twice(session: OptimizationSession, use_host: UseHost) -> None:
    use_host()
    tasks.optimize(session.pk)
    before = [SessionEvent.objects.count(), Candidate.objects.count(), Evaluation.objects.count()]
    OptimizationSession.objects.update(status=SessionStatus.PENDING, finished_at=None)
    host = use_host()
    tasks.optimize(session.pk)
    assert [SessionEvent.objects.count(), Candidate.objects.count(), Evaluation.objects.count()] == before
    assert host.requests == []


def test_stop_keeps_the_best_so_far(session: OptimizationSession, user: User, use_host: UseHost) -> None:
    use_host()
    seen: list[Event] = []

    def watch(event: Event) -> None:
        seen.append(event)
        if type(event).__name__ == "Leading":
            stop_optimization(session=session, by=user)

    loop.work(claimed(session), watch)
    session.refresh_from_db()
    assert session.status == SessionStatus.CANCELLED
    assert session.finished_at is not None
    assert "best so far" in session.finish_reason
    assert session.kept_original is False
    assert session.best_score is None
    assert session.prompt.optimized


def test_stop_aborts_the_request_in_flight(
    session: OptimizationSession, user: User, use_host: UseHost
) -> None:
    host = use_host(latency=60.0)
    run = claimed(session)
    started = timezone.now()

    def watch(event: Event) -> None:
        if host.requests and not session.stop_requested_at:
            stop_optimization(session=session, by=user)

    loop.work(run, watch)
    session.refresh_from_db()
    assert session.status == SessionStatus.CANCELLED
    assert host.aborted >= 1
    assert (timezone.now() - started).total_seconds() < 5


def test_ollama_away_is_said_and_waited_for(session: OptimizationSession, use_host: UseHost) -> None:
    left = iter(range(4))

    def away_first(request: Request) -> str:
        if next(left, None) is not None:
            raise UnavailableError("gone")
        return world(request)  # type: ignore[return-value]

    use_host(away_first)
    stages = set()

    def watch(event: Event) -> None:
        stages.add(OptimizationSession.objects.get(pk=session.pk).stage)

    loop.work(claimed(session), watch)
    session.refresh_from_db()
    assert "Waiting for Ollama" in stages
    assert session.status == SessionStatus.COMPLETED


def test_a_run_whose_server_is_away_gives_its_worker_back_and_comes_again(
    session: OptimizationSession, use_host: UseHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("optimizer.worker.waiting.BEFORE_GIVING_BACK", timedelta(seconds=0.5))
    away = True

    def script(request: Request) -> str:
        if away and len(host.requests) > 5:
            raise UnavailableError("Ollama at http://a:1 does not answer.")
        return world(request)  # type: ignore[return-value]

    host = use_host(script)
    tasks.optimize(session.pk)
    session.refresh_from_db()
    assert (session.status, session.lease_token) == (SessionStatus.PROCESSING, None)
    assert session.waiting
    assert session.waiting["for"] == "Ollama at http://a:1 does not answer."
    assert session.attempts == 0
    assert session.seconds_to_takeover is None
    assert session.state == "Waiting"
    assert not OptimizationSession.objects.claimable().exists()
    (tried,) = session.events.filter(kind="tried")
    assert tried.data["times"] >= 1
    away = False
    OptimizationSession.objects.update(lease_until=timezone.now())
    tasks.optimize(session.pk)
    session.refresh_from_db()
    assert (session.status, session.waiting) == (SessionStatus.COMPLETED, None)


def test_a_run_that_waited_asks_before_it_is_played_again(
    session: OptimizationSession, use_host: UseHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = {"for": "gone", "since": timezone.now().isoformat(), "parked": timezone.now().isoformat()}
    OptimizationSession.objects.update(waiting={**waiting, "faults": {}})
    host = use_host()

    async def gone() -> dict[str, str]:
        raise UnavailableError("still gone")

    monkeypatch.setattr(host, "models", gone)
    tasks.optimize(session.pk)
    session.refresh_from_db()
    assert session.waiting
    assert (session.waiting["for"], session.waiting["since"]) == ("still gone", waiting["since"])
    assert not host.requests


def test_one_that_waits_is_stopped_at_once(
    session: OptimizationSession,
    user: User,
    use_host: UseHost,
    django_capture_on_commit_callbacks: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rung: list[int] = []
    monkeypatch.setattr("optimizer.services.optimizations.ring", rung.append)
    waiting = {"for": "gone", "since": timezone.now().isoformat(), "parked": timezone.now().isoformat()}
    until = timezone.now() + timedelta(seconds=60)
    OptimizationSession.objects.update(status="processing", waiting=waiting, lease_until=until)
    use_host()
    with django_capture_on_commit_callbacks(execute=True):
        stop_optimization(session=session, by=user)
    assert rung == [session.pk]
    tasks.optimize(session.pk)
    session.refresh_from_db()
    assert (session.status, session.waiting) == (SessionStatus.CANCELLED, None)


def test_one_that_is_stopped_while_it_parks_is_stopped(
    session: OptimizationSession, use_host: UseHost
) -> None:
    use_host()
    run = claimed(session)
    OptimizationSession.objects.update(stop_requested_at=timezone.now())
    waiting.wait(run, "gone", {})
    session.refresh_from_db()
    assert (session.status, session.waiting) == (SessionStatus.CANCELLED, None)


def test_time_without_a_worker_is_counted_once(session: OptimizationSession, use_host: UseHost) -> None:
    use_host()
    ago = (timezone.now() - timedelta(minutes=4)).isoformat()
    OptimizationSession.objects.update(waiting={"for": "gone", "since": ago, "parked": ago, "faults": {}})
    for _ in range(2):
        run = claimed(session)
        run._tick()
        run.release()
    session.refresh_from_db()
    assert session.waiting
    assert session.waiting["parked"] is None
    assert 240_000 <= (session.processing_time_ms or 0) < 300_000


def test_inputs_that_wait_for_a_person_do_not_wait_for_a_server(
    session: OptimizationSession, use_host: UseHost
) -> None:
    now = timezone.now().isoformat()
    OptimizationSession.objects.update(waiting={"for": "gone", "since": now, "parked": now, "faults": {}})
    run = claimed(session)
    run.record(Invented(("one", "two")))
    run.finish()
    session.refresh_from_db()
    assert (session.status, session.waiting) == (SessionStatus.PENDING, None)


def test_the_log_has_one_line_for_each_fault(session: OptimizationSession) -> None:
    run = claimed(session)
    for fault in ("a is gone", "b is gone") * 3:
        run.recorder.keep(Tried(fault))
    told = {row.data["text"]: row.data["times"] for row in session.events.filter(kind="tried")}
    assert told == {"a is gone": 3, "b is gone": 3}


def test_minutes_count_while_no_server_answers(
    session: OptimizationSession, user: User, use_host: UseHost
) -> None:
    long_ago = (timezone.now() - timedelta(minutes=9)).isoformat()
    OptimizationSession.objects.update(
        max_minutes=5, waiting={"for": "gone", "since": long_ago, "parked": long_ago, "faults": {}}
    )
    use_host()
    tasks.optimize(session.pk)
    session.refresh_from_db()
    assert session.status == SessionStatus.CANCELLED
    assert session.finish_reason == "The limit of 5 minutes passed while no model server answered: gone"
    assert resume_optimization(session=session, by=user, here=True)


def test_a_server_that_always_fails_ends_the_run_with_its_words(
    session: OptimizationSession, use_host: UseHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("optimizer.llm.servers.FAULTY_PAUSE", 0.01)

    def broken(request: Request) -> str:
        raise UnavailableError("Ollama at http://a:1 says: no room", answered=True, status=500)

    use_host(broken)
    tasks.optimize(session.pk)
    session.refresh_from_db()
    assert (session.status, session.error_code) == (SessionStatus.FAILED, "server_fault")
    assert session.error_message == "Ollama at http://a:1 says: no room. Tried 5 times."
    assert session.events.get(kind="tried").data["times"] == 5


@pytest.mark.parametrize("code", ["context_window", "unknown_model", "refused"])
def test_a_failing_call_fails_the_session_with_its_reason(
    session: OptimizationSession, use_host: UseHost, code: str
) -> None:
    def fail(request: Request) -> str:
        raise CallFailedError(code, "what happened and what to do")

    use_host(fail)
    tasks.optimize(session.pk)
    session.refresh_from_db()
    assert (session.status, session.error_code) == (SessionStatus.FAILED, code)
    assert session.error_message == "what happened and what to do"
    assert session.prompt.status == PromptStatus.FAILED


def test_an_unexpected_error_fails_the_session_and_not_the_worker(
    session: OptimizationSession, use_host: UseHost, caplog: pytest.LogCaptureFixture
) -> None:
    def crash(request: Request) -> str:
        raise ZeroDivisionError

    use_host(crash)
    tasks.optimize(session.pk)
    session.refresh_from_db()
    assert (session.status, session.error_code) == (SessionStatus.FAILED, "internal")
    assert "ZeroDivisionError" in caplog.text
    assert "ZeroDivisionError" not in session.error_message


def test_the_search_goes_on_while_the_cache_is_away(session: OptimizationSession, use_host: UseHost) -> None:
    use_host()
    away = {"default": settings.CACHES["default"] | {"LOCATION": "redis://127.0.0.1:1/0"}}
    with override_settings(CACHES=away):
        tasks.optimize(session.pk)
        assert newest_answer(session.pk) == Newest()
    session.refresh_from_db()
    assert session.status == SessionStatus.COMPLETED


def test_a_later_change_of_feedback_does_not_change_a_replay(
    session: OptimizationSession, user: User, use_host: UseHost
) -> None:
    earlier = rated_before(session, user)
    use_host(fallible)
    with pytest.raises(Killed):
        loop.work(claimed(session), kill_after(30))
    rate_session(session=earlier, by=user, rating=5, comment="Fine after all.")
    let_lease_lapse(session)
    tasks.optimize(session.pk)
    session.refresh_from_db()
    assert session.results["used_feedback"] == ["2 of 5 stars. Too long-winded."]


def test_later_priors_do_not_change_a_replay(session: OptimizationSession, use_host: UseHost) -> None:
    prior = factories.make_prior(session.workspace, model="scripted", operator="mutate", wins=1, tries=4)
    use_host()
    with pytest.raises(Killed):
        loop.work(claimed(session), kill_after(30))
    prior.delete()
    let_lease_lapse(session)
    tasks.optimize(session.pk)
    session.refresh_from_db()
    assert session.priors == [{"operator": "mutate", "wins": 1.0, "tries": 4.0}]
    assert briefing.task_of(session).priors == (Prior("mutate", 1.0, 4.0),)


def test_a_rubrics_judge_is_checked_against_people_and_a_replay_against_the_same(
    session: OptimizationSession, user: User, use_host: UseHost
) -> None:
    earlier = factories.make_session(session.workspace, dataset=session.dataset, status="completed")
    output = factories.make_evaluation(factories.make_candidate(earlier), output="3")
    rate_output(evaluation=output, by=user, right=True)
    OptimizationSession.objects.filter(pk=session.pk).update(created_at=timezone.now(), grader="rubric")
    use_host()
    with pytest.raises(Killed):
        loop.work(claimed(session), kill_after(30))
    rate_output(evaluation=output, by=user, right=False)
    let_lease_lapse(session)
    tasks.optimize(session.pk)
    session.refresh_from_db()
    assert briefing.task_of(session).rated == (Rated("Lovely tea.", "positive", "3", right=True),)
    assert "The judge agrees with people on 1 of the 1 output " in " ".join(session.results["caveats"])
    why = Evaluation.objects.filter(score__lt=1).values_list("why", flat=True)
    assert set(why) == {"the judge gave 8 of 10"}


def test_other_graders_are_given_no_rated_outputs(
    session: OptimizationSession, user: User, use_host: UseHost
) -> None:
    earlier = factories.make_session(session.workspace, dataset=session.dataset, status="completed")
    factories.rate_output(factories.make_evaluation(factories.make_candidate(earlier)), user)
    OptimizationSession.objects.filter(pk=session.pk).update(created_at=timezone.now())
    use_host()
    tasks.optimize(session.pk)
    session.refresh_from_db()
    assert session.rated == []


def test_what_a_run_did_is_known_to_the_next(session: OptimizationSession, use_host: UseHost) -> None:
    use_host()
    tasks.optimize(session.pk)
    tasks.learn()
    prompt = factories.make_prompt(session.workspace)
    following = factories.make_session(session.workspace, prompt=prompt, dataset=session.dataset)
    loop.work(claimed(following))
    following.refresh_from_db()
    session.refresh_from_db()
    assert {prior["operator"] for prior in following.priors or ()} >= {
        operator["operator"] for operator in session.results["operators"]
    }


def test_one_that_began_before_priors_were_kept_goes_on_without(
    session: OptimizationSession, use_host: UseHost
) -> None:
    factories.make_prior(session.workspace, model="scripted")
    OptimizationSession.objects.update(evidence=["Too long-winded."])
    use_host(fallible)
    tasks.optimize(session.pk)
    session.refresh_from_db()
    assert (session.status, session.priors) == (SessionStatus.COMPLETED, None)
    assert session.results["used_feedback"] == ["Too long-winded."]


def test_who_switched_learning_off_gets_no_evidence(
    session: OptimizationSession, user: User, use_host: UseHost
) -> None:
    rated_before(session, user)
    OptimizationSession.objects.filter(pk=session.pk).update(created_by=user)
    Preference.objects.filter(user=user).update(learn_from_feedback=False)
    use_host()
    tasks.optimize(session.pk)
    session.refresh_from_db()
    assert (session.evidence, session.priors) == ([], [])


def test_deaths_without_a_new_answer_in_between_make_a_suspect(session: OptimizationSession) -> None:
    for _ in range(3):
        assert not is_suspect(claimed(session).session)
        let_lease_lapse(session)
    assert is_suspect(claimed(session).session)


def test_deaths_with_progress_do_not_count(
    session: OptimizationSession, use_host: UseHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever kills the workers, each of them has paid for new answers."""
    monkeypatch.setattr(worker_run, "TICK", 0.0)
    use_host()
    for deaths in range(1, 6):
        run, known = claimed(session), session.ledger.count()

        def watch(_: Event, enough: int = known + 4) -> None:
            if session.ledger.count() >= enough:
                raise Killed

        with pytest.raises(Killed):
            loop.work(run, watch)
        assert not is_suspect(run.session), deaths
        let_lease_lapse(session)


def test_a_worker_that_shuts_down_gives_its_session_back(
    session: OptimizationSession, use_host: UseHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_host()
    left = iter(range(30))

    def watch(event: Event) -> None:
        if next(left, None) is None:
            loop.shutting_down.set()

    monkeypatch.setattr(loop, "shutting_down", type(loop.shutting_down)())
    loop.work(claimed(session), watch)
    session.refresh_from_db()
    assert session.status == SessionStatus.PROCESSING
    assert session.attempts == 0
    assert OptimizationSession.objects.claimable().filter(pk=session.pk).exists()


def test_the_sweep_sends_what_was_forgotten_once(
    session: OptimizationSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[int] = []
    monkeypatch.setattr(tasks.optimize, "delay", sent.append)
    tasks.sweep()
    assert sent == []  # its doorbell has only just been rung
    OptimizationSession.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    tasks.sweep()
    tasks.sweep()
    assert sent == [session.pk]


def test_earlier_feedback_reaches_the_critique(
    session: OptimizationSession, user: User, use_host: UseHost
) -> None:
    rated_before(session, user)
    use_host(lambda request: "no idea" if request.purpose == "answer" else world(request))
    tasks.optimize(session.pk)
    session.refresh_from_db()
    assert session.results["used_feedback"] == ["2 of 5 stars. Too long-winded."]
    critiques = LLMCall.objects.filter(session=session, purpose="critique")
    assert critiques
    assert all("Too long-winded." in call.request["messages"][0]["content"] for call in critiques)


def test_inputs_that_a_person_wants_to_see_are_written_and_waited_for(
    workspace: Workspace, user: User, use_host: UseHost
) -> None:
    session = factories.make_session(workspace, inputs_requested=True, iterations=1, rounds=1)
    host = use_host()
    tasks.optimize(session.pk)
    session.refresh_from_db()
    assert session.awaits_approval
    assert session.inputs
    assert {request.purpose for request in host.requests} == {"inputs"}
    assert claim(session.pk) is None
    OptimizationSession.objects.update(created_at=timezone.now() - timedelta(minutes=5))
    tasks.sweep()
    host.requests.clear()
    approve_inputs(session=session, by=user, inputs=["word1", "word2", "word3", "word4"])
    tasks.optimize(session.pk)
    session.refresh_from_db()
    assert session.status == SessionStatus.COMPLETED
    assert "inputs" not in {request.purpose for request in host.requests}
    said = set(Evaluation.objects.values_list("input", flat=True))
    assert said == {"word1", "word2", "word3", "word4"}


def test_the_writing_of_inputs_counts_as_part_of_the_whole(
    workspace: Workspace, user: User, use_host: UseHost
) -> None:
    session = factories.make_session(workspace, inputs_requested=True, max_calls=60, token_budget=100_000)
    use_host()
    tasks.optimize(session.pk)
    session.refresh_from_db()
    written = session.calls
    assert written == session.ledger.count() > 0
    approve_inputs(session=session, by=user, inputs=["word1", "word2", "word3", "word4"])
    config = briefing.config_of(session)
    assert config.max_calls == 60 - written
    assert config.max_tokens == 100_000 - session.prompt_tokens - session.completion_tokens
    tasks.optimize(session.pk)
    session.refresh_from_db()
    assert written < session.calls == session.ledger.count() <= 60
    assert session.prompt_tokens == sum(session.ledger.values_list("prompt_tokens", flat=True))
    assert session.completion_tokens == sum(session.ledger.values_list("completion_tokens", flat=True))


@pytest.mark.parametrize("approved", [[], ["word1", "word2", "word3", "word4"]])
def test_where_no_inputs_were_written_the_log_says_what_came_of_it(
    workspace: Workspace, user: User, use_host: UseHost, approved: list[str]
) -> None:
    session = factories.make_session(workspace, inputs_requested=True, iterations=1, rounds=1)
    said = {"inputs": "", "answer": "even"}
    use_host(lambda request: said[request.purpose] if request.purpose in said else world(request))
    tasks.optimize(session.pk)
    session.refresh_from_db()
    assert session.awaits_approval
    assert session.inputs == []
    assert not session.events.exists()
    approve_inputs(session=session, by=user, inputs=approved)
    tasks.optimize(session.pk)
    session.refresh_from_db()
    assert session.status == SessionStatus.COMPLETED
    lines = list(session.events.values_list("data__text", flat=True))
    assert ("the prompt is run as it is" in lines[0]) is (not approved)
    assert ("the prompt is run as it is" in "".join(lines)) is (not approved)


def test_a_stop_just_before_the_approval_ends_it(workspace: Workspace, user: User, use_host: UseHost) -> None:
    session = factories.make_session(workspace, inputs_requested=True)

    def stop_at_the_end(event: Event) -> None:
        if isinstance(event, Invented):
            stop_optimization(session=session, by=user)

    use_host()
    run = claimed(session)
    loop.work(run, stop_at_the_end)
    session.refresh_from_db()
    assert session.status == SessionStatus.CANCELLED
    assert session.finish_reason == "Stopped before anything better was found."


def test_the_list_of_models_outlives_long_runs(use_host: UseHost, monkeypatch: pytest.MonkeyPatch) -> None:
    use_host()
    kept: dict[str, float] = {}
    monkeypatch.setattr(cache, "set", lambda key, names, seconds: kept.update({key: seconds}))
    tasks.refresh_models()
    assert kept[installed.cache_key("facts")] >= 1800


def test_a_stop_within_a_race_keeps_who_is_ahead_in_it(workspace: Workspace) -> None:
    session = factories.make_session(workspace)
    run = claim(session.pk)
    assert run
    factories.make_candidate(session, number=0, score=0.0, scored_items=8, components=PARTS)
    factories.make_candidate(session, number=1, score=1.0, scored_items=4)
    ahead = factories.make_candidate(session, number=2, score=0.875, scored_items=8, components=PARTS)
    run.stop()
    session.refresh_from_db()
    ahead.refresh_from_db()
    assert (session.kept_original, session.comparable, ahead.is_best) == (False, True, True)
    assert session.prompt.optimized == ahead.text


PARTS = {
    "instruction": "Say.",
    "persona": "",
    "answer_format": "",
    "keywords": [],
    "shots": [],
    "shots_as": "text",
}


def after_answers(count: int, session: OptimizationSession) -> Callable[[Event], None]:
    """Ask to stop after this many answers to rows of the search."""
    left = iter(range(count - 1))

    def watch(event: Event) -> None:
        if isinstance(event, Answered) and next(left, None) is None:
            OptimizationSession.objects.filter(pk=session.pk).update(stop_requested_at=timezone.now())

    return watch


def test_answers_are_kept_and_told_before_a_step_of_the_race_ends(
    session: OptimizationSession, use_host: UseHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("optimizer.worker.run.TICK", 0.0)
    use_host()
    seen: list[tuple[Candidate, OptimizationSession]] = []

    def watch(event: Event) -> None:
        if isinstance(event, Answered) and event.number == 0 and event.items == 4:
            now = OptimizationSession.objects.get(pk=session.pk)
            seen.append((now.candidates.get(number=0), now))

    loop.work(claimed(session), watch)
    original, then = seen[0]
    assert (original.score, original.scored_items, original.live_items) == (None, 0, 3)
    assert original.marks.rstrip(Mark.WAITING) == "---"
    assert (original.score_so_far, original.rows_so_far) == (0.0, 3)
    assert then.calls >= 3


def test_nothing_that_was_answered_is_lost_when_a_run_is_stopped(
    session: OptimizationSession, use_host: UseHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_host(latency=0.02)
    loop.work(claimed(session), after_answers(12, session))
    session.refresh_from_db()
    rows = Evaluation.objects.filter(candidate__session=session, split="validation")
    assert session.status == SessionStatus.CANCELLED
    assert rows.count() == session.ledger.filter(purpose="answer").count() >= 12
    assert session.calls == session.ledger.count()
    assert sum(candidate.live_items for candidate in session.candidates.all()) == rows.count()
    assert all(candidate.score is None for candidate in session.candidates.exclude(number=0))


def test_live_numbers_end_as_what_the_race_says(session: OptimizationSession, use_host: UseHost) -> None:
    use_host()
    tasks.optimize(session.pk)
    for candidate in session.candidates.exclude(score=None):
        rows = candidate.evaluations.filter(split="validation")
        assert (candidate.live_score, candidate.live_items) == (candidate.score, candidate.scored_items)
        assert candidate.marks == "".join(Mark.of(row.score) for row in rows)


def test_what_counts_corrects_what_was_told_on_the_way(session: OptimizationSession) -> None:
    candidate = factories.make_candidate(session, number=0)
    recorder = claimed(session).recorder
    early, late = (Outcome(0, "word1", "odd", output, score) for output, score in (("od", 0.0), ("odd", 1.0)))
    recorder.keep(Asked(0, "validation", (0, 1)))
    recorder.keep(Answered(0, "validation", early, 0.0, 1))
    recorder.live.write()
    candidate.refresh_from_db()
    assert (candidate.marks, candidate.live_score, candidate.score) == ("-.", 0.0, None)
    recorder.keep(Scored(0, "validation", (late,), 1.0, 1))
    candidate.refresh_from_db()
    assert (candidate.marks, candidate.live_score, candidate.score) == ("+", 1.0, 1.0)
    assert candidate.evaluations.get().output == "odd"
