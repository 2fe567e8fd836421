"""Django's admin behind the product's own door. What nobody could click gets an answer too."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Any

from allauth.account.decorators import secure_admin_login
from django.contrib import admin
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse

from optimizer.views.requests import is_number

View = Callable[..., Any]


class Site(admin.AdminSite):
    """All admin pages."""

    site_header = "PromptEvolver administration"

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        """The product's own sign-in."""
        answer: HttpResponse = secure_admin_login(super().login)(request, extra_context)
        return answer

    def admin_view(self, view: View, cacheable: bool = False) -> View:  # type: ignore[override]
        return super().admin_view(_of_rows(view), cacheable)


def _of_rows(view: View) -> View:
    """The view, for actions on rows that may exist: their keys are numbers."""

    @wraps(view)
    def checked(request: HttpRequest, *args: Any, **options: Any) -> Any:
        if not all(map(is_number, request.POST.getlist(ACTION_CHECKBOX_NAME))):
            raise BadRequest("An action names a row that cannot exist.")
        return view(request, *args, **options)

    return checked
