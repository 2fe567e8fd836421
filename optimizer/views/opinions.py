"""What one person said about a result, as pages show it."""

from __future__ import annotations

from optimizer.forms.feedback import FeedbackForm
from optimizer.models import Feedback, OptimizationSession, OutputRating, User
from optimizer.views.panels import Context


def opinion_of(user: User, session: OptimizationSession) -> Context:
    """The rating as it is kept, in a form to change it, and the verdicts on outputs."""
    given = Feedback.objects.filter(session=session, user=user).first()
    verdicts = OutputRating.objects.said_by(user, session)
    return {"feedback": given, "form": FeedbackForm(given=given), "verdicts": verdicts}
