"""The Settings page: what a person sets for themselves."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from optimizer.forms.preferences import PreferenceForm
from optimizer.models import Preference
from optimizer.services.preferences import save_preferences
from optimizer.views.requests import AppRequest


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def preferences(request: AppRequest) -> HttpResponse:
    kept = Preference.objects.filter(user=request.user).first()
    form = PreferenceForm(request.POST if request.method == "POST" else None, instance=kept)
    if form.is_valid():
        save_preferences(by=request.user, **form.cleaned_data)
        messages.success(request, "Saved.")
        return redirect("preferences")
    return render(request, "preferences/page.html", {"form": form}, status=422 if form.errors else 200)
