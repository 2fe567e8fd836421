"""Saving a result in a template."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from optimizer.forms.templates import ResultForm
from optimizer.models import OptimizationSession
from optimizer.services.meanwhile import ChangedMeanwhileError
from optimizer.services.saving import save_result_as_template, save_result_as_version
from optimizer.views.requests import AppRequest
from optimizer.views.sessions import detail, visible_session

MEANWHILE = (
    "Another version of the template was saved meanwhile. Compare it with this result, then save again."
)


@login_required
@require_POST
def session_save(request: AppRequest, pk: int) -> HttpResponse:
    session, form = visible_session(request, pk), ResultForm(request.POST)
    if not form.is_valid():
        told = [str(error) for errors in form.errors.values() for error in errors]
        return detail(request, session, tab="results", status=422, refused=told)
    try:
        template_pk = _save(request, session, form)
    except ChangedMeanwhileError:
        session = visible_session(request, pk)
        return detail(request, session, tab="results", status=409, refused=[MEANWHILE])
    except ValidationError as error:
        return detail(request, session, tab="results", status=422, refused=error.messages)
    return redirect("template-detail", pk=template_pk)


def _save(request: AppRequest, session: OptimizationSession, form: ResultForm) -> int:
    typed = form.cleaned_data
    if request.POST.get("into") == "version":
        version = save_result_as_version(
            session=session, by=request.user, base=typed["base"] or 0, note=typed["note"]
        )
        messages.success(request, f"The result is saved as version {version.number}.")
        return version.template_id
    template = save_result_as_template(
        session=session, by=request.user, name=typed["name"], note=typed["note"]
    )
    messages.success(request, f"The result is saved as “{template}”.")
    return template.pk
