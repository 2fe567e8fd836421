"""One optimization: watching it, stopping it, rating it."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_required
from django.core.exceptions import BadRequest, ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from optimizer.briefing import program_for
from optimizer.forms.feedback import ChoiceForm, FeedbackForm, FinalistForm, VerdictForm
from optimizer.forms.inputs import InputsForm
from optimizer.models import Evaluation, Feedback, OptimizationSession
from optimizer.services.access import may_write
from optimizer.services.feedback import rate_output, rate_session
from optimizer.services.optimizations import approve_inputs, resume_optimization, stop_optimization
from optimizer.services.results import choose_finalist, choose_result, compare_stopped
from optimizer.views.opinions import opinion_of
from optimizer.views.panels import SHOWN_WITH, TABS, UNSHOWN, session_panel
from optimizer.views.requests import AppRequest


@login_required
@never_cache
@require_safe
def session_detail(request: AppRequest, pk: int) -> HttpResponse:
    return detail(request, visible_session(request, pk), tab=_tab(request.GET.get("tab", "")))


@login_required
@require_POST
def session_stop(request: AppRequest, pk: int) -> HttpResponse:
    session = visible_session(request, pk)
    stop_optimization(session=session, by=request.user)
    if request.htmx:
        return detail(request, session, tab=_tab(request.POST.get("tab", "")))
    return redirect("session-detail", pk=pk)


@login_required
@require_POST
def session_resume(request: AppRequest, pk: int) -> HttpResponse:
    """Continue one that failed. If it has not, the page shows what it does now."""
    resume_optimization(session=visible_session(request, pk), by=request.user)
    return redirect("session-detail", pk=pk)


@login_required
@require_POST
def session_compare(request: AppRequest, pk: int) -> HttpResponse:
    session = visible_session(request, pk)
    try:
        compare_stopped(session=session, by=request.user)
    except ValidationError as error:
        return detail(request, session, tab="", status=409, refused=error.messages)
    return detail(request, session, tab="") if request.htmx else redirect("session-detail", pk=pk)


@login_required
@require_POST
def session_choose(request: AppRequest, pk: int) -> HttpResponse:
    session = visible_session(request, pk)
    form = ChoiceForm(request.POST)
    if not form.is_valid():
        raise BadRequest("The choice must be best or original.")
    choose_result(session=session, by=request.user, choice=form.cleaned_data["choice"])
    return detail(request, session, tab="") if request.htmx else redirect("session-detail", pk=pk)


@login_required
@require_safe
def session_program(request: AppRequest, pk: int) -> HttpResponse:
    """The prompt that is handed over, as a Python program."""
    session = visible_session(request, pk)
    try:
        source = program_for(session)
    except ValueError as error:
        raise Http404(str(error)) from error
    named = {"Content-Disposition": f'attachment; filename="prompt-{session.pk}.py"'}
    return HttpResponse(source, content_type="text/x-python; charset=utf-8", headers=named)


@login_required
@require_POST
def finalist_choose(request: AppRequest, pk: int) -> HttpResponse:
    session = visible_session(request, pk)
    form = FinalistForm(request.POST)
    if not form.is_valid():
        raise BadRequest("A finalist is the number of a candidate.")
    choose_finalist(session=session, by=request.user, number=form.cleaned_data["number"])
    return detail(request, session, tab="") if request.htmx else redirect("session-detail", pk=pk)


@login_required
@require_POST
def inputs_approve(request: AppRequest, pk: int) -> HttpResponse:
    session = visible_session(request, pk)
    form = InputsForm(request.POST, written=session.inputs or (), variables=session.variables)
    if not form.is_valid():
        return detail(request, session, tab="", status=422, inputs_form=form)
    approve_inputs(session=session, by=request.user, inputs=form.cleaned_data["inputs"])
    return detail(request, session, tab="") if request.htmx else redirect("session-detail", pk=pk)


@login_required
@require_POST
def session_rate(request: AppRequest, pk: int) -> HttpResponse:
    session = visible_session(request, pk)
    form = FeedbackForm(request.POST, given=_given(request, session))
    given = _rate(request, session, form)
    if given and not request.htmx:
        return redirect(reverse("session-detail", args=[pk]) + "#rating")
    template = "result/_rating.html" if request.htmx else "result/rating_refused.html"
    context = {"session": session, "form": FeedbackForm(given=given) if given else form}
    context |= {"feedback": given or form.given, "saved": given is not None}
    return render(request, template, context, status=200 if given else 422)


@login_required
@require_POST
def output_rate(request: AppRequest, pk: int, output: int) -> HttpResponse:
    outputs = Evaluation.objects.filter(candidate__session=visible_session(request, pk))
    evaluation = get_object_or_404(outputs.select_related("candidate__session"), pk=output)
    form = VerdictForm(request.POST)
    if not form.is_valid():
        raise BadRequest("The verdict must be right, wrong or none.")
    right = form.cleaned_data["verdict"]
    rate_output(evaluation=evaluation, by=request.user, right=right)
    if request.htmx:
        context = {"output": evaluation, "right": right, "verdicts": {evaluation.pk: right}}
        return render(request, "result/_output_rating.html", context)
    return redirect(reverse("session-detail", args=[pk]) + f"#output-{evaluation.pk}")


def detail(
    request: AppRequest, session: OptimizationSession, *, tab: str, status: int = 200, **more: Any
) -> HttpResponse:
    """The page, or for htmx its live part."""
    context = session_panel(session, tab) | more | opinion_of(request.user, session)
    if request.htmx:
        return render(request, "session/_panel.html", context, status=status)
    context["may_write"] = may_write(user=request.user, workspace_id=session.workspace_id)
    return render(request, "session/page.html", context, status=status)


def _rate(request: AppRequest, session: OptimizationSession, form: FeedbackForm) -> Feedback | None:
    """The opinion as it is kept now; None when it is not acceptable, and the form says why."""
    if not form.is_valid():
        return None
    try:
        return rate_session(session=session, by=request.user, **form.cleaned_data)
    except ValidationError as error:
        form.add_error(None, error)
        return None


def visible_session(request: AppRequest, pk: int) -> OptimizationSession:
    """404 for one that the person may not see."""
    visible = OptimizationSession.objects.visible_to(request.user).select_related(*SHOWN_WITH).defer(*UNSHOWN)
    session: OptimizationSession = get_object_or_404(visible, pk=pk)
    return session


def _tab(name: str) -> str:
    return name if name in TABS else ""


def _given(request: AppRequest, session: OptimizationSession) -> Feedback | None:
    return Feedback.objects.filter(session=session, user=request.user).first()
