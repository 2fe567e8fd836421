"""Deleting and bringing back."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection, connections

from optimizer import topics
from optimizer.models import Role, User, Workspace
from optimizer.models.base import Owned
from optimizer.services.trash import bring_back, bring_back_for_others, send_to_trash
from tests import factories

MAKERS: list[Callable[[Workspace], Owned]] = [
    factories.make_template,
    factories.make_dataset,
    factories.make_session,
]


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The topics that were published."""
    published: list[str] = []
    monkeypatch.setattr(topics, "publish", lambda *names: published.extend(names))
    return published


@pytest.mark.parametrize("make", MAKERS)
def test_what_is_deleted_is_seen_by_nobody_and_comes_back(
    user: User, team_mate: User, workspace: Workspace, make: Callable[[Workspace], Owned]
) -> None:
    row = make(workspace)
    visible = type(row).objects.visible_to  # type: ignore[attr-defined]
    assert send_to_trash(by=team_mate, row=row)
    assert (row.deleted_by, row.updated_by) == (team_mate, team_mate)
    assert not visible(user).exists()
    assert bring_back(by=user, row=row)
    assert row.deleted_by is None
    assert row.updated_by == user
    assert visible(team_mate).get() == row


def test_doing_it_twice_changes_nothing(user: User, team_mate: User, workspace: Workspace) -> None:
    row = factories.make_template(workspace)
    send_to_trash(by=user, row=row)
    assert not send_to_trash(by=team_mate, row=row)
    assert row.deleted_by == user
    assert bring_back(by=user, row=row)
    assert not bring_back(by=team_mate, row=row)


def test_open_lists_are_told_once(user: User, workspace: Workspace, told: list[str]) -> None:
    row = factories.make_dataset(workspace)
    send_to_trash(by=user, row=row)
    send_to_trash(by=user, row=row)
    assert told == [f"datasets:{workspace.pk}"]
    template = factories.make_template(workspace)
    send_to_trash(by=user, row=template)
    assert told[1:] == [f"templates:{workspace.pk}", "templates:public"]


def test_a_viewer_and_an_outsider_may_do_neither(user: User, outsider: User, workspace: Workspace) -> None:
    viewer = factories.make_user()
    factories.join(workspace, viewer, Role.VIEWER)
    row = factories.make_dataset(workspace)
    for person in (viewer, outsider):
        with pytest.raises(PermissionDenied):
            send_to_trash(by=person, row=row)
    send_to_trash(by=user, row=row)
    for person in (viewer, outsider):
        with pytest.raises(PermissionDenied):
            bring_back(by=person, row=row)


def test_staff_brings_back_what_is_in_any_workspace(user: User, outsider: User, workspace: Workspace) -> None:
    row = factories.make_dataset(workspace)
    send_to_trash(by=user, row=row)
    assert bring_back_for_others(by=outsider, row=row)
    assert row.updated_by == outsider


@pytest.mark.django_db(transaction=True)
def test_of_several_at_once_one_deletes(user: User, workspace: Workspace) -> None:
    row = factories.make_template(workspace)

    def delete(_: int) -> Any:
        try:
            return send_to_trash(by=user, row=type(row).objects.get(pk=row.pk))
        finally:
            connections["default"].close()

    connection.close()
    with ThreadPoolExecutor(4) as people:
        assert sorted(people.map(delete, range(4))) == [False, False, False, True]
