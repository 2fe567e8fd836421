"""Scores that another session of the workspace has paid for are not paid for again."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from optimizer import pools, tasks
from optimizer.llm.base import Message, Reply, Request
from optimizer.llm.scripted import ScriptedHost
from optimizer.models import LLMCall, OptimizationSession, User, Workspace
from optimizer.worker.ledger import LedgerRows
from tests import factories
from tests.engine.world import ITEMS, PROMPT, world

SCORE = Request("answer", "m", (Message("user", "Is it even?"),), max_tokens=8)


def make_session(workspace: Workspace, **fields: Any) -> OptimizationSession:
    """One that knows what is behind the model's name."""
    return factories.make_session(workspace, **{"digests": {"m": "1"}} | fields)


@pytest.fixture
def paid(workspace: Workspace) -> OptimizationSession:
    """A session that has paid for the answer."""
    session = make_session(workspace, status="completed")
    LedgerRows(session, lambda: 0).save(SCORE, Reply("even", "length", 3, 1, 7))
    return session


def known_to(session: OptimizationSession, request: Request = SCORE) -> Reply | None:
    return LedgerRows(session, lambda: 0).find([request.key]).get(request.key)


def test_a_score_is_taken_over_and_marked(paid: OptimizationSession) -> None:
    session = make_session(paid.workspace)
    assert known_to(session) == Reply("even", "length", 3, 1, 7, at_ms=0)
    copy = session.ledger.get()
    assert (copy.reused, copy.purpose, copy.request["messages"]) == (
        True,
        "answer",
        [asdict(SCORE.messages[0])],
    )
    assert not paid.ledger.get().reused


def test_a_replay_needs_only_its_own_rows(paid: OptimizationSession) -> None:
    session = make_session(paid.workspace)
    known_to(session)
    paid.delete()
    assert known_to(session) == Reply("even", "length", 3, 1, 7, at_ms=0)
    assert session.ledger.count() == 1


def test_a_session_has_its_own_reply_first(paid: OptimizationSession) -> None:
    session = make_session(paid.workspace)
    LedgerRows(session, lambda: 0).save(SCORE, Reply("odd"))
    assert known_to(session) == Reply("odd", at_ms=0)
    assert session.ledger.count() == 1


def test_the_newest_reply_is_taken(paid: OptimizationSession) -> None:
    LedgerRows(make_session(paid.workspace), lambda: 0).save(SCORE, Reply("odd"))
    assert known_to(make_session(paid.workspace)) == Reply("odd", at_ms=0)


def test_nothing_crosses_to_another_workspace(paid: OptimizationSession, outsider: User) -> None:
    session = make_session(outsider.personal_workspace)
    assert known_to(session) is None
    assert not session.ledger.exists()


def test_a_team_mates_own_workspace_is_another(paid: OptimizationSession, team_mate: User) -> None:
    assert known_to(make_session(team_mate.personal_workspace)) is None


def test_a_rewrite_is_drawn_again(paid: OptimizationSession) -> None:
    rewrite = replace(SCORE, purpose="mutate", temperature=0.8)
    LedgerRows(paid, lambda: 0).save(rewrite, Reply("Say even or odd."))
    assert known_to(paid, rewrite)
    assert known_to(make_session(paid.workspace), rewrite) is None


def test_an_old_reply_is_not_reused_nor_kept_young_by_reuse(paid: OptimizationSession) -> None:
    known_to(make_session(paid.workspace))
    paid.ledger.update(created_at=timezone.now() - timedelta(days=31))
    assert known_to(make_session(paid.workspace)) is None


def test_a_deleted_sessions_replies_are_not_reused(paid: OptimizationSession) -> None:
    OptimizationSession.objects.filter(pk=paid.pk).update(deleted_at=timezone.now())
    assert known_to(make_session(paid.workspace)) is None


def test_another_model_under_the_same_name_is_asked_itself(paid: OptimizationSession) -> None:
    session = make_session(paid.workspace, digests={"m": "2"})
    for earlier in (None, {"m": ""}, {"m": "1"}, {"m": "2"}):
        OptimizationSession.objects.filter(pk=paid.pk).update(digests=earlier)
        assert bool(known_to(session)) is (earlier == session.digests)


@pytest.mark.parametrize("digests", [None, {}, {"m": ""}, {"other": "1"}])
def test_a_model_that_the_server_tells_nothing_of_is_asked_itself(
    paid: OptimizationSession, digests: dict[str, str] | None
) -> None:
    OptimizationSession.objects.filter(pk=paid.pk).update(digests=digests)
    assert known_to(make_session(paid.workspace, digests=digests)) is None


def test_the_index_finds_them(paid: OptimizationSession) -> None:
    other = factories.make_call(paid)
    LLMCall.objects.bulk_create(_copies(other, 2_000))
    with connection.cursor() as cursor:
        cursor.execute(f"ANALYZE {LLMCall._meta.db_table}")
    rows = LLMCall.objects.filter(key__in=[SCORE.key, "x"], reused=False)
    assert "call_by_key" in rows.order_by("key", "-id").explain()


def _copies(call: LLMCall, count: int) -> Iterator[LLMCall]:
    for number in range(count):
        copy = LLMCall(**{field.attname: getattr(call, field.attname) for field in LLMCall._meta.fields})
        copy.pk, copy.key = None, f"{call.key}:{number}"
        yield copy


# A whole run


@pytest.fixture
def again(workspace: Workspace, user: User) -> Callable[[Workspace], OptimizationSession]:
    def start(where: Workspace) -> OptimizationSession:
        rows = [(item.input, item.expected) for item in ITEMS]
        dataset = factories.keep_rows(where, where.personal_of or user, rows)
        prompt = factories.make_prompt(where, original=PROMPT)
        return factories.make_session(where, prompt=prompt, dataset=dataset, iterations=1, rounds=1)

    return start


def test_the_same_run_again_pays_for_its_rewrites_only(
    again: Callable[[Workspace], OptimizationSession],
    workspace: Workspace,
    outsider: User,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    runs, asked = [], []
    for where, digest in (
        (workspace, "1"),
        (workspace, "1"),
        (outsider.personal_workspace, "1"),
        (workspace, "2"),
    ):
        host = ScriptedHost(world)  # type: ignore[arg-type]
        host.digest = digest
        monkeypatch.setattr(pools, "hosts", lambda host=host: [host])
        runs.append(again(where))
        tasks.optimize(runs[-1].pk)
        runs[-1].refresh_from_db()
        asked.append({(request.purpose, request.key) for request in host.requests})
    first, second, elsewhere, exchanged = runs
    assert first.best_score == second.best_score
    assert [first.calls_reused, elsewhere.calls_reused, exchanged.calls_reused] == [0, 0, 0]
    assert second.calls_reused > second.calls / 2
    assert "answer" not in {purpose for purpose, _ in asked[1]}
    assert asked[3] == asked[2] == asked[0]
