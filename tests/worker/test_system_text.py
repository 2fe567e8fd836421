"""An optimization of a prompt with a system text, from its rows to what is stored, shown and told."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.test import Client

from optimizer import pools, tasks
from optimizer.briefing import task_of
from optimizer.engine.components import first_of
from optimizer.engine.events import Leading, Proposed
from optimizer.forms.optimization import initial_of
from optimizer.llm.facts import ModelFacts
from optimizer.llm.roles import Roles
from optimizer.llm.scripted import ScriptedHost
from optimizer.management.telling import result_lines, result_text, summary
from optimizer.models import Chosen, OptimizationSession, User, Workspace
from optimizer.services.results import choose_result
from optimizer.worker import loop
from tests import factories
from tests.engine.test_parts_of_prompts import SYSTEM, taught_by_system
from tests.engine.world import ITEMS, PROMPT, world
from tests.worker.test_comparing import use_host
from tests.worker.test_work import UseHost, claimed

__all__ = ["use_host"]

Optimized = Callable[..., OptimizationSession]


@pytest.fixture
def optimized(workspace: Workspace, user: User, use_host: UseHost) -> Optimized:
    """A finished optimization with these settings."""

    def make(**settings: object) -> OptimizationSession:
        use_host(taught_by_system)
        dataset = factories.keep_rows(workspace, user, [(item.input, item.expected) for item in ITEMS])
        prompt = factories.make_prompt(workspace, original=PROMPT, system_text=SYSTEM)
        session = factories.make_session(
            workspace, prompt=prompt, dataset=dataset, created_by=user, **settings
        )
        loop.work(claimed(session))
        session.refresh_from_db()
        assert session.status == "completed"
        return session

    return make


def test_the_system_text_that_was_found_is_stored_beside_the_text(optimized: Optimized) -> None:
    session = optimized(part="system")
    assert session.verdict == "better"
    best, original = session.candidates.get(is_best=True), session.candidates.get(number=0)
    assert (original.text, original.system_text) == (PROMPT, SYSTEM)
    assert best.text == PROMPT
    assert best.system_text not in ("", SYSTEM)
    prompt = session.prompt
    assert (prompt.optimized, prompt.optimized_system_text) == (PROMPT, best.system_text)
    assert best.messages[0] == {"role": "system", "content": best.messages[0]["content"]}
    assert all(
        call.request["messages"][0]["role"] == "system" for call in session.ledger.filter(purpose="answer")
    )


def test_what_was_found_is_shown_and_copied_part_by_part(optimized: Optimized, user_client: Client) -> None:
    session = optimized(part="system")
    best = session.candidates.get(is_best=True)
    page = user_client.get(f"/optimizations/{session.pk}/").content.decode()
    for told in ("Copy as chat messages", "Copy system text", "Copy text", "<h3>System text</h3>"):
        assert told in page
    assert '<h3>Text <span class="small muted">unchanged</span></h3>' in page
    assert f'data-copy="{PROMPT}"' in page
    listed = user_client.get(f"/optimizations/{session.pk}/?tab=candidates").content.decode()
    assert "System text of candidate" in listed or "System text</h3>" in listed
    settings = user_client.get(f"/optimizations/{session.pk}/?tab=settings").content.decode()
    assert "<dt>What the search changes</dt><dd>The system text</dd>" in settings
    assert "<h2>System text</h2>" in settings
    again = user_client.get(f"/?from={session.pk}&candidate={best.number}")
    form = again.context["form"]
    assert (form["prompt"].value(), form["system_text"].value()) == (PROMPT, best.system_text)


def test_the_terminal_tells_the_part_that_was_changed(optimized: Optimized) -> None:
    session = optimized(part="system")
    found = session.prompt.optimized_system_text
    assert result_text(session) == found
    assert "This is the system text" in "\n".join(result_lines(session))
    told = summary(session)
    assert (told["original_system_text"], told["optimized_system_text"]) == (SYSTEM, found)
    assert told["optimized"] == PROMPT
    assert told["settings"]["part"] == "system"
    assert told["finalists"][0]["system_text"] == found


def test_both_parts_are_told_together(optimized: Optimized) -> None:
    session = optimized(part="both")
    assert result_text(session).startswith("System text:\n")
    assert f"\n\nText:\n{session.prompt.optimized}" in result_text(session)


def test_keeping_the_original_keeps_both_parts(optimized: Optimized, user: User) -> None:
    session = optimized(part="system")
    OptimizationSession.objects.filter(pk=session.pk).update(verdict="not_proven", chosen=Chosen.BEST)
    session.refresh_from_db()
    choose_result(session=session, by=user, choice=Chosen.ORIGINAL)
    session.prompt.refresh_from_db()
    assert (session.prompt.optimized, session.prompt.optimized_system_text) == ("", "")
    choose_result(session=session, by=user, choice=Chosen.BEST)
    session.prompt.refresh_from_db()
    assert session.prompt.optimized_system_text


def test_run_again_has_both_parts(optimized: Optimized) -> None:
    again = initial_of(optimized(part="both"))
    assert (again["prompt"], again["system_text"], again["part"]) == (PROMPT, SYSTEM, "both")


def test_another_search_starts_from_the_system_text_that_was_found(
    optimized: Optimized, workspace: Workspace, user: User
) -> None:
    first = optimized(part="system")
    best = first.candidates.get(is_best=True)
    second = factories.make_session(
        workspace,
        prompt=factories.make_prompt(workspace, original=PROMPT, system_text=SYSTEM),
        dataset=first.dataset,
        continues=first,
        starts=[best.components],
        part="both",
    )
    loop.work(claimed(second))
    started = second.candidates.filter(operator="earlier result").first()
    assert started
    assert (started.text, started.system_text) == (PROMPT, best.system_text)


def test_a_system_text_that_the_template_drops_ends_the_run(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    host = ScriptedHost(world)  # type: ignore[arg-type]
    host.facts = [ModelFacts("bare", roles=Roles(system=False))]
    monkeypatch.setattr(pools, "hosts", lambda: [host])
    session = factories.make_session(workspace, prompt=factories.make_prompt(workspace, system_text=SYSTEM))
    tasks.optimize(session.pk)
    session.refresh_from_db()
    assert (session.status, session.error_code) == ("failed", "setting_refused")
    assert "System text: The target model's chat template drops system messages." in session.error_message
    assert not host.requests


def test_a_stopped_search_tells_which_part_it_changed(workspace: Workspace) -> None:
    prompt = factories.make_prompt(workspace, original=PROMPT, system_text=SYSTEM)
    session = factories.make_session(workspace, prompt=prompt, part="system")
    run = claimed(session)
    original = first_of(task_of(session))
    child = original.but(instruction="You know all numbers.")
    for event in (
        Proposed(0, (), "original", original),
        Proposed(1, (0,), "mutate", child),
        Leading(1),
    ):
        run.record(event)
    run.stop()
    session.refresh_from_db()
    prompt.refresh_from_db()
    assert session.results["improvements"] == ["Rewrote the system text."]
    assert (prompt.optimized, prompt.optimized_system_text) == (PROMPT, "You know all numbers.")
