"""A home for everyone, however they came; and open pages find out when rights change or an optimization is deleted;
a template's rating follows when feedback is deleted.

Page, provider, link, command and shell all end in `User.save()`, so the home is made after it: inside the
transaction of whoever saves. Rows that came without `save()` (bulk, fixtures), or whose maker died before,
get theirs at sign-in.
"""

from __future__ import annotations

from typing import Any

from django.contrib.auth.signals import user_logged_in
from django.db.models.signals import post_delete, post_save
from django.dispatch import receiver

from optimizer import topics
from optimizer.models import Feedback, Membership, OptimizationSession, PromptTemplate, User
from optimizer.services import accounts


@receiver(post_save, sender=User)
def welcome(instance: User, created: bool, raw: bool, **_: Any) -> None:
    """Loaded fixtures (`raw`) bring their own."""
    if created and not raw:
        accounts.make_home(user=instance)


@receiver(user_logged_in)
def welcome_back(user: User, **_: Any) -> None:
    accounts.make_home(user=user)


@receiver([post_save, post_delete], sender=Membership)
def membership_changed(instance: Membership, **_: Any) -> None:
    topics.publish(topics.rights_of(instance.user_id))


@receiver(post_save, sender=User)
def person_changed(instance: User, update_fields: frozenset[str] | None, **_: Any) -> None:
    """Their pages find out that they were shut out, or have another password. Signing in changes nothing."""
    if update_fields != frozenset({"last_login"}):
        topics.publish(topics.rights_of(instance.pk))


@receiver(post_delete, sender=OptimizationSession)
def optimization_deleted(instance: OptimizationSession, **_: Any) -> None:
    topics.publish_session(instance.pk, instance.workspace_id)


@receiver(post_delete, sender=Feedback)
def feedback_deleted(instance: Feedback, **_: Any) -> None:
    templates = PromptTemplate.objects.filter(prompts__sessions=instance.session_id)
    PromptTemplate.objects.filter(pk__in=list(templates.values_list("pk", flat=True))).rate()
