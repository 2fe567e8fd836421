"""A home for everyone, however they came.

Page, provider, link, command and shell all end in `User.save()`, so the home is made after it: inside the
transaction of whoever saves. Rows that came without `save()` (bulk, fixtures), or whose maker died before,
get theirs at sign-in.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import post_save
from django.dispatch import receiver

from optimizer.models import User
from optimizer.services import accounts


@receiver(post_save, sender=User)
def welcome(instance: User, created: bool, raw: bool, **_: Any) -> None:
    """Loaded fixtures (`raw`) bring their own."""
    if created and not raw:
        accounts.make_home(user=instance)


@receiver(user_logged_in)
def welcome_back(user: User, **_: Any) -> None:
    accounts.make_home(user=user)
