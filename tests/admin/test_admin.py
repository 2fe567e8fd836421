"""The admin: every list and row opens; what happened cannot be rewritten."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Permission
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from optimizer.admin import lists
from optimizer.models import OptimizationSession, PromptTemplate, User, Workspace
from optimizer.services.trash import send_to_trash
from tests import factories
from tests.conftest import ClientOf

MODELS = ["user", "workspace", "prompttemplate", "optimizationsession", "feedback", "outputrating", "dataset"]


@pytest.fixture
def staff(db: None, client_of: ClientOf) -> Client:
    return client_of(factories.make_user("staff@example.com", is_staff=True, is_superuser=True))


@pytest.fixture
def rows(user: User, workspace: Workspace) -> dict[str, int]:
    """One row of each kind, by model."""
    session = factories.make_session(workspace, status="completed")
    evaluation = factories.make_evaluation(factories.make_candidate(session), output="<script>")
    made = [user, workspace, factories.make_template(workspace), session]
    made += [factories.make_feedback(session, user, comment="<script>"), factories.make_dataset(workspace)]
    made += [factories.rate_output(evaluation, user)]
    return {row._meta.model_name or "": row.pk for row in made}


@pytest.mark.parametrize("model", MODELS)
def test_every_list_and_row_opens(staff: Client, rows: dict[str, int], model: str) -> None:
    changelist = reverse(f"admin:optimizer_{model}_changelist")
    assert staff.get(changelist).status_code == 200
    assert staff.get(changelist, {"q": "a"}).status_code == 200
    page = staff.get(reverse(f"admin:optimizer_{model}_change", args=[rows[model]]))
    assert page.status_code == 200
    assert "<script>&lt;" not in page.content.decode()


def test_a_state_reads_as_on_the_pages_and_is_filtered_by(staff: Client, workspace: Workspace) -> None:
    for status in ("completed", "processing"):
        factories.make_session(workspace, status=status)
    changelist = reverse("admin:optimizer_optimizationsession_changelist")
    page = staff.get(changelist).content.decode()
    assert '<span class="status completed">Done</span>' in page
    assert '<span class="status processing">Running</span>' in page
    running = staff.get(changelist, {"status": "processing"}).content.decode()
    assert "status completed" not in running


@pytest.mark.parametrize("model", MODELS)
def test_no_list_counts_its_table(staff: Client, rows: dict[str, int], model: str) -> None:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        staff.get(reverse(f"admin:optimizer_{model}_changelist"))
    assert not [q["sql"] for q in queries if "COUNT(" in q["sql"] and "LIMIT 10000" not in q["sql"]]
    assert len(queries) <= 8


@pytest.mark.parametrize("model", ["optimizationsession", "feedback", "outputrating"])
def test_what_happened_cannot_be_rewritten(staff: Client, rows: dict[str, int], model: str) -> None:
    assert staff.get(reverse(f"admin:optimizer_{model}_add")).status_code == 403
    assert staff.post(reverse(f"admin:optimizer_{model}_change", args=[rows[model]])).status_code == 403


def test_a_person_goes_with_all_that_is_theirs_counted_not_listed(
    staff: Client, rows: dict[str, int], user: User
) -> None:
    session = OptimizationSession.objects.get(pk=rows["optimizationsession"])
    for _ in range(30):
        factories.make_call(session, request={"messages": ["a long one"]})
    address = reverse("admin:optimizer_user_delete", args=[user.pk])
    with CaptureQueriesContext(connection) as queries:
        page = staff.get(address).content.decode()
    assert "<li>Llm calls: 30</li>" in page
    assert "<li>Feedback: 1</li>" in page, "found by the person and by the optimization"
    assert "a long one" not in page
    assert not [query["sql"] for query in queries if '"request"' in query["sql"]]
    assert staff.post(address, {"post": "yes"}).status_code == 302
    assert not OptimizationSession.objects.exists()
    assert not User.objects.filter(pk=user.pk).exists()


def test_a_right_is_asked_for_only_where_there_are_rows(
    client_of: ClientOf, workspace: Workspace, user: User
) -> None:
    clerk = factories.make_user("clerk@example.com", is_staff=True)
    wanted = ["delete_optimizationsession", "view_optimizationsession"]
    clerk.user_permissions.add(*Permission.objects.filter(codename__in=wanted))
    session = factories.make_session(workspace)
    address = reverse("admin:optimizer_optimizationsession_delete", args=[session.pk])
    assert "Are you sure" in client_of(clerk).get(address).content.decode()
    factories.make_feedback(session, user)
    assert "permission to delete" in client_of(clerk).get(address).content.decode()


def test_a_personal_workspace_goes_with_its_person_alone(
    staff: Client, workspace: Workspace, user: User
) -> None:
    assert staff.post(
        reverse("admin:optimizer_workspace_delete", args=[workspace.pk]), {"post": "yes"}
    ).status_code == 403  # fmt: skip
    chosen = {"action": "delete_selected", "_selected_action": [workspace.pk], "post": "yes"}
    staff.post(reverse("admin:optimizer_workspace_changelist"), chosen)
    assert Workspace.objects.filter(pk=workspace.pk).exists()


def test_what_keeps_a_person_from_being_deleted_is_named(
    staff: Client, workspace: Workspace, user: User, team_mate: User
) -> None:
    shared = factories.make_dataset(workspace)
    theirs = factories.make_session(team_mate.personal_workspace, dataset=shared)
    page = staff.get(reverse("admin:optimizer_user_delete", args=[user.pk])).content.decode()
    assert f"optimization session {theirs.pk}" in page


def test_staff_add_a_person_who_can_sign_in(staff: Client) -> None:
    fields = {"email": "New@example.com", "usable_password": "true"}
    fields |= {"password1": factories.PASSWORD, "password2": factories.PASSWORD}
    assert staff.post(reverse("admin:optimizer_user_add"), fields).status_code == 302
    person = User.objects.get(email__iexact="new@example.com")
    assert person.personal_workspace
    assert Client().login(email="new@example.com", password=factories.PASSWORD)

    again = staff.post(reverse("admin:optimizer_user_add"), fields | {"email": "NEW@example.com"})
    assert "Somebody has this address already" in again.content.decode()


def versions(*texts: str) -> dict[str, str]:
    """The inline form's fields for new versions."""
    rows = {f"versions-{n}-text": text for n, text in enumerate(texts)}
    return rows | {"versions-TOTAL_FORMS": str(len(texts)), "versions-INITIAL_FORMS": "0"}


def test_template_versions_are_numbered_on(staff: Client, workspace: Workspace) -> None:
    fields = {"name": "Mail", "category": "work", "workspace": str(workspace.pk), "tags": ""}
    staff.post(reverse("admin:optimizer_prompttemplate_add"), fields | versions("One", "Two"))
    template = PromptTemplate.objects.get()
    assert list(template.versions.values_list("number", "text")) == [(2, "Two"), (1, "One")]
    assert template.created_by == template.updated_by == User.objects.get(email="staff@example.com")


def test_lists_are_counted_to_a_bound(
    staff: Client, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "COUNT_MAX", 2)
    for _ in range(3):
        factories.make_dataset(workspace, rows=1)
    assert "2 dataset" in staff.get(reverse("admin:optimizer_dataset_changelist")).content.decode()


def test_people_without_the_right_stay_out(client_of: ClientOf, user: User, client: Client) -> None:
    assert client_of(user).get(reverse("admin:index")).status_code == 302
    assert client.get(reverse("admin:index")).status_code == 302


def test_what_is_in_the_trash_is_brought_back(staff: Client, user: User, workspace: Workspace) -> None:
    template = factories.make_template(workspace)
    send_to_trash(by=user, row=template)
    changelist = reverse("admin:optimizer_prompttemplate_changelist")
    asked = {"action": "bring_back_from_trash", "_selected_action": [template.pk]}
    assert "1 row brought back." in staff.post(changelist, asked, follow=True).content.decode()
    assert PromptTemplate.objects.visible_to(user).get() == template
