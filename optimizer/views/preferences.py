"""The Settings page: what a person sets for themselves, and takes with them."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from optimizer import installed
from optimizer.files.archive import zipped
from optimizer.forms.preferences import PreferenceForm, ThemeForm
from optimizer.services.own_data import files_of
from optimizer.services.preferences import preference_of, save_preferences
from optimizer.views.requests import AppRequest
from optimizer.views.streams import piecewise


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: AppRequest) -> HttpResponse:
    kept = preference_of(request.user)
    form = PreferenceForm(request.POST if request.method == "POST" else None, instance=kept)
    if form.is_valid():
        save_preferences(by=request.user, **form.cleaned_data)
        messages.success(request, "Saved.")
        return redirect("preferences")
    context = {"form": form, "models": installed.models()}
    return render(request, "preferences/page.html", context, status=422 if form.errors else 200)


@login_required
@require_POST
def theme_choose(request: AppRequest) -> HttpResponse:
    """What the switch in the header does."""
    form = ThemeForm(request.POST)
    if not form.is_valid():
        return HttpResponse("Choose system, light or dark.", status=422, content_type="text/plain")
    save_preferences(by=request.user, theme=form.cleaned_data["theme"])
    return HttpResponse(status=204)


@login_required
@never_cache
@require_GET
def own_data(request: AppRequest) -> StreamingHttpResponse:
    """A zip file with everything that the person created, sent while it is made."""
    now = timezone.now()
    archive = piecewise(zipped(files_of(request.user, now=now)))
    name = f"promptevolver-{now:%Y-%m-%d}.zip"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingHttpResponse(archive, content_type="application/zip", headers=headers)
