"""People and what they prefer."""

from __future__ import annotations

from contextlib import suppress
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.contrib.auth.models import AbstractUser, BaseUserManager
from django.db import models, transaction
from django.db.models.functions import Lower

from optimizer.brief import PRESET_TITLES, PRESETS, USUAL
from optimizer.models.base import one_of


class UserManager(BaseUserManager["User"]):
    """Makes users by email."""

    def create_user(self, email: str, password: str | None = None, **fields: Any) -> User:
        """A user; without a password they can only sign in by link or provider."""
        user = self.model(email=self.normalize_email(email), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> User:
        """An administrator."""
        return self.create_user(email, password, is_staff=True, is_superuser=True, **fields)

    def get_by_natural_key(self, username: str | None) -> User:
        """Email addresses that differ only in case are the same."""
        return self.get(email__iexact=username)


class User(AbstractUser):
    """A person. Signs in by email; the username is an optional display name."""

    username = models.CharField(max_length=150, blank=True)
    email = models.EmailField()

    objects = UserManager()  # type: ignore[assignment,misc]

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = []

    class Meta:
        constraints = [models.UniqueConstraint(Lower("email"), name="user_email_once")]

    def __str__(self) -> str:
        return self.username or self.email

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save together with all that is made for a new user (see signals), or not at all."""
        with transaction.atomic():
            super().save(*args, **kwargs)


class Theme(models.TextChoices):
    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


class Preference(models.Model):
    """What a person set for themselves. An empty `time_zone` is that of the browser."""

    user = models.OneToOneField(User, on_delete=models.CASCADE, related_name="preference")
    theme = models.CharField(max_length=10, choices=Theme.choices, default=Theme.SYSTEM)
    default_context = models.TextField(blank=True, max_length=10_000)
    default_model = models.CharField(max_length=200, blank=True)  # the target
    default_optimizer_model = models.CharField(max_length=200, blank=True, default="", db_default="")
    default_judge_model = models.CharField(max_length=200, blank=True, default="", db_default="")
    default_preset = models.CharField(max_length=10, choices=PRESET_TITLES, default=USUAL, db_default=USUAL)
    notifications = models.BooleanField(default=True)
    time_zone = models.CharField(max_length=64, blank=True, default="")
    shortcuts = models.BooleanField(default=True, db_default=True)
    learn_from_feedback = models.BooleanField(default=True, db_default=True)

    class Meta:
        constraints = [
            one_of("theme", Theme, "preference_theme_known"),
            one_of("default_preset", list(PRESETS), "preference_preset_known"),
        ]

    def __str__(self) -> str:
        return f"preferences of {self.user}"

    @property
    def defaults(self) -> dict[str, str]:
        """What a new optimization begins with, by the form's names; what is left open is left out."""
        preferred = {
            "context": self.default_context,
            "preset": self.default_preset,
            "target_model": self.default_model,
            "optimizer_model": self.default_optimizer_model,
            "judge_model": self.default_judge_model,
        }
        return {name: value for name, value in preferred.items() if value}

    @property
    def zone(self) -> ZoneInfo | None:
        """The time zone that they chose, if they chose one and this installation knows it."""
        with suppress(ZoneInfoNotFoundError, ValueError, OSError):
            return ZoneInfo(self.time_zone) if self.time_zone else None
        return None
