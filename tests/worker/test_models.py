"""Which model a run takes, and what is said about it before and after: on the page and in the terminal."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

import pytest
from django.test import Client

from optimizer import installed, pools, tasks
from optimizer.llm.base import CallFailedError
from optimizer.llm.facts import ModelFacts
from optimizer.llm.pool import Pool
from optimizer.llm.roles import Roles
from optimizer.llm.scripted import ScriptedHost
from optimizer.models import OptimizationSession, SessionStatus, Workspace
from optimizer.worker import loop
from optimizer.worker.choosing import settle_models
from tests import factories
from tests.engine.world import world
from tests.worker.test_work import Killed, claimed, kill_after

LOCAL, LOADED = ModelFacts("local:1b", "1"), ModelFacts("loaded:1b", "2", loaded=True)
REMOTE = ModelFacts("cloud:120b", "3", remote="ollama.com")
EMBEDDING = ModelFacts("embed:1b", "4", completes=False)
BARE = ModelFacts("bare:1b", "5", roles=Roles(system=False, turns=False))
LOST = (
    "The chat template of bare:1b drops system messages and does not mark chat turns: "
    "few-shot examples are tried only inside the text."
)
SENT = "cloud:120b does not run here: the prompt, rows and answers are sent to ollama.com."

Serve = Callable[..., ScriptedHost]


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch, db: None) -> Iterator[Serve]:
    """Put a scripted server with these models in place of the configured ones."""

    def use(*facts: ModelFacts) -> ScriptedHost:
        host = ScriptedHost(world)  # type: ignore[arg-type]
        host.facts = list(facts)
        monkeypatch.setattr(pools, "hosts", lambda: [host])
        tasks.refresh_models()
        return host

    yield use
    installed.keep([])


def resolved(
    session: OptimizationSession, *facts: ModelFacts, shown: Roles | None = None
) -> OptimizationSession:
    run = claimed(session)
    host = ScriptedHost(world)  # type: ignore[arg-type]
    host.facts, host.shown_roles = list(facts), shown
    pool = Pool(lambda: [host])
    try:
        list(settle_models(run, pool))
    finally:
        pool.close()
    session.refresh_from_db()
    return session


def test_a_loaded_local_model_that_answers_is_taken(session: OptimizationSession) -> None:
    assert resolved(session, EMBEDDING, REMOTE, LOCAL, LOADED).target_model == "loaded:1b"
    assert session.digests == {"loaded:1b": "2"}
    assert session.remotes == {}


def test_where_a_remote_model_runs_is_kept(session: OptimizationSession) -> None:
    assert resolved(session, EMBEDDING, REMOTE).remotes == {"cloud:120b": "ollama.com"}


def test_embeddings_alone_end_a_run_with_what_to_do(session: OptimizationSession) -> None:
    with pytest.raises(CallFailedError, match="ollama pull") as failed:
        resolved(session, EMBEDDING)
    assert failed.value.code == "no_model"


def test_a_chosen_embedding_model_ends_a_run(session: OptimizationSession) -> None:
    session.target_model = EMBEDDING.name
    session.save()
    with pytest.raises(CallFailedError, match="only makes embeddings"):
        resolved(session, EMBEDDING, LOCAL)


def test_the_form_offers_what_answers(user_client: Client, serve: Serve) -> None:
    serve(EMBEDDING, REMOTE, LOCAL)
    page = user_client.get("/").content.decode()
    chosen_from = page.partition('id="id_target_model"')[2].partition("</select>")[0]
    assert re.findall('<option value="(.+?)"', chosen_from) == ["local:1b", "cloud:120b"]
    assert "embed:1b" not in page
    refused = user_client.post("/", {"prompt": "Hi", "target_model": "embed:1b"})
    assert "embed:1b only makes embeddings" in refused.content.decode()


def test_the_form_says_where_everything_is_sent(user_client: Client, serve: Serve) -> None:
    serve(LOCAL, REMOTE)
    assert SENT not in user_client.get("/").content.decode()
    chosen = {"prompt": "Hi", "target_model": "cloud:120b"}
    assert (
        SENT
        in user_client.post(
            "/optimizations/estimate/", chosen, headers={"HX-Request": "true"}
        ).content.decode()
    )
    serve(REMOTE)  # by default
    assert SENT in user_client.get("/").content.decode()


def test_lost_roles_are_said_before_the_start_and_on_the_page(
    user_client: Client, serve: Serve, session: OptimizationSession
) -> None:
    serve(LOCAL, BARE)
    assert LOST not in user_client.get("/").content.decode()
    chosen = {"prompt": "Hi", "target_model": "bare:1b"}
    page = user_client.post("/optimizations/estimate/", chosen, headers={"HX-Request": "true"})
    assert LOST in page.content.decode()
    resolved(session, BARE)
    page = user_client.get(f"/optimizations/{session.pk}/?tab=settings")
    assert "bare:1b does not mark chat turns" in page.content.decode()


def test_what_a_server_renders_counts_more_than_the_template(session: OptimizationSession) -> None:
    assert resolved(session, BARE, shown=Roles()).turns is True


def test_chat_turns_do_not_race_where_they_are_not_told_apart(
    session: OptimizationSession, serve: Serve
) -> None:
    """Nor after a worker died and the next one replays the run on a server that has changed."""
    host = serve(BARE)
    with pytest.raises(Killed):
        loop.work(claimed(session), kill_after(60))
    host.facts = [ModelFacts("bare:1b", "5")]
    OptimizationSession.objects.filter(pk=session.pk).update(lease_until=None)
    tasks.optimize(session.pk)
    session.refresh_from_db()
    assert (session.status, session.turns) == (SessionStatus.COMPLETED, False)
    asked = [request for request in host.requests if request.purpose != "speed"]
    assert {len(request.messages) for request in asked} == {1}
    assert session.candidates.filter(operator="examples in the text").exists()


def test_the_window_is_chosen_once_and_asked_for_in_each_call(
    session: OptimizationSession, serve: Serve
) -> None:
    host = serve(ModelFacts("small:1b", "6", loaded=True, trained=8192, window=4096))
    with pytest.raises(Killed):
        loop.work(claimed(session), kill_after(60))
    host.facts = [ModelFacts("small:1b", "6", loaded=True, trained=8192, window=8192)]
    OptimizationSession.objects.filter(pk=session.pk).update(lease_until=None)
    tasks.optimize(session.pk)
    session.refresh_from_db()
    assert (session.status, session.window) == (SessionStatus.COMPLETED, 4096)
    assert {request.window for request in host.requests if request.purpose != "speed"} == {4096}


def test_a_run_asks_for_a_window_that_fits_its_rows(
    user_client: Client, session: OptimizationSession
) -> None:
    assert resolved(session, LOCAL).window == 2048
    page = user_client.get(f"/optimizations/{session.pk}/?tab=settings").content.decode()
    assert "Context window</dt><dd>2,048 tokens" in page


def test_a_model_that_thinks_gets_a_larger_window(session: OptimizationSession) -> None:
    assert resolved(session, ModelFacts("think:1b", thinks=True)).window == 3072


def test_a_trial_does_not_load_a_model_in_a_larger_window(serve: Serve) -> None:
    host = serve(ModelFacts("small:1b"))
    host.script = lambda request: "1 2 3"
    tasks.measure_speed("small:1b")
    assert {request.window for request in host.requests} == {2048}


def test_the_page_of_a_run_says_where_everything_is_sent(
    user_client: Client, session: OptimizationSession
) -> None:
    resolved(session, REMOTE)
    for tab in ("progress", "settings"):
        assert SENT in user_client.get(f"/optimizations/{session.pk}/?tab={tab}").content.decode()


def test_a_run_that_wants_a_system_message_is_refused_where_the_template_drops_it(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = ScriptedHost(world)  # type: ignore[arg-type]
    host.facts = [ModelFacts("bare", roles=Roles(system=False))]
    monkeypatch.setattr(pools, "hosts", lambda: [host])
    session = factories.make_session(workspace, as_system=True)
    tasks.optimize(session.pk)
    session.refresh_from_db()
    assert (session.status, session.error_code) == ("failed", "setting_refused")
    assert "drops system messages" in session.error_message
    assert not host.requests
