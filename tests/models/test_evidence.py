"""What people said about earlier results, as a later optimization is told it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from optimizer.models import (
    Feedback,
    OperatorPrior,
    OptimizationSession,
    Preference,
    Prompt,
    User,
    Workspace,
)
from tests import factories

TEXT, CONTEXT = "Answer the customer.", "Support  mail"


@pytest.fixture
def session(workspace: Workspace, user: User) -> OptimizationSession:
    """To be optimized now: from a template, with a context."""
    template = factories.make_template(workspace)
    prompt = factories.make_prompt(workspace, original=TEXT, context=CONTEXT, template=template)
    return factories.make_session(workspace, prompt=prompt, created_by=user)


def rated(workspace: Workspace, user: User, age: int = 1, **opinion: Any) -> Feedback:
    """An opinion from that many minutes ago on an earlier session; `prompt` says on which."""
    prompt = factories.make_prompt(workspace, **opinion.pop("prompt", {"original": TEXT}))
    moment = timezone.now() - timedelta(minutes=age)
    earlier = factories.make_session(
        workspace, prompt=prompt, status="completed", created_at=moment - timedelta(hours=1)
    )
    feedback = factories.make_feedback(earlier, user, **opinion)
    Feedback.objects.filter(pk=feedback.pk).update(updated_at=moment)
    return feedback


def texts(session: OptimizationSession) -> list[str]:
    return [said["text"] for said in Feedback.objects.evidence_for(session)]


def test_every_kind_of_opinion_counts(session: OptimizationSession, user: User) -> None:
    rated(session.workspace, user, 1, rating=None, is_helpful=True)
    rated(session.workspace, user, 2, rating=None, comment="Too long.")
    rated(session.workspace, user, 3, rating=None, suggestions=["Name the tone."])
    rated(session.workspace, user, 4, rating=2, is_helpful=False)
    assert texts(session) == ["Helpful.", "Too long.", "Name the tone.", "2 of 5 stars. Not helpful."]


def test_an_opinion_that_was_taken_back_says_nothing(session: OptimizationSession, user: User) -> None:
    rated(session.workspace, user, rating=None)
    assert texts(session) == []


def test_the_same_prompt_comes_before_its_template_and_that_before_its_domain(
    session: OptimizationSession, user: User
) -> None:
    template = {"original": "Another.", "template": session.prompt.template}
    domain = {"original": "Yet another.", "context": " support MAIL\n"}
    domain_said = rated(session.workspace, user, 1, prompt=domain, comment="of the domain")
    rated(session.workspace, user, 2, prompt=template, comment="of the template")
    rated(session.workspace, user, 4, comment="older")
    rated(session.workspace, user, 3, comment="newer")
    rated(session.workspace, user, 3, prompt={"original": "Elsewhere.", "context": "Cooking"})
    assert texts(session) == [
        "4 of 5 stars. newer",
        "4 of 5 stars. older",
        "About another prompt from the same template: 4 of 5 stars. of the template",
        "About another prompt with the same context: 4 of 5 stars. of the domain",
    ]
    last = Feedback.objects.evidence_for(session)[-1]
    assert (last["session"], last["tier"]) == (domain_said.session_id, "domain")


@pytest.mark.parametrize("context", ["", " \n"])
def test_prompts_without_context_share_no_domain(
    session: OptimizationSession, user: User, context: str
) -> None:
    Prompt.objects.filter(pk=session.prompt_id).update(context=context)
    rated(session.workspace, user, prompt={"original": "Another.", "context": context})
    session.prompt.refresh_from_db()
    assert texts(session) == []


def test_a_domain_is_one_in_any_script(session: OptimizationSession, user: User) -> None:
    Prompt.objects.filter(pk=session.prompt_id).update(context="ÉCOLE ПОЧТА")
    session.prompt.refresh_from_db()
    rated(session.workspace, user, prompt={"original": "Another.", "context": "école\tпочта"})
    assert len(texts(session)) == 1


def test_it_is_five_at_most_and_short(session: OptimizationSession, user: User) -> None:
    for age in range(7):
        rated(session.workspace, user, age, comment="x" * 400)
    assert [len(text) for text in texts(session)] == [300] * 5


def test_other_workspaces_and_the_trash_are_not_heard(
    session: OptimizationSession, user: User, outsider: User
) -> None:
    rated(outsider.personal_workspace, outsider)
    trashed = rated(session.workspace, user)
    OptimizationSession.objects.filter(pk=trashed.session_id).update(deleted_at=timezone.now())
    assert texts(session) == []


def test_what_is_said_of_later_sessions_is_not_heard(session: OptimizationSession, user: User) -> None:
    OptimizationSession.objects.filter(pk=session.pk).update(created_at=timezone.now() - timedelta(days=1))
    session.refresh_from_db()
    rated(session.workspace, user)
    assert texts(session) == []


def test_who_switched_learning_off_is_not_heard(
    session: OptimizationSession, user: User, team_mate: User
) -> None:
    rated(session.workspace, user, comment="mine")
    rated(session.workspace, team_mate, comment="theirs")
    Preference.objects.filter(user=team_mate).update(learn_from_feedback=False)
    assert texts(session) == ["4 of 5 stars. mine"]


def test_who_switched_learning_off_is_told_nothing(session: OptimizationSession, user: User) -> None:
    rated(session.workspace, user)
    factories.make_prior(session.workspace, model=session.target_model)
    Preference.objects.filter(user=user).update(learn_from_feedback=False)
    assert texts(session) == []
    assert OperatorPrior.objects.known_for(session) == []


def test_priors_are_the_workspaces_own_with_the_same_model(
    session: OptimizationSession, outsider: User
) -> None:
    session.target_model = "m"
    factories.make_prior(session.workspace, model="m", operator="mutate", wins=2, tries=5)
    factories.make_prior(session.workspace, model="m", operator="delete", wins=1, tries=2.5)
    factories.make_prior(session.workspace, model="other")
    factories.make_prior(outsider.personal_workspace, model="m")
    assert OperatorPrior.objects.known_for(session) == [
        {"operator": "delete", "wins": 1.0, "tries": 2.5},
        {"operator": "mutate", "wins": 2.0, "tries": 5.0},
    ]


@pytest.mark.parametrize(
    ("rating", "is_helpful", "verdict"),
    [
        (5, None, 1), (4, True, 1), (3, None, 0), (2, None, -1), (1, False, -1), (None, None, 0),
        (None, True, 1), (None, False, -1), (3, False, -1), (5, False, 0),
    ],
)  # fmt: skip
def test_a_verdict_is_what_stars_and_helpfulness_agree_on(
    rating: int | None, is_helpful: bool | None, verdict: int
) -> None:
    assert Feedback(rating=rating, is_helpful=is_helpful).verdict == verdict
