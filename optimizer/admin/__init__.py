"""Django's admin: the whole installation, for its staff, behind the product's own door."""

from allauth.account.decorators import secure_admin_login
from django.contrib import admin

from optimizer.admin import datasets, feedback, sessions, templates, users, workspaces

__all__ = ["datasets", "feedback", "sessions", "templates", "users", "workspaces"]

admin.site.site_header = "PromptEvolver administration"
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
