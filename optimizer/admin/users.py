"""People, by address."""

from __future__ import annotations

from django.contrib import admin
from django.contrib.auth import forms
from django.contrib.auth.admin import UserAdmin
from django.core.exceptions import ValidationError

from optimizer.admin.lists import BigList
from optimizer.models import User


class OneAddress:
    """Addresses that differ only in case are the same."""

    def clean_email(self) -> str:
        email: str = self.cleaned_data["email"]  # type: ignore[attr-defined]
        others = User.objects.exclude(pk=self.instance.pk)  # type: ignore[attr-defined]
        if others.filter(email__iexact=email).exists():
            raise ValidationError(
                "Somebody has this address already. Change that account, or use another one."
            )
        return email


class NewUserForm(OneAddress, forms.AdminUserCreationForm):  # type: ignore[type-arg]
    class Meta:
        model = User
        fields = ["email"]


class UserForm(OneAddress, forms.UserChangeForm):  # type: ignore[type-arg]
    pass


@admin.register(User)
class PersonAdmin(BigList, UserAdmin):  # type: ignore[type-arg]
    form = UserForm
    add_form = NewUserForm
    list_display = ["email", "username", "is_active", "is_staff", "last_login", "date_joined"]
    list_filter = ["is_active", "is_staff", "is_superuser"]
    search_fields = ["email", "username"]
    ordering = ["-pk"]
    fieldsets = [
        (None, {"fields": ["email", "password", "username"]}),
        ("May", {"fields": ["is_active", "is_staff", "is_superuser", "groups", "user_permissions"]}),
        ("When", {"fields": ["last_login", "date_joined"]}),
    ]
    add_fieldsets = [(None, {"fields": ["email", "usable_password", "password1", "password2"]})]
    readonly_fields = ["last_login", "date_joined"]
