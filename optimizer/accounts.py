"""How people get in: allauth's hooks, which ask our rules first."""

from __future__ import annotations

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from django.db import transaction
from django.http import Http404, HttpRequest

from optimizer.models import User
from optimizer.services import accounts


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Sign-up with a password."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return accounts.sign_up_is_open()

    def save_user(self, request: HttpRequest, user: User, form: Any, commit: bool = True) -> User:
        """With `commit`, the account is admitted and saved in one transaction."""
        if not commit:
            return super().save_user(request, user, form, commit=False)  # type: ignore[no-any-return]
        with transaction.atomic():
            accounts.admit(user=user)
            return super().save_user(request, user, form)  # type: ignore[no-any-return]


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """Sign-up through a provider."""

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Any = None) -> User:
        with transaction.atomic():
            accounts.admit(user=sociallogin.user)
            return super().save_user(request, sociallogin, form)  # type: ignore[no-any-return]

    def get_app(self, request: HttpRequest, provider: str, client_id: str | None = None) -> SocialApp:
        """A provider that nobody configured does not exist."""
        try:
            return super().get_app(request, provider, client_id)
        except SocialApp.DoesNotExist as error:
            raise Http404(f"Sign-in with {provider} is not configured.") from error
