"""Starting in one of several workspaces."""

from __future__ import annotations

import pytest
from django.test import Client

from optimizer.models import OptimizationSession, Role, User, Workspace
from tests import factories


@pytest.fixture
def team(user: User) -> Workspace:
    """A workspace that the user may write in, besides their own."""
    workspace = Workspace.objects.create(name="The team")
    factories.join(workspace, user)
    return workspace


def test_an_optimization_starts_in_the_workspace_that_is_named(
    user_client: Client, workspace: Workspace, team: Workspace
) -> None:
    page = user_client.get(f"/?workspace={team.pk}").content.decode()
    assert f'<input type="hidden" name="workspace" value="{team.pk}">' in page
    assert "The team" in page
    rows = "input,expected\na,b\nc,d\ne,f\ng,h\n"
    user_client.post("/", {"prompt": "Say hello.", "workspace": team.pk, "rows": rows})
    session = OptimizationSession.objects.get()
    assert session.dataset is not None
    assert {session.workspace, session.prompt.workspace, session.dataset.workspace} == {team}


def test_it_stays_named_when_something_else_was_wrong(user_client: Client, team: Workspace) -> None:
    response = user_client.post("/", {"prompt": "", "workspace": team.pk})
    assert response.status_code == 422
    assert f'name="workspace" value="{team.pk}"' in response.content.decode()


def test_without_one_it_starts_in_the_persons_own(
    user_client: Client, workspace: Workspace, team: Workspace
) -> None:
    assert 'name="workspace"' not in user_client.get("/").content.decode()
    user_client.post("/", {"prompt": "Say hello."})
    assert OptimizationSession.objects.get().workspace == workspace


@pytest.mark.parametrize("asked", ["0", "999999", "x", "1" * 30])
def test_a_workspace_that_is_not_there_is_not_found(user_client: Client, asked: str) -> None:
    assert user_client.get(f"/?workspace={asked}").status_code == 404
    assert user_client.post("/", {"prompt": "Hi", "workspace": asked}).status_code == 404


def test_the_workspace_of_others_is_not_found(user_client: Client, outsider: User) -> None:
    pk = outsider.personal_workspace.pk
    assert user_client.post("/", {"prompt": "Hi", "workspace": pk}).status_code == 404
    assert not OptimizationSession.objects.exists()


def test_who_may_only_look_starts_nothing_there(user_client: Client, user: User, team: Workspace) -> None:
    user.memberships.filter(workspace=team).update(role=Role.VIEWER)
    assert user_client.post("/", {"prompt": "Hi", "workspace": team.pk}).status_code == 403
    assert not OptimizationSession.objects.exists()
