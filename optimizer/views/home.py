"""A new optimization: the form, and what starts when it is sent."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST
from django_htmx.http import HttpResponseClientRedirect, replace_url

from optimizer import cautions
from optimizer.brief import MODELS, PRESETS
from optimizer.forms.examples import GRADER_WORDS, TrialForm, datasets_of
from optimizer.forms.optimization import OptimizationForm, initial_of
from optimizer.forms.settings import by_preset
from optimizer.models import OptimizationSession, PromptTemplate
from optimizer.sample import sample_form_data
from optimizer.services.optimizations import start_optimization
from optimizer.views.choosing import datasets_offered, templates_offered
from optimizer.views.clearing import brought_back, gone_of
from optimizer.views.listing import RECENT
from optimizer.views.models import models_offered
from optimizer.views.requests import AppRequest, is_number
from optimizer.views.rows import preview_of
from optimizer.views.workspaces import workspace_of


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def home(request: AppRequest) -> HttpResponse:
    if request.method == "POST":
        return _start(request)
    recent = list(OptimizationSession.objects.visible_to(request.user).newest_first()[:RECENT])
    initial, origin = _prefilled(request, newcomer=not recent)
    form = OptimizationForm(user=request.user, initial=initial)
    return render(
        request, "home/page.html", form_context(form, request) | {"recent": recent, "origin": origin}
    )


def _start(request: AppRequest) -> HttpResponse:
    workspace = workspace_of(request)
    form = OptimizationForm(request.POST, request.FILES, user=request.user)
    if not form.is_valid():
        preview = preview_of(form)
        return page_with(request, form, part="home/_form.html", status=422, preview=preview)
    session = start_optimization(by=request.user, workspace=workspace, choices=form.choices())
    address = reverse("session-detail", args=[session.pk])
    return HttpResponseClientRedirect(address) if request.htmx else redirect(address)


def page_with(
    request: AppRequest, form: OptimizationForm, *, part: str, status: int = 200, **told: Any
) -> HttpResponse:
    """The page with what was typed and what there is to say about it; for htmx only that part."""
    context = form_context(form, request) | told
    if request.htmx:
        return render(request, part, context, status=status)
    context["recent"] = OptimizationSession.objects.visible_to(request.user).newest_first()[:RECENT]
    return render(request, "home/page.html", context, status=status)


def _prefilled(request: AppRequest, *, newcomer: bool) -> tuple[dict[str, Any], str]:
    """The form's first values, and where they come from."""
    earlier = request.GET.get("continue", "")
    if is_number(earlier):
        return _continued(request, _earlier(request, int(earlier)))
    again = request.GET.get("from", "")
    if is_number(again):
        return _again(request, _earlier(request, int(again))), "again"
    if undo := request.GET.get("undo", ""):
        kept = brought_back(request.user, undo)
        return kept, "undone" if kept else "forgotten"
    template = request.GET.get("template", "")
    if is_number(template):
        return _of_template(request, int(template)) | _rows_named(request) | _graded_by(request), "template"
    if named := _rows_named(request):
        return named | _graded_by(request), "dataset"
    if "sample" in request.GET or (newcomer and "blank" not in request.GET):
        return sample_form_data(), "sample"
    return {}, ""


def _of_template(request: AppRequest, pk: int) -> dict[str, Any]:
    """A template's text: that of the version that the address names, or else the newest."""
    template = get_object_or_404(PromptTemplate.objects.visible_to(request.user), pk=pk)
    return _written(template, request.GET.get("version", ""))


def _written(template: PromptTemplate, number: str) -> dict[str, Any]:
    """What the form takes from that version of the template, or else from its newest."""
    versions = template.versions.all()
    version = (versions.filter(number=int(number)).first() if is_number(number) else None) or versions.first()
    if version is None:
        return {"template": template.pk}
    named = {"template": template.pk, "version": version.number}
    return {"prompt": version.text, "system_text": version.system_text} | named


@login_required
@never_cache
@require_POST
def template_use(request: AppRequest) -> HttpResponse:
    """The form as it was typed, with the text of the chosen template and version."""
    typed, chosen = request.POST.copy(), request.POST.get("template", "")
    typed.pop("version", None)
    visible = PromptTemplate.objects.visible_to(request.user)
    template = visible.filter(pk=int(chosen)).first() if is_number(chosen) else None
    address = reverse("home")
    if template:
        same = request.POST.get("version_of") == chosen
        written = _written(template, request.POST.get("version", "") if same else "")
        for name, value in written.items():
            typed[name] = str(value)
        address += f"?template={template.pk}&version={written.get('version', '')}"
    form = OptimizationForm(typed, request.FILES, user=request.user)
    preview = preview_of(form)
    page = page_with(request, form, part="home/_form.html", preview=preview, choosing=True)
    return replace_url(page, address)


def _earlier(request: AppRequest, pk: int) -> OptimizationSession:
    visible = OptimizationSession.objects.visible_to(request.user).select_related("prompt")
    session: OptimizationSession = get_object_or_404(visible, pk=pk)
    return session


def _again(request: AppRequest, session: OptimizationSession) -> dict[str, Any]:
    """An earlier session's settings, with the text of one of its candidates if that is asked for."""
    number = request.GET.get("candidate", "")
    chosen = session.candidates.filter(number=number).first() if is_number(number) else None
    texts = {"prompt": chosen.text, "system_text": chosen.system_text} if chosen else {}
    return initial_of(session) | texts | _graded_by(request)


def _continued(request: AppRequest, session: OptimizationSession) -> tuple[dict[str, Any], str]:
    """The same, and the search starts from what that session found, if it found something."""
    if session.continuable:
        return _again(request, session) | {"continues": session.pk}, "again"
    return _again(request, session), "nothing"


def _rows_named(request: AppRequest) -> dict[str, Any]:
    """The saved rows that the address names."""
    dataset = request.GET.get("dataset", "")
    if not is_number(dataset):
        return {}
    return {"dataset": get_object_or_404(datasets_of(request.user), pk=int(dataset)).pk}


def _graded_by(request: AppRequest) -> dict[str, Any]:
    """The grader that the address asks for, as the advice on a result and a starter template do."""
    grader = request.GET.get("grader", "")
    return {"grader": grader} if grader and grader in GRADER_WORDS else {}


def form_context(form: OptimizationForm, request: AppRequest) -> dict[str, Any]:
    """The form, and what its template needs besides."""
    presets = [{"name": name, "preset": preset, "says": by_preset(name)} for name, preset in PRESETS.items()]
    return {
        "form": form,
        "workspace": workspace_of(request),
        "trial": TrialForm(user=request.user, initial={"try_row": 1}),
        "presets": presets,
        "datasets": datasets_offered(form, request),
        "templates": templates_offered(form, request),
        "models": models_offered(str(form["target_model"].value() or "")),
        "gone": gone_of(request.user, request.GET.get("cleared", "")),
        "cautions": cautions.before(
            *(str(form[name].value() or "") for name in MODELS),
            others=[name.strip() for name in str(form["other_models"].value() or "").split(",")],
        ),
        "origin": "",
        "embedded": settings.EMBEDDED_OLLAMA,
    }
