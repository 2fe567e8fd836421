"""Which model judges, and how far it can be trusted: kept before the search, and shown while it runs and afterwards."""

from __future__ import annotations

from dataclasses import replace

import pytest

from optimizer import tasks
from optimizer.engine.events import Event, JudgeMeasured
from optimizer.live.regions import SessionRegion
from optimizer.llm.base import CallFailedError
from optimizer.models import OptimizationSession, SessionStatus, Workspace
from optimizer.verdicts import next_step
from optimizer.worker import loop
from tests import factories
from tests.engine.judges import INPUTS, Script, always_a, good, judged_by
from tests.worker.test_models import EMBEDDING, LOADED, LOCAL, REMOTE, resolved
from tests.worker.test_work import UseHost, claimed, use_host

__all__ = ["use_host"]


@pytest.fixture
def bare(workspace: Workspace) -> OptimizationSession:
    """Without rows."""
    prompt = factories.make_prompt(workspace, original="Is it even?")
    return factories.make_session(workspace, prompt=prompt, inputs=list(INPUTS), iterations=1, rounds=1)


@pytest.mark.parametrize(("judge", "trusted"), [(good, True), (always_a, False)])
def test_what_was_measured_is_kept_and_shown(
    bare: OptimizationSession, use_host: UseHost, judge: Script, trusted: bool
) -> None:
    use_host(judged_by(judge))
    tasks.optimize(bare.pk)
    bare.refresh_from_db()
    assert bare.status == SessionStatus.COMPLETED
    assert bare.judge is not None
    assert (bare.judge["trusted"], bare.judge["readable"], bare.judge["model"]) == (
        trusted,
        1.0,
        bare.target_model,
    )
    assert bare.judge["position_bias"] == (0.5 if trusted else 1.0)
    assert bare.verdict == ("better" if trusted else "not_proven")
    assert bare.judge["told"] in list(bare.events.values_list("data__text", flat=True))
    assert ("Choose another judge model" in next_step(bare)) is not trusted
    assert bare.judge["told"] in SessionRegion(bare.pk, "progress").render()
    assert (bare.judge["told"] in SessionRegion(bare.pk, "results").render()) is not trusted


def test_the_page_warns_before_the_search(bare: OptimizationSession, use_host: UseHost) -> None:
    use_host(judged_by(always_a))
    seen: list[str] = []

    def look(event: Event) -> None:
        if not seen and bare_now().judge:
            assert bare_now().candidates.count() == 1
            seen.append(SessionRegion(bare.pk, "progress").render())

    def bare_now() -> OptimizationSession:
        return OptimizationSession.objects.get(pk=bare.pk)

    loop.work(claimed(bare), look)
    assert "Choose another judge model, or add rows with answers." in seen[0]
    assert "You can stop the optimization now" in seen[0]
    assert "You can stop the optimization now" not in SessionRegion(bare.pk, "progress").render()


def test_a_run_that_was_killed_tells_it_once(bare: OptimizationSession, use_host: UseHost) -> None:
    use_host(judged_by(good))

    def killed(event: Event) -> None:
        if isinstance(event, JudgeMeasured):
            loop.shutting_down.set()

    try:
        loop.work(claimed(bare), killed)
    finally:
        loop.shutting_down.clear()
    tasks.optimize(bare.pk)
    assert bare.events.filter(kind="judge").count() == 1


@pytest.mark.parametrize(
    ("optimizer", "judge", "judges"),
    [("", "", "loaded:1b"), ("local:1b", "", "local:1b"), ("local:1b", "cloud:120b", "cloud:120b")],
)
def test_the_judge_is_the_optimizer_unless_one_is_chosen(
    session: OptimizationSession, optimizer: str, judge: str, judges: str
) -> None:
    session.optimizer_model, session.judge_model = optimizer, judge
    session.save()
    assert resolved(session, LOCAL, LOADED, REMOTE).judge_model == judges
    assert session.digests is not None
    assert judges in session.digests
    assert session.remotes == ({"cloud:120b": "ollama.com"} if judge else {})


def test_a_judge_that_cannot_answer_ends_a_run(session: OptimizationSession) -> None:
    session.judge_model = EMBEDDING.name
    session.save()
    with pytest.raises(CallFailedError, match="only makes embeddings"):
        resolved(session, EMBEDDING, LOCAL)


def test_a_judge_that_thinks_gets_room_for_it(session: OptimizationSession) -> None:
    session.judge_model = "thinker:1b"
    session.save()
    thinker = replace(LOCAL, name="thinker:1b", thinks=True)
    assert resolved(session, LOCAL, thinker).window > resolved_window(session)


def resolved_window(session: OptimizationSession) -> int:
    other = factories.make_session(session.workspace, dataset=session.dataset)
    return resolved(other, LOCAL).window


@pytest.mark.parametrize(
    ("fields", "others"),
    [
        ({}, {}),
        ({"judge_model": "b"}, {"judge": "b"}),
        ({"optimizer_model": "b", "judge_model": "b"}, {"optimizer": "b"}),
        ({"optimizer_model": "b", "judge_model": "a"}, {"optimizer": "b", "judge": "a"}),
    ],
)
def test_a_page_names_the_models_of_all_roles(
    workspace: Workspace, fields: dict[str, str], others: dict[str, str]
) -> None:
    session = factories.make_session(workspace, target_model="a", **fields)
    assert session.models_by_role == others
    page = SessionRegion(session.pk, "progress").render()
    assert ('<span class="muted">judge</span>' in page) is ("judge" in others)


def test_a_judge_that_no_answer_needs_is_not_named(session: OptimizationSession) -> None:
    session.target_model, session.judge_model = "a", "b"
    assert (session.judged_by, session.models_by_role) == ("", {})
