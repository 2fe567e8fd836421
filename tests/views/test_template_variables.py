"""Declaring variables, and the form that they make."""

from __future__ import annotations

import pytest
from django.test import Client

from optimizer.files.declared import Declared
from optimizer.models import PromptTemplate, Role, User, Workspace
from optimizer.services.templates import Details, Written, create_template
from tests import factories
from tests.conftest import ClientOf

pytestmark = pytest.mark.django_db

TEXT = "Write a {{tone}} letter to {{name}} by {{day}} with {{count}} words. {{extra}} {{signed}}"
DECLARED = [
    Declared("tone", "choice", "kind", "How it sounds", ("kind", "firm")),
    Declared("day", "date"),
    Declared("count", "number", "80"),
    Declared("extra", "long_text"),
    Declared("signed", "yes_no", "yes"),
    Declared("gone", "text", "old"),
]


@pytest.fixture
def template(workspace: Workspace, user: User) -> PromptTemplate:
    details = Details("Letter", tags=["mail"], variables=[one.stored() for one in DECLARED])
    return create_template(
        workspace=workspace, by=user, details=details, written=Written(TEXT, "For {{name}}.")
    )


def typed(*rows: dict[str, str], edition: int = 1) -> dict[str, str]:
    data = {"form-TOTAL_FORMS": str(len(rows)), "form-INITIAL_FORMS": str(len(rows)), "edition": str(edition)}
    for number, row in enumerate(rows):
        data |= {f"form-{number}-{name}": value for name, value in row.items()}
    return data


def test_the_form_has_a_field_for_each_variable(user_client: Client, template: PromptTemplate) -> None:
    page = user_client.get(f"/templates/{template.pk}/?tab=use").content.decode()
    for name in ("tone", "name", "day", "count", "extra", "signed"):
        assert f'name="value-{name}"' in page
    assert "value-gone" not in page
    assert 'type="date"' in page
    assert '<option value="kind" selected>' in page
    assert "How it sounds" in page


def test_the_declarations_show_all_of_them(user_client: Client, template: PromptTemplate) -> None:
    page = user_client.get(f"/templates/{template.pk}/?tab=variables").content.decode()
    assert page.count('class="field declared"') == 7
    assert "no longer in the text" in page
    assert "Remove this declaration" in page


def test_saving_them_keeps_everything_else(user_client: Client, template: PromptTemplate) -> None:
    rows = (
        {"name": "name", "kind": "text", "help": "Who gets it", "default": "<b>"},
        {"name": "tone", "kind": "choice", "choices": "kind\r\n firm \r\nkind", "default": "firm"},
        {"name": "gone", "kind": "text", "DELETE": "on"},
    )
    response = user_client.post(f"/templates/{template.pk}/variables/", typed(*rows))
    assert response["Location"] == f"/templates/{template.pk}/?tab=use"
    template.refresh_from_db()
    assert [one["name"] for one in template.variables] == ["name", "tone"]
    assert template.variables[1]["choices"] == ["kind", "firm"]
    assert (template.name, template.tags, template.newest) == ("Letter", ["mail"], 1)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ({"name": "a", "kind": "choice"}, "from 2 to 100 choices"),
        ({"name": "a", "kind": "number", "default": "ten"}, "is not a number"),
        ({"name": "a", "kind": "spell"}, "Choose a kind"),
        ({"name": "a b", "kind": "text"}, "no name for a variable"),
        ({"name": "a" * 200, "kind": "text"}, "at most 100"),
        ({"name": "a", "kind": "text", "help": "x" * 400}, "at most 300"),
        ({"name": "a", "kind": "text", "default": "x" * 10_001}, "Shorten it by 1"),
        ({"name": "a", "kind": "text", "help": "a\0b"}, "NUL"),
    ],
)
def test_what_cannot_be_says_why_and_keeps_what_was_typed(
    user_client: Client, template: PromptTemplate, row: dict[str, str], said: str
) -> None:
    response = user_client.post(f"/templates/{template.pk}/variables/", typed(row))
    assert response.status_code == 422
    assert said in response.content.decode()
    template.refresh_from_db()
    assert len(template.variables) == len(DECLARED)


@pytest.mark.parametrize("broken", [{}, {"edition": "1"}, {"edition": "x", "form-TOTAL_FORMS": "-1"}])
def test_a_broken_form_is_refused(
    user_client: Client, template: PromptTemplate, broken: dict[str, str]
) -> None:
    assert user_client.post(f"/templates/{template.pk}/variables/", broken).status_code == 422


def test_declared_twice(user_client: Client, template: PromptTemplate) -> None:
    row = {"name": "a", "kind": "text"}
    response = user_client.post(f"/templates/{template.pk}/variables/", typed(row, row))
    assert response.status_code == 422
    assert "declared twice" in response.content.decode()


def test_the_second_of_two_sees_what_the_first_saved(user_client: Client, template: PromptTemplate) -> None:
    first, second = (
        {"name": "name", "kind": "text", "default": "Ann"},
        {"name": "name", "kind": "text", "default": "Bob"},
    )
    assert user_client.post(f"/templates/{template.pk}/variables/", typed(first)).status_code == 302
    response = user_client.post(f"/templates/{template.pk}/variables/", typed(second))
    page = response.content.decode()
    assert response.status_code == 409
    assert "default “Ann”" in page
    assert "Bob" in page
    assert 'name="edition" value="2"' in page
    assert (
        user_client.post(f"/templates/{template.pk}/variables/", typed(second, edition=2)).status_code == 302
    )


def test_who_may(
    template: PromptTemplate, workspace: Workspace, outsider: User, client_of: ClientOf, client: Client
) -> None:
    viewer = factories.make_user()
    factories.join(workspace, viewer, Role.VIEWER)
    address, given = f"/templates/{template.pk}/variables/", typed({"name": "name", "kind": "text"})
    assert client_of(viewer).post(address, given).status_code == 403
    assert (
        "Save the variables"
        not in client_of(viewer).get(f"/templates/{template.pk}/?tab=variables").content.decode()
    )
    assert client_of(outsider).post(address, given).status_code == 404
    assert client.post(address, given).status_code == 302
    assert client_of(viewer).get(address).status_code == 405


def test_what_was_declared_while_the_template_was_deleted_is_not_lost(
    user_client: Client, template: PromptTemplate
) -> None:
    user_client.post(f"/templates/{template.pk}/delete/")
    rows = typed({"name": "name", "kind": "text", "help": "Typed at length"})
    response = user_client.post(f"/templates/{template.pk}/variables/", rows)
    assert response.status_code == 422
    assert "Typed at length" in response.content.decode()
    assert "was deleted meanwhile" in response.content.decode()
