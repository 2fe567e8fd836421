"""A dead worker's optimization says on its page that another one continues it."""

from __future__ import annotations

from datetime import timedelta
from uuid import uuid4

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from optimizer import tasks, topics
from optimizer.models import OptimizationSession, Workspace
from optimizer.worker.claiming import claim
from tests import factories


def heard_of(workspace: Workspace, seconds_ago: float) -> OptimizationSession:
    """An optimization whose worker last gave a sign of life then."""
    until = timezone.now() + timedelta(seconds=settings.LEASE_SECONDS - seconds_ago)
    return factories.make_session(workspace, status="processing", lease_token=uuid4(), lease_until=until)


@pytest.mark.parametrize(
    ("seconds_ago", "said"), [(1, ""), (10, "within about 25 seconds"), (100, "within about 5 seconds")]
)
def test_the_page_says_when_another_takes_over(
    user_client: Client, workspace: Workspace, seconds_ago: float, said: str
) -> None:
    session = heard_of(workspace, seconds_ago)
    page = user_client.get(f"/optimizations/{session.pk}/").content.decode()
    assert ("The worker of this optimization has gone silent" in page) == bool(said)
    assert said in page


def test_the_sweep_has_the_pages_of_silent_ones_say_so(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(topics, "publish", told.append)
    monkeypatch.setattr(tasks.optimize, "delay", lambda pk: None)
    silent = heard_of(workspace, 10)
    heard_of(workspace, 1)
    factories.make_session(workspace)
    tasks.sweep()
    assert told == [topics.session(silent.pk)]


def test_a_claim_ends_the_silence(workspace: Workspace) -> None:
    session = heard_of(workspace, 100)
    assert claim(session.pk)
    session.refresh_from_db()
    assert session.seconds_to_takeover is None
    assert not OptimizationSession.objects.silent().exists()
