"""Outputs become rows of a dataset: one by one click, one that a person corrects first, or all that are right."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from optimizer.forms.keeping import KeepForm
from optimizer.models import Evaluation, OptimizationSession
from optimizer.services.keeping import Kept, Output, keep_outputs, keep_right_outputs, own_dataset
from optimizer.views.choosing import offered_datasets
from optimizer.views.requests import AppRequest
from optimizer.views.sessions import visible_session


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def output_keep(request: AppRequest, pk: int, output: int) -> HttpResponse:
    """The page on which an answer is corrected, and the row that comes of it."""
    session = visible_session(request, pk)
    found = Evaluation.objects.filter(candidate__session=session).select_related("candidate")
    evaluation = get_object_or_404(found, pk=output)
    if request.method != "POST":
        own = own_dataset(session)
        form = KeepForm(
            user=request.user, initial={"answer": evaluation.output, "dataset": own.pk if own else None}
        )
        return render(request, "result/keep.html", _context(request, session, evaluation, form))
    form = KeepForm(request.POST, user=request.user)
    if not form.is_valid():
        return _refused(request, session, evaluation, form)
    one_click = "answer" not in request.POST
    answer = evaluation.output if one_click else form.cleaned_data["answer"]
    try:
        kept = keep_outputs(
            session=session,
            outputs=[Output(evaluation, answer)],
            by=request.user,
            dataset=own_dataset(session) if one_click else form.cleaned_data["dataset"],
        )
    except ValidationError as error:
        form.add_error("dataset" if form.cleaned_data["dataset"] else "answer", error.messages)
        return _refused(request, session, evaluation, form)
    if request.htmx:
        return render(request, "result/_keep_row.html", {"output": evaluation, "kept": kept})
    return _told(request, session, kept, place=f"#output-{evaluation.pk}")


def _refused(
    request: AppRequest, session: OptimizationSession, evaluation: Evaluation, form: KeepForm
) -> HttpResponse:
    if request.htmx:
        faults = [str(error) for errors in form.errors.values() for error in errors]
        return render(request, "result/_keep_row.html", {"output": evaluation, "faults": faults}, status=422)
    return render(request, "result/keep.html", _context(request, session, evaluation, form), status=422)


def _context(
    request: AppRequest, session: OptimizationSession, evaluation: Evaluation, form: KeepForm
) -> dict[str, Any]:
    return {
        "session": session,
        "output": evaluation,
        "form": form,
        "datasets": offered_datasets(request, str(form["dataset"].value() or "")),
    }


@login_required
@require_POST
def outputs_keep(request: AppRequest, pk: int) -> HttpResponse:
    """All outputs that this person found right."""
    session = visible_session(request, pk)
    try:
        kept = keep_right_outputs(session=session, by=request.user, dataset=own_dataset(session))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return redirect(f"{reverse('session-detail', args=[pk])}?tab=results")
    return _told(request, session, kept)


def _told(request: AppRequest, session: OptimizationSession, kept: Kept, *, place: str = "") -> HttpResponse:
    messages.success(request, str(kept))
    return redirect(f"{reverse('session-detail', args=[session.pk])}?tab=results{place}")
