"""Outputs that people found right or wrong, as a later optimization is given them."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from optimizer.models import Evaluation, OptimizationSession, OutputRating, Preference, User, Workspace
from tests import factories

TEXT = "Answer the customer."


@pytest.fixture
def session(workspace: Workspace, user: User) -> OptimizationSession:
    """To be optimized now, on rows."""
    prompt = factories.make_prompt(workspace, original=TEXT)
    return factories.make_session(
        workspace, prompt=prompt, dataset=factories.make_dataset(workspace), created_by=user
    )


def answered(workspace: Workspace, output: str = "positive", text: str = TEXT, **fields: Any) -> Evaluation:
    """An output of an optimization from an hour ago."""
    earlier = factories.make_session(
        workspace, prompt=factories.make_prompt(workspace, original=text), status="completed",
        created_at=timezone.now() - timedelta(hours=1), **fields,
    )  # fmt: skip
    return factories.make_evaluation(factories.make_candidate(earlier), output=output)


def known(session: OptimizationSession) -> list[tuple[str, bool]]:
    return [(row["output"], row["right"]) for row in OutputRating.objects.known_for(session)]


def test_an_output_comes_with_its_row_and_its_verdict(session: OptimizationSession, user: User) -> None:
    factories.rate_output(answered(session.workspace, "They are glad."), user, right=False)
    assert OutputRating.objects.known_for(session) == [
        {"input": "Lovely tea.", "expected": "positive", "output": "They are glad.", "right": False}
    ]


def test_the_same_prompt_or_the_same_rows_make_it_count(session: OptimizationSession, user: User) -> None:
    workspace = session.workspace
    for output in (
        answered(workspace, "of the prompt"),
        answered(workspace, "of the rows", "Another.", dataset=session.dataset),
        answered(workspace, "of neither", "Yet another.", dataset=factories.make_dataset(workspace)),
        answered(workspace, "without rows", "Yet another."),
    ):
        factories.rate_output(output, user)
    assert {output for output, _ in known(session)} == {"of the prompt", "of the rows"}


def test_without_rows_only_the_same_prompt_counts(session: OptimizationSession, user: User) -> None:
    session.dataset = None
    factories.rate_output(answered(session.workspace, text="Another."), user)
    assert known(session) == []


def test_most_people_decide_and_a_tie_says_nothing(
    session: OptimizationSession, user: User, team_mate: User, outsider: User
) -> None:
    split, decided = answered(session.workspace, "split"), answered(session.workspace, "decided")
    for output in (split, decided):
        factories.rate_output(output, user, right=True)
        factories.rate_output(output, team_mate, right=False)
    factories.rate_output(decided, outsider, right=False)
    assert known(session) == [("decided", False)]


def test_the_same_output_of_two_sessions_is_one_and_a_person_counts_once(
    session: OptimizationSession, user: User, team_mate: User
) -> None:
    for person in (user, user, team_mate):
        factories.rate_output(answered(session.workspace), person, right=person == user)
    assert known(session) == []
    factories.rate_output(answered(session.workspace), factories.make_user(), right=True)
    assert known(session) == [("positive", True)]


def test_it_is_twenty_at_most_the_newest_first(session: OptimizationSession, user: User) -> None:
    for age in range(22):
        rating = factories.rate_output(answered(session.workspace, f"output {age}"), user)
        moment = timezone.now() - timedelta(minutes=age)
        OutputRating.objects.filter(pk=rating.pk).update(updated_at=moment)
    assert known(session) == [(f"output {age}", True) for age in range(20)]


def test_other_workspaces_and_the_trash_are_not_heard(
    session: OptimizationSession, user: User, outsider: User
) -> None:
    factories.rate_output(answered(outsider.personal_workspace), outsider)
    factories.rate_output(answered(session.workspace, deleted_at=timezone.now()), user)
    assert known(session) == []


def test_its_own_outputs_and_those_of_later_ones_are_not_heard(
    session: OptimizationSession, user: User
) -> None:
    factories.rate_output(factories.make_evaluation(factories.make_candidate(session)), user)
    factories.rate_output(answered(session.workspace), user)
    OptimizationSession.objects.filter(pk=session.pk).update(created_at=timezone.now() - timedelta(days=1))
    session.refresh_from_db()
    assert known(session) == []


def test_who_switched_learning_off_is_not_heard(
    session: OptimizationSession, user: User, team_mate: User
) -> None:
    output = answered(session.workspace)
    factories.rate_output(output, user, right=True)
    factories.rate_output(output, team_mate, right=False)
    Preference.objects.filter(user=team_mate).update(learn_from_feedback=False)
    assert known(session) == [("positive", True)]


def test_who_switched_learning_off_is_told_nothing(session: OptimizationSession, user: User) -> None:
    factories.rate_output(answered(session.workspace), user)
    Preference.objects.filter(user=user).update(learn_from_feedback=False)
    assert known(session) == []


@pytest.mark.parametrize(
    ("score", "why", "reason"),
    [
        (0.0, "the judge gave 3 of 10", "the judge gave 3 of 10"),
        (0.4, "'name' is a required property", "'name' is a required property"),
        (0.0, "expected 'positive', got 'negative'", ""),
        (1.0, "one of two graders said no", ""),
        (0.0, "", ""),
    ],
)
def test_a_reason_is_given_where_the_row_does_not_show_it(score: float, why: str, reason: str) -> None:
    assert Evaluation(score=score, why=why).reason == reason
