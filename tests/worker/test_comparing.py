"""A stopped optimization is compared after all, by a worker or in the terminal, and stays stopped."""

from __future__ import annotations

from collections.abc import Callable
from uuid import uuid4

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone

from optimizer import pools, speeds, tasks, verdicts
from optimizer.engine.estimate import Speed
from optimizer.engine.events import Event
from optimizer.llm.base import CallFailedError, Request
from optimizer.llm.scripted import ScriptedHost
from optimizer.models import (
    Chosen,
    Evaluation,
    LLMCall,
    OptimizationSession,
    PromptStatus,
    Role,
    SessionStatus,
    User,
    Workspace,
)
from optimizer.services.estimates import forecast_comparison
from optimizer.services.optimizations import resume_optimization, stop_optimization
from optimizer.services.results import choose_result, compare_stopped
from optimizer.worker import loop
from optimizer.worker.claiming import claim
from optimizer.worker.run import Run
from tests import factories
from tests.engine.test_verdicts import ENDINGS, HELD_OUT
from tests.engine.world import ITEMS, PROMPT
from tests.worker.test_work import Killed, UseHost, claimed, kill_after, let_lease_lapse

__all__ = ["use_host"]

BETTER, WORSE, AHEAD = (ENDINGS[name].script for name in ("better", "worse", "ahead"))


@pytest.fixture
def use_host(monkeypatch: pytest.MonkeyPatch) -> UseHost:
    """Put a scripted server in place of the configured ones."""

    def use(script: Callable[[Request], str], **options: float) -> ScriptedHost:
        host = ScriptedHost(raising(script), **options)  # type: ignore[arg-type]
        monkeypatch.setattr(pools, "hosts", lambda: [host])
        return host

    return use


def raising(script: Callable[[Request], str | CallFailedError]) -> Callable[[Request], str]:
    def answer(request: Request) -> str:
        said = script(request)
        if isinstance(said, CallFailedError):
            raise said
        return said

    return answer


@pytest.fixture
def stopped(workspace: Workspace, user: User, use_host: UseHost) -> Callable[..., OptimizationSession]:
    """An optimization that was stopped once something better led."""

    def make(
        script: Callable[[Request], str | CallFailedError] = BETTER, **fields: object
    ) -> OptimizationSession:
        rows = [(item.input, item.expected) for item in ITEMS]
        dataset = factories.keep_rows(workspace, user, rows)
        prompt = factories.make_prompt(workspace, original=PROMPT)
        session = factories.make_session(workspace, prompt=prompt, dataset=dataset, **fields)
        use_host(script)
        loop.work(claimed(session), stop_when_leading(session, user))
        session.refresh_from_db()
        assert session.comparable
        return session

    return make


def stop_when_leading(session: OptimizationSession, user: User) -> Callable[[Event], None]:
    def watch(event: Event) -> None:
        if type(event).__name__ == "Leading":
            stop_optimization(session=session, by=user)

    return watch


def test_a_stopped_one_shows_the_scores_of_its_search(stopped: Callable[..., OptimizationSession]) -> None:
    session = stopped()
    assert session.verdict == ""
    assert session.score_kind == "accuracy"
    best = session.candidates.get(is_best=True)
    assert best.score is not None
    assert best.score > (session.candidates.get(number=0).score or 0)


def test_what_a_stopped_one_cost_is_what_its_ledger_holds(
    stopped: Callable[..., OptimizationSession],
) -> None:
    session = stopped()
    assert session.calls == LLMCall.objects.filter(session=session).count() > 0
    assert session.prompt_tokens == sum(session.ledger.values_list("prompt_tokens", flat=True))


def test_the_counters_are_right_in_the_middle_of_a_wave(
    workspace: Workspace, user: User, use_host: UseHost
) -> None:
    """All rows of a block are one wave: what is answered by then counts when it is stopped."""
    rows = [(item.input, item.expected) for item in ITEMS]
    dataset = factories.keep_rows(workspace, user, rows)
    session = factories.make_session(workspace, dataset=dataset)
    use_host(BETTER)
    with pytest.raises(KeyboardInterrupt):
        loop.work(claimed(session), interrupt_after(session, calls=5))
    run = Run(OptimizationSession.objects.select_related("prompt").get(pk=session.pk))
    run.stop()
    session.refresh_from_db()
    assert session.calls == LLMCall.objects.filter(session=session).count() >= 5


def interrupt_after(session: OptimizationSession, calls: int) -> Callable[[Event], None]:
    def watch(event: Event) -> None:
        if LLMCall.objects.filter(session=session).count() >= calls:
            raise KeyboardInterrupt

    return watch


@pytest.mark.parametrize(
    ("script", "verdict", "handed_over"),
    [(BETTER, "better", True), (AHEAD, "not_proven", True), (WORSE, "worse", False)],
)
def test_it_is_compared_and_stays_stopped(
    stopped: Callable[..., OptimizationSession],
    user: User,
    use_host: UseHost,
    script: Callable[[Request], str],
    verdict: str,
    handed_over: bool,
) -> None:
    session = stopped(script)
    before = session.calls
    cost = forecast_comparison(session)
    host = use_host(script)
    compare_stopped(session=session, by=user)
    assert (session.status, session.comparing) == (SessionStatus.PENDING, True)
    tasks.optimize(session.pk)
    session.refresh_from_db()
    assert (session.status, session.comparing, session.verdict) == ("cancelled", False, verdict)
    assert session.finished_at is not None
    assert session.hands_over_best is handed_over
    assert bool(session.prompt.__class__.objects.get(pk=session.prompt_id).optimized) is handed_over
    assert session.results["comparison"]["rows"] == len(HELD_OUT) == 16
    assert bool(session.results["improvements"]) is handed_over
    assert {request.purpose for request in host.requests} == {"answer"}
    assert len(host.requests) == session.calls - before == 32
    assert cost is not None
    assert cost.calls == (32, 32)
    held_out = Evaluation.objects.filter(candidate__session=session, split="held-out")
    assert held_out.count() == 32
    assert "then compared on held-out rows" in session.finish_reason
    assert not session.comparable


def test_how_long_it_takes_is_told_where_the_model_was_measured(
    stopped: Callable[..., OptimizationSession], recwarn: pytest.WarningsRecorder
) -> None:
    session = stopped()
    LLMCall.objects.update(duration_ms=0)  # a scripted server has no speed of its own
    speeds.keep("scripted", Speed(1000, 40, slots=4), calls=8)
    cost = forecast_comparison(session)
    assert cost is not None
    assert cost.minutes is not None
    assert "with scripted here, based on a short trial of 8 calls." in str(cost)
    assert not recwarn.list


def test_comparing_twice_costs_nothing_more(
    stopped: Callable[..., OptimizationSession], user: User, use_host: UseHost
) -> None:
    session = stopped()
    compare_stopped(session=session, by=user)
    tasks.optimize(session.pk)
    host = use_host(BETTER)
    compare_stopped(session=session, by=user)
    assert session.status == SessionStatus.CANCELLED
    assert host.requests == []


def test_a_worker_that_dies_half_way_is_followed_by_another(
    stopped: Callable[..., OptimizationSession], user: User, use_host: UseHost
) -> None:
    session = stopped()
    compare_stopped(session=session, by=user)
    host = use_host(BETTER)
    with pytest.raises(Killed):
        loop.work(claimed(session), kill_after(12))
    let_lease_lapse(session)
    assert OptimizationSession.objects.claimable().get() == session
    tasks.optimize(session.pk)
    session.refresh_from_db()
    assert (session.status, session.verdict) == ("cancelled", "better")
    keys = [request.key for request in host.requests]
    assert len(keys) - len(set(keys)) <= host.slots


def test_a_comparison_that_kills_its_process_ends_stopped(
    stopped: Callable[..., OptimizationSession], user: User
) -> None:
    session = stopped()
    compare_stopped(session=session, by=user)
    run = claim(session.pk)
    assert run
    run.fail("poison", "The process died at this optimization.")
    session.refresh_from_db()
    assert (session.status, session.comparing, session.verdict) == ("cancelled", False, "")
    assert "The process died" in session.results["caveats"][0]


def test_stopping_it_again_leaves_it_as_it_was(
    stopped: Callable[..., OptimizationSession], user: User, use_host: UseHost
) -> None:
    session = stopped()
    reason, text = session.finish_reason, session.candidates.get(is_best=True).text
    use_host(BETTER, latency=60.0)
    compare_stopped(session=session, by=user)

    def watch(event: Event) -> None:
        stop_optimization(session=session, by=user)

    loop.work(claimed(session), watch)
    session.refresh_from_db()
    assert (session.status, session.comparing, session.finish_reason) == ("cancelled", False, reason)
    assert session.comparable
    prompt = type(session.prompt).objects.get(pk=session.prompt_id)
    assert (prompt.optimized, prompt.status) == (text, PromptStatus.COMPLETED)
    assert session.results["improvements"]


def test_one_that_is_queued_can_be_stopped_too(
    stopped: Callable[..., OptimizationSession], user: User
) -> None:
    session = stopped()
    reason = session.finish_reason
    compare_stopped(session=session, by=user)
    stop_optimization(session=session, by=user)
    assert (session.status, session.comparing, session.finish_reason) == ("cancelled", False, reason)
    assert type(session.prompt).objects.get(pk=session.prompt_id).optimized
    assert session.comparable


def test_a_comparison_that_fails_says_so_and_can_be_tried_again(
    stopped: Callable[..., OptimizationSession], user: User, use_host: UseHost
) -> None:
    session = stopped()
    compare_stopped(session=session, by=user)
    use_host(lambda request: CallFailedError("refused", "Out of memory."))
    tasks.optimize(session.pk)
    session.refresh_from_db()
    assert (session.status, session.error_code) == ("cancelled", "")
    assert session.results["caveats"] == ["The comparison on held-out rows failed: Out of memory."]
    assert session.comparable


def test_while_another_of_the_prompt_runs_it_waits(
    stopped: Callable[..., OptimizationSession], user: User
) -> None:
    session = stopped()
    factories.make_session(session.workspace, prompt=session.prompt)
    with pytest.raises(ValidationError, match="Another optimization of this prompt is running"):
        compare_stopped(session=session, by=user)
    session.refresh_from_db()
    assert session.comparable


def test_continuing_the_search_forgets_the_verdict(
    stopped: Callable[..., OptimizationSession], user: User, use_host: UseHost
) -> None:
    session = stopped(AHEAD)
    compare_stopped(session=session, by=user)
    tasks.optimize(session.pk)
    session.refresh_from_db()
    choose_result(session=session, by=user, choice=Chosen.ORIGINAL)
    assert resume_optimization(session=session, by=user, here=True)
    session.refresh_from_db()
    assert (session.verdict, session.chosen, session.best_score) == ("", "", None)
    tasks.optimize(session.pk)
    session.refresh_from_db()
    assert (session.status, session.verdict) == ("completed", "not_proven")


@pytest.mark.parametrize("status", ["completed", "failed", "cancelled", "processing", "pending"])
def test_only_a_stopped_one_with_a_best_and_no_verdict_is_compared(
    workspace: Workspace, user: User, status: str
) -> None:
    session = factories.make_session(workspace, status=status, kept_original=True, lease_token=uuid4())
    compare_stopped(session=session, by=user)
    assert (session.status, session.comparing) == (status, False)


def test_a_viewer_may_neither_compare_nor_choose(workspace: Workspace, outsider: User) -> None:
    factories.join(workspace, outsider, Role.VIEWER)
    session = factories.make_session(workspace, status="cancelled", kept_original=False)
    with pytest.raises(PermissionDenied):
        compare_stopped(session=session, by=outsider)
    with pytest.raises(PermissionDenied):
        choose_result(session=session, by=outsider, choice=Chosen.BEST)


# Choosing


@pytest.fixture
def ahead(workspace: Workspace) -> OptimizationSession:
    """Ahead on 4 of 6 rows."""
    comparison = {
        "rows": 6, "better": 4, "worse": 0, "same": 2, "baseline": 0.0, "best": 0.67,
        "difference": 0.67, "low": 0.33, "high": 1.0, "p_value": 0.12,
    }  # fmt: skip
    session = factories.make_session(
        workspace, status="completed", kept_original=False, verdict="too_few_rows", baseline_score=0.0,
        best_score=0.67, quality_score=67, results={"comparison": comparison, "ahead": True},
    )  # fmt: skip
    factories.make_candidate(session, number=0, text=session.prompt.original)
    factories.make_candidate(session, number=3, text="Say it.", is_best=True)
    type(session.prompt).objects.update(optimized="Say it.")
    return session


def test_what_a_person_chooses_is_what_is_handed_over(ahead: OptimizationSession, user: User) -> None:
    prompts = type(ahead.prompt).objects
    for choice, text, quality in ((Chosen.ORIGINAL, "", 0), (Chosen.BEST, "Say it.", 67)):
        choose_result(session=ahead, by=user, choice=choice)
        assert ahead.chosen == choice
        assert prompts.get().optimized == text
        assert ahead.quality_score == pytest.approx(quality)
        choose_result(session=ahead, by=user, choice=choice)
    assert list(ahead.events.values_list("data__text", flat=True)) == [
        f"{user} chose to keep the original.",
        f"{user} chose to use the best found.",
    ]
    assert verdicts.headline(ahead) == "Ahead on 4 of 6 rows, not proven: you chose to use it."


@pytest.mark.parametrize("fields", [{"verdict": "better"}, {"verdict": "worse"}, {"kept_original": True}])
def test_where_the_verdict_decides_nobody_chooses(
    ahead: OptimizationSession, user: User, fields: dict[str, object]
) -> None:
    OptimizationSession.objects.update(**fields | {"results": {}})
    choose_result(session=ahead, by=user, choice=Chosen.ORIGINAL)
    assert (ahead.chosen, ahead.events.count()) == ("", 0)


def test_the_original_kept_as_asked_can_still_be_exchanged(ahead: OptimizationSession, user: User) -> None:
    OptimizationSession.objects.update(kept_original=True, only_proven=True)
    choose_result(session=ahead, by=user, choice=Chosen.BEST)
    assert ahead.hands_over_best


def test_a_line_of_a_person_is_not_taken_for_one_of_the_search(
    ahead: OptimizationSession, user: User
) -> None:
    factories.make_event(ahead, seq=1)
    choose_result(session=ahead, by=user, choice=Chosen.ORIGINAL)
    factories.make_event(ahead, seq=2, created_at=timezone.now())
    assert ahead.events.count() == 3


def test_only_proven_hands_over_the_original_unless_better(
    workspace: Workspace, user: User, use_host: UseHost
) -> None:
    rows = [(item.input, item.expected) for item in ITEMS]
    dataset = factories.keep_rows(workspace, user, rows)
    prompt = factories.make_prompt(workspace, original=PROMPT)
    session = factories.make_session(workspace, prompt=prompt, dataset=dataset, only_proven=True)
    use_host(AHEAD)
    tasks.optimize(session.pk)
    session.refresh_from_db()
    assert (session.verdict, session.kept_original) == ("not_proven", True)
    assert session.open_to_choice
    assert type(prompt).objects.get(pk=prompt.pk).optimized == ""
