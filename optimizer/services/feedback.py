"""What a person says about a result, or about one output."""

from __future__ import annotations

from collections.abc import Sequence

from django.core.exceptions import ValidationError
from django.db import transaction

from optimizer import topics
from optimizer.models import Evaluation, Feedback, OptimizationSession, OutputRating, PromptTemplate, User
from optimizer.services.access import require_writer


@transaction.atomic
def rate_session(
    *,
    session: OptimizationSession,
    by: User,
    rating: int | None = None,
    is_helpful: bool | None = None,
    comment: str = "",
    suggestions: Sequence[str] = (),
) -> Feedback:
    """Keep what a person thinks now of a finished optimization. One opinion each, changeable; no rating clears it."""
    require_writer(user=by, workspace_id=session.workspace_id)
    if session.is_active:
        raise ValidationError("Wait for the optimization to end before rating it.")
    opinion = {
        "rating": rating, "is_helpful": is_helpful, "comment": comment, "suggestions": list(suggestions)
    }  # fmt: skip
    feedback, _ = Feedback.objects.update_or_create(session=session, user=by, defaults=opinion)
    OptimizationSession.objects.filter(pk=session.pk).update(learned_at=None)
    topics.publish(topics.history(session.workspace_id), topics.opinion_of(session.pk, by.pk))
    _rate_template(session)
    return feedback


def _rate_template(session: OptimizationSession) -> None:
    for template in PromptTemplate.objects.filter(prompts__sessions=session):
        PromptTemplate.objects.filter(pk=template.pk).rate()
        topics.publish_template(template.pk, template.workspace_id, is_public=template.is_public)


@transaction.atomic
def rate_output(*, evaluation: Evaluation, by: User, right: bool | None) -> None:
    """Keep whether a person finds an output right; None takes their verdict back."""
    require_writer(user=by, workspace_id=evaluation.candidate.session.workspace_id)
    if right is None:
        OutputRating.objects.filter(evaluation=evaluation, user=by).delete()
    else:
        OutputRating.objects.update_or_create(evaluation=evaluation, user=by, defaults={"is_right": right})
    topics.publish(topics.opinion_of(evaluation.candidate.session_id, by.pk))
