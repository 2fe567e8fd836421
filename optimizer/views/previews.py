"""What a filled form would do, before it is sent: how its rows are read, its estimate, its grader on one row."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.exceptions import NON_FIELD_ERRORS
from django.http import HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import trigger_client_event

from optimizer.engine import TaskRefusedError
from optimizer.forecasts import Forecast
from optimizer.forms.examples import TrialForm
from optimizer.forms.optimization import OptimizationForm
from optimizer.sample import sample_form_data
from optimizer.services.estimates import ask_for_speeds, forecast
from optimizer.views.home import page_with
from optimizer.views.requests import AppRequest
from optimizer.views.rows import preview_of


@login_required
@never_cache
@require_POST
def optimization_estimate(request: AppRequest) -> HttpResponse:
    form = OptimizationForm(request.POST, request.FILES, user=request.user)
    estimate = _estimate(form)
    if estimate:
        ask_for_speeds(estimate)
    status = (
        422 if form.errors and not request.htmx else 200
    )  # while a form is being filled in, a gap is no error
    told = {"estimate": estimate, "asked": True, "because": _because(form)}
    return page_with(request, form, part="home/_estimate.html", status=status, **told)


def _because(form: OptimizationForm) -> dict[str, str]:
    """Why it cannot start, and at which field, unless the preview of the rows says so already."""
    if form.errors and not (form.fault or "mapping" in form.errors or (form.binding and form.binding.fault)):
        name, errors = next(iter(form.errors.items()))
        return {"field": "" if name == NON_FIELD_ERRORS else name, "text": str(errors[0])}
    return {}


@login_required
@never_cache
@require_safe
def sample_time(request: AppRequest) -> HttpResponse:
    """How long the sample takes here, once the model has been measured. The page asks for it apart, so it need not
    wait."""
    estimate = _estimate(OptimizationForm(sample_form_data(), user=request.user))
    return render(request, "home/_sample_time.html", {"sample_estimate": estimate, "sample_asked": True})


def _estimate(form: OptimizationForm) -> Forecast | None:
    """None for a form that cannot start, which says why, or if nothing can be told."""
    if not form.is_valid():
        return None
    try:
        return forecast(form.choices())
    except TaskRefusedError as error:
        form.add_error(None, str(error))
        return None


@login_required
@never_cache
@require_POST
def rows_preview(request: AppRequest) -> HttpResponse:
    form = OptimizationForm(request.POST, request.FILES, user=request.user)
    page = page_with(request, form, part="home/_rows_preview.html", preview=preview_of(form))
    # A button changes what the estimate rests on, but the estimate listens only to inputs.
    return (
        trigger_client_event(page, "rows-read", after="swap")
        if request.htmx.trigger_name in ("literals", "keep_good")
        else page
    )


@login_required
@never_cache
@require_POST
def grader_try(request: AppRequest) -> HttpResponse:
    form = OptimizationForm(request.POST, request.FILES, user=request.user)
    trial = TrialForm(request.POST, request.FILES, user=request.user)
    row, grade = trial.graded() if trial.is_valid() else (None, None)
    return page_with(
        request,
        form,
        part="home/_grade.html",
        status=200 if grade else 422,
        trial=trial,
        row=row,
        grade=grade,
    )
