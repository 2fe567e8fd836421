"""Who sees what: `visible_to` is the only way to rows that belong to someone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.apps import apps
from django.contrib.auth.models import AnonymousUser
from django.db import IntegrityError
from django.utils import timezone

from optimizer.models import Dataset, OptimizationSession, Prompt, PromptTemplate, Role, User, Workspace
from optimizer.models.base import Owned
from tests import factories

MAKERS: dict[type[Any], Callable[[Workspace], Any]] = {
    Prompt: factories.make_prompt,
    OptimizationSession: factories.make_session,
    Dataset: factories.make_dataset,
    PromptTemplate: factories.make_template,
}
each_model = pytest.mark.parametrize("model", MAKERS)


def sees(person: User | AnonymousUser, row: Any) -> bool:
    return bool(type(row).objects.visible_to(person).filter(pk=row.pk).exists())


@each_model
def test_the_owner_and_the_team_see_it_and_nobody_else(
    model: type[Any], workspace: Workspace, user: User, team_mate: User, outsider: User
) -> None:
    row = MAKERS[model](workspace)
    people: list[User | AnonymousUser] = [user, team_mate, outsider, AnonymousUser()]
    assert [sees(person, row) for person in people] == [True, True, False, False]


@each_model
def test_what_is_in_the_trash_is_not_seen(model: type[Any], workspace: Workspace, user: User) -> None:
    row = MAKERS[model](workspace)
    row.deleted_at = timezone.now()
    row.save()
    assert not sees(user, row)


@each_model
def test_the_team_does_not_see_its_members_own_things(model: type[Any], user: User, team_mate: User) -> None:
    row = MAKERS[model](team_mate.personal_workspace)
    assert sees(team_mate, row)
    assert not sees(user, row)


@each_model
def test_rights_do_not_widen_the_view(model: type[Any], workspace: Workspace) -> None:
    row = MAKERS[model](workspace)
    assert not sees(factories.make_user("boss@example.com", is_superuser=True, is_staff=True), row)


@each_model
def test_a_row_is_seen_once_by_someone_with_many_workspaces(
    model: type[Any], workspace: Workspace, user: User, outsider: User
) -> None:
    MAKERS[model](workspace)
    factories.join(outsider.personal_workspace, user, Role.VIEWER)
    assert model.objects.visible_to(user).count() == 1


def test_leaving_a_team_ends_the_view(workspace: Workspace, team_mate: User) -> None:
    row = factories.make_session(workspace)
    team_mate.memberships.filter(workspace=workspace).delete()
    assert not sees(team_mate, row)


def test_every_model_that_belongs_to_someone_is_tested_here() -> None:
    owned = {model for model in apps.get_models() if issubclass(model, Owned)}
    assert owned == set(MAKERS)


def test_a_prompt_has_one_active_session(workspace: Workspace) -> None:
    prompt = factories.make_prompt(workspace)
    factories.make_session(workspace, prompt=prompt, status="completed")
    factories.make_session(workspace, prompt=prompt, status="processing")
    with pytest.raises(IntegrityError, match="session_one_active"):
        factories.make_session(workspace, prompt=prompt)
