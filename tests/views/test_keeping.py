"""Outputs become rows from the results."""

from __future__ import annotations

import pytest
from django.test import Client

from optimizer.models import Dataset, Evaluation, Role, User, Workspace
from tests import factories
from tests.conftest import ClientOf

HTMX = {"HX-Request": "true"}


@pytest.fixture
def output(workspace: Workspace) -> Evaluation:
    prompt = factories.make_prompt(workspace, original="Is {{text}} good?")
    session = factories.make_session(
        workspace, prompt=prompt, dataset=factories.make_dataset(workspace), status="completed"
    )
    candidate = factories.make_candidate(session)
    return factories.make_evaluation(candidate, input="Review 0", output="negative", score=0)


def address(output: Evaluation) -> str:
    return f"/optimizations/{output.candidate.session_id}/outputs/{output.pk}/row/"


def test_one_click_makes_the_output_the_answer_of_its_row(user_client: Client, output: Evaluation) -> None:
    response = user_client.post(address(output), headers=HTMX)
    assert response.status_code == 200
    page = response.content.decode()
    assert page.startswith(f'<span id="kept-{output.pk}"')
    assert "has another answer now, in version 2." in page
    assert Dataset.objects.get().table().rows[0].expected == "negative"


def test_an_answer_is_corrected_on_its_page(user_client: Client, output: Evaluation) -> None:
    page = user_client.get(address(output)).content.decode()
    assert ">\nnegative</textarea>" in page
    dataset = Dataset.objects.get()
    assert f'<option value="{dataset.pk}" selected>' in page
    response = user_client.post(address(output), {"answer": "so-so", "dataset": dataset.pk}, follow=True)
    assert "has another answer now, in version 2." in response.content.decode()
    assert Dataset.objects.get().table().rows[0].expected == "so-so"
    user_client.post(address(output), {"answer": "so-so", "dataset": ""})
    assert Dataset.objects.count() == 2


@pytest.mark.parametrize(
    "typed", [{"answer": " "}, {"answer": "x" * 10_001}, {"answer": "a\0"}, {"dataset": "x"}]
)
def test_bad_input_is_told_and_kept(user_client: Client, output: Evaluation, typed: dict[str, str]) -> None:
    response = user_client.post(address(output), {"answer": "x"} | typed)
    assert response.status_code == 422
    assert response.context["form"].errors
    assert Dataset.objects.get().version == 1


def test_all_right_outputs_are_kept_at_once(user_client: Client, output: Evaluation) -> None:
    rows = f"/optimizations/{output.candidate.session_id}/rows/"
    assert (
        "You have not marked an output as right yet" in user_client.post(rows, follow=True).content.decode()
    )
    user_client.post(address(output).replace("/row/", "/"), {"verdict": "right"})
    assert "in version 2" in user_client.post(rows, follow=True).content.decode()


def test_others_are_kept_out(
    client: Client, client_of: ClientOf, outsider: User, output: Evaluation, workspace: Workspace
) -> None:
    assert client.post(address(output)).status_code == 302
    assert client_of(outsider).get(address(output)).status_code == 404
    assert client_of(outsider).post(address(output)).status_code == 404
    viewer = factories.make_user("viewer@example.com")
    workspace.memberships.create(user=viewer, role=Role.VIEWER)
    assert client_of(viewer).post(address(output)).status_code == 403
