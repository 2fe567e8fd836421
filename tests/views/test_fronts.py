"""The candidates that are worth their cost."""

from __future__ import annotations

from django.test import Client
from django.urls import reverse

from optimizer.management.telling import summary
from optimizer.models import Candidate, OptimizationSession, User, Workspace
from optimizer.models.fronts import front_of
from tests import factories


def tried(session: OptimizationSession, number: int, score: float, tokens: float, rows: int = 8) -> Candidate:
    found = session.candidates.filter(number=number).first() or factories.make_candidate(
        session, number=number
    )
    Candidate.objects.filter(pk=found.pk).update(
        score=score, scored_items=rows, answer_tokens=tokens, answer_ms=10 * tokens
    )
    found.refresh_from_db()
    return found


def test_only_those_count_whose_score_no_cheaper_one_reaches(
    workspace: Workspace, user: User, client: Client
) -> None:
    session = factories.make_session(workspace, status="completed")
    tried(session, 0, 0.5, 40)
    tried(session, 1, 0.5, 60)  # dearer and no better
    tried(session, 2, 0.75, 200)
    tried(session, 3, 1.0, 30, rows=4)  # on fewer rows
    tried(session, 4, 0.75, 200)
    assert [one.number for one in front_of(session.candidates.all())] == [0, 2]
    assert summary(session)["front"][1] == {
        "number": 2,
        "score": 0.75,
        "answer_tokens": 200,
        "answer_seconds": 2,
    }
    client.force_login(user)
    page = client.get(reverse("session-detail", args=[session.pk]), {"tab": "candidates"}).content.decode()
    assert "Accuracy and cost" in page
    assert "on 8 search rows" in page


def test_nothing_is_shown_where_nothing_was_measured(
    workspace: Workspace, user: User, client: Client
) -> None:
    session = factories.make_session(workspace, status="completed")
    client.force_login(user)
    page = client.get(reverse("session-detail", args=[session.pk]), {"tab": "candidates"}).content.decode()
    assert "Accuracy and cost" not in page
    assert summary(session)["front"] == []
