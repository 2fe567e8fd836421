"""Emptying the form of a new optimization, and bringing back what was in it."""

from __future__ import annotations

import re
import secrets
from typing import Any
from urllib.parse import urlencode

from django.contrib.auth.decorators import login_required
from django.core.cache import cache
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.text import get_text_list
from django.views.decorators.http import require_POST
from django_htmx.http import HttpResponseClientRedirect

from optimizer.brief import SETTINGS
from optimizer.forms.optimization import OptimizationForm
from optimizer.models import User
from optimizer.views.requests import AppRequest

TOKEN = re.compile(r"[A-Za-z0-9_-]{16}")
KEPT = 3600  # seconds in which it can be brought back
NOT_TYPED = {"csrfmiddlewaretoken", "submit_key"}
LISTS = {"literals", "mapping"}  # fields with any number of values
PARTS = {
    "prompt": "the prompt",
    "system_text": "the system text",
    "context": "the context",
    "rows": "the pasted rows",
    "rows_file": "the chosen file",
    "dataset": "the choice of a dataset",
    "mapping": "the chosen columns",
}  # by field, what goes


@login_required
@require_POST
def form_clear(request: AppRequest) -> HttpResponse:
    """An empty form, which says what went and offers to bring it back."""
    token = secrets.token_urlsafe(12)
    form = OptimizationForm(request.POST, request.FILES, user=request.user)
    cache.set(_key(request.user, token), (_kept(request.POST), _gone(form)), KEPT)
    asked = {"blank": 1, "cleared": token}
    if workspace := request.POST.get("workspace"):
        asked["workspace"] = workspace
    address = f"{reverse('home')}?{urlencode(asked)}"
    return HttpResponseClientRedirect(address) if request.htmx else redirect(address)


def gone_of(user: User, token: str) -> str:
    """What was cleared, in words; "" if it cannot be brought back any more."""
    found = _found(user, token)
    return str(found[1]) if found else ""


def brought_back(user: User, token: str) -> dict[str, Any]:
    """What the form held before it was cleared; {} if that is no longer known."""
    found = _found(user, token)
    return dict(found[0]) if found else {}


def _found(user: User, token: str) -> Any:
    """What is kept under that token; None for what is none of ours."""
    return cache.get(_key(user, token)) if TOKEN.fullmatch(token) else None


def _kept(typed: QueryDict) -> dict[str, Any]:
    """What was typed, as the form's first values."""
    return {
        name: values if name in LISTS else values[-1]
        for name, values in typed.lists()
        if name not in NOT_TYPED
    }


def _gone(form: OptimizationForm) -> str:
    told = [words for name, words in PARTS.items() if _holds(form, name)]
    if any(_holds(form, name) for name in ("grader", *(setting.name for setting in SETTINGS))):
        told.append("the settings")
    return get_text_list(told, "and") if told else "nothing"


def _holds(form: OptimizationForm, name: str) -> bool:
    """Whether somebody put something there."""
    field, value = form.fields[name], form[name].value()
    if name == "mapping":
        return any(pair.partition("=")[2] for pair in value or ())
    return value not in (None, "") and field.has_changed(form.get_initial_for_field(field, name), value)


def _key(user: User, token: str) -> str:
    return f"cleared:{user.pk}:{token}"
