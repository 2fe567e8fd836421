"""Bringing a result back: as the next version of the template that it came from, or as a template."""

from __future__ import annotations

from django.core.exceptions import ValidationError

from optimizer.models import OptimizationSession, PromptTemplate, TemplateVersion, User, VersionSource
from optimizer.models.base import TEXT_MAX
from optimizer.services.access import require_writer
from optimizer.services.templates import Details, Written, create_template, save_version


def save_result_as_version(
    *, session: OptimizationSession, by: User, base: int, note: str
) -> TemplateVersion:
    """The next version of its template. Errors as of `save_version`."""
    require_writer(user=by, workspace_id=session.workspace_id)
    template = session.kept_in
    if template is None:
        raise ValidationError("The template was deleted meanwhile. Save the result as a new template.")
    return save_version(template=template, by=by, base=base, written=_written(session, note))


def save_result_as_template(
    *, session: OptimizationSession, by: User, name: str, note: str
) -> PromptTemplate:
    """A template of its own, in the workspace of the optimization."""
    require_writer(user=by, workspace_id=session.workspace_id)
    named = Details(name=name or session.prompt.title[:100])
    return create_template(workspace=session.workspace, by=by, details=named, written=_written(session, note))


def _written(session: OptimizationSession, note: str) -> Written:
    """The text that is handed over. ValidationError if there is none yet, or if it is too long."""
    best = (
        session.candidates.filter(is_best=True)
        if session.hands_over_best
        else session.candidates.filter(number=0)
    )
    found = best.first()
    if found is None:
        raise ValidationError("There is no result yet. Wait until the optimization ends.")
    longest = max(len(found.text), len(found.system_text))
    if longest > TEXT_MAX:
        raise ValidationError(
            f"This result is {longest:,} characters long, and a template has at most {TEXT_MAX:,}. "
            "Copy it instead, or run again with instructions only."
        )
    return Written(found.text, found.system_text, note, VersionSource.RESULT, session)
