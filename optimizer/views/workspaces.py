"""Which workspace a page is about."""

from __future__ import annotations

from django.http import Http404

from optimizer.models import Workspace
from optimizer.views.requests import AppRequest, is_number


def workspace_of(request: AppRequest) -> Workspace:
    """The one that the address or the form names; the person must belong to it. By default, their own."""
    asked = request.POST.get("workspace") or request.GET.get("workspace") or ""
    if not asked:
        return request.user.personal_workspace
    found = Workspace.objects.visible_to(request.user).filter(pk=asked).first() if is_number(asked) else None
    if found is None:
        raise Http404("There is no such workspace.")
    return found
