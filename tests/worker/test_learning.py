"""What finished sessions teach: how operators did, and what people thought of it."""

from __future__ import annotations

from typing import Any

import pytest
from django.utils import timezone

from optimizer import tasks
from optimizer.models import OperatorPrior, OptimizationSession, Preference, User, Workspace
from optimizer.services.feedback import rate_session
from optimizer.worker import learning
from tests import factories

OPERATORS = [
    {"operator": "mutate", "wins": 1, "tries": 4},
    {"operator": "merge", "wins": 1, "tries": 1},
    {"operator": "delete", "wins": 0, "tries": 3},
]
AS_THEY_WENT = {"mutate": (1, 4), "merge": (1, 1), "delete": (0, 3)}
LIKED = AS_THEY_WENT | {"mutate": (2, 5), "merge": (2, 2)}
DISLIKED = AS_THEY_WENT | {"mutate": (1, 5), "merge": (1, 2)}


def finished(workspace: Workspace, by: User, **fields: Any) -> OptimizationSession:
    """Its best candidate was merged from a mutation and the original; a deletion came to nothing."""
    defaults = {"status": "completed", "target_model": "m", "results": {"operators": OPERATORS}}
    session = factories.make_session(workspace, created_by=by, **defaults | fields)
    original = factories.make_candidate(session)
    mutated = factories.make_candidate(session, operator="mutate")
    merged = factories.make_candidate(session, operator="merge", is_best=True)
    deleted = factories.make_candidate(session, operator="delete")
    for child, parents in ((mutated, [original]), (merged, [original, mutated]), (deleted, [merged])):
        child.parents.set(parents)
    return session


@pytest.fixture
def session(workspace: Workspace, user: User) -> OptimizationSession:
    return finished(workspace, user)


def priors(workspace: Workspace, model: str = "m") -> dict[str, tuple[float, float]]:
    rows = OperatorPrior.objects.filter(workspace=workspace, model=model)
    return {row.operator: (row.wins, row.tries) for row in rows}


def test_an_unrated_session_counts_as_it_went(session: OptimizationSession) -> None:
    tasks.learn()
    assert priors(session.workspace) == AS_THEY_WENT


def test_a_session_counts_once(session: OptimizationSession) -> None:
    assert [learning.learn(), learning.learn()] == [1, 0]
    assert priors(session.workspace) == AS_THEY_WENT


@pytest.mark.parametrize(
    ("opinion", "expected"),
    [
        ({"rating": 5}, LIKED),
        ({"rating": 4}, LIKED),
        ({"is_helpful": True}, LIKED),
        ({"rating": 3}, AS_THEY_WENT),
        ({"comment": "Hm."}, AS_THEY_WENT),
        ({"rating": 2}, DISLIKED),
        ({"is_helpful": False}, DISLIKED),
    ],
)
def test_what_people_said_counts_for_the_lineage_of_the_best(
    session: OptimizationSession,
    user: User,
    opinion: dict[str, Any],
    expected: dict[str, tuple[float, float]],
) -> None:
    rate_session(session=session, by=user, **opinion)
    learning.learn()
    assert priors(session.workspace) == expected


def test_a_later_rating_counts_and_a_changed_one_does_not_count_twice(
    session: OptimizationSession, user: User
) -> None:
    for rating, expected in (
        (None, AS_THEY_WENT),
        (5, LIKED),
        (4, LIKED),
        (1, DISLIKED),
        (None, AS_THEY_WENT),
    ):
        rate_session(session=session, by=user, rating=rating)
        learning.learn()
        assert priors(session.workspace) == expected


def test_a_team_is_heard_as_a_whole(session: OptimizationSession, user: User, team_mate: User) -> None:
    rate_session(session=session, by=user, rating=5)
    rate_session(session=session, by=team_mate, rating=1)
    learning.learn()
    assert priors(session.workspace) == AS_THEY_WENT


def test_where_the_original_was_kept_an_opinion_has_no_lineage(
    session: OptimizationSession, user: User
) -> None:
    session.candidates.update(is_best=False)
    session.candidates.filter(number=0).update(is_best=True)
    rate_session(session=session, by=user, rating=1)
    learning.learn()
    assert priors(session.workspace) == AS_THEY_WENT


def test_sessions_add_up_by_workspace_and_model(workspace: Workspace, user: User, outsider: User) -> None:
    for model in ("m", "m", "other"):
        finished(workspace, user, target_model=model)
    finished(outsider.personal_workspace, outsider)
    assert learning.learn() == 4
    assert priors(workspace)["mutate"] == (2, 8)
    assert priors(workspace, "other")["mutate"] == (1, 4)
    assert priors(outsider.personal_workspace)["mutate"] == (1, 4)


@pytest.mark.parametrize(
    "fields",
    [
        {"results": {}},
        {"status": "cancelled"},
        {"status": "failed"},
        {"status": "processing", "finished_at": None},
        {"deleted_at": timezone.now()},
    ],
    ids=["an old version's", "stopped", "failed", "running", "deleted"],
)
def test_others_teach_nothing(workspace: Workspace, user: User, fields: dict[str, Any]) -> None:
    finished(workspace, user, **fields)
    assert learning.learn() == 0
    assert priors(workspace) == {}


def test_who_switched_learning_off_teaches_nothing(session: OptimizationSession, user: User) -> None:
    Preference.objects.filter(user=user).update(learn_from_feedback=False)
    rate_session(session=session, by=user, rating=5)
    learning.learn()
    assert priors(session.workspace) == {}


def test_a_rating_of_someone_who_switched_it_off_is_not_counted(
    session: OptimizationSession, team_mate: User
) -> None:
    rate_session(session=session, by=team_mate, rating=1)
    Preference.objects.filter(user=team_mate).update(learn_from_feedback=False)
    learning.learn()
    assert priors(session.workspace) == AS_THEY_WENT


def test_old_sessions_fade(session: OptimizationSession, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learning, "MOST_TRIES", 3)
    learning.learn()
    assert priors(session.workspace) == {"mutate": (0.5, 2), "merge": (0.5, 0.5), "delete": (0, 1.5)}


def test_taking_back_what_has_faded_leaves_nothing_below_zero(
    session: OptimizationSession, user: User
) -> None:
    rate_session(session=session, by=user, rating=5)
    learning.learn()
    OperatorPrior.objects.update(wins=0.5, tries=0.5)
    rate_session(session=session, by=user, rating=None)
    learning.learn()
    assert priors(session.workspace)["merge"] == (0, 0)


def test_one_that_makes_no_sense_does_not_stop_the_others(
    workspace: Workspace, user: User, caplog: pytest.LogCaptureFixture
) -> None:
    finished(workspace, user, results={"operators": [{"name": "?"}]})
    finished(workspace, user)
    assert learning.learn() == 2
    assert priors(workspace) == AS_THEY_WENT
    assert "nothing could be learned" in caplog.text
