"""What a person sets for themselves."""

from __future__ import annotations

from typing import Any

from optimizer.models import Preference, User
from optimizer.services.access import require_active


def preference_of(user: User) -> Preference:
    """What they set; the usual for somebody who has no preferences yet."""
    return Preference.objects.filter(user=user).first() or Preference(user=user)


def save_preferences(*, by: User, **chosen: Any) -> Preference:
    """Keep what they chose; what is not named stays as it is."""
    require_active(user=by)
    preference, _ = Preference.objects.update_or_create(user=by, defaults=chosen)
    return preference
