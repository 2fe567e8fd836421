"""Saying whether single outputs are right."""

from __future__ import annotations

import re

import pytest
from django.test import Client

from optimizer.live.regions import SessionRegion
from optimizer.models import Evaluation, OptimizationSession, OutputRating, Role, User, Workspace
from tests import factories
from tests.conftest import ClientOf
from tests.views.test_sessions import HOSTILE, HTMX, finished, page_of

PRESSED = re.compile(r'value="none" aria-pressed="true">(\w+)<')


@pytest.fixture
def done(workspace: Workspace) -> OptimizationSession:
    return finished(workspace)


@pytest.fixture
def output(done: OptimizationSession) -> Evaluation:
    """The best's answer to the held-out row."""
    return Evaluation.objects.get(candidate__session=done, candidate__is_best=True)


def address(output: Evaluation, session: OptimizationSession | None = None) -> str:
    return f"/optimizations/{(session or output.candidate.session).pk}/outputs/{output.pk}/"


def say(client: Client, output: Evaluation, verdict: str) -> str:
    return client.post(address(output), {"verdict": verdict}, headers=HTMX).content.decode()


def test_both_outputs_of_a_row_can_be_rated(user_client: Client, done: OptimizationSession) -> None:
    page = page_of(user_client, done)
    for label in ("Original, row 1: is it right?", "Best, row 1: is it right?"):
        assert f'aria-label="{label}"' in page
    assert page.count('name="verdict" value="right"') == page.count('name="verdict" value="wrong"') == 2
    assert 'id="output-form"' in page


def test_where_the_original_is_the_best_it_stands_once(
    user_client: Client, done: OptimizationSession
) -> None:
    done.candidates.get(is_best=True).delete()
    done.candidates.update(is_best=True)
    page = page_of(user_client, done)
    assert "answered by the original" in page
    assert "Best answered" not in page
    assert page.count('name="verdict" value="right"') == 1


def test_a_verdict_is_kept_shown_and_changed(user_client: Client, output: Evaluation) -> None:
    for verdict, shown, right in (("right", "Right", True), ("wrong", "Wrong", False)):
        assert PRESSED.findall(say(user_client, output, verdict)) == [shown]
        assert PRESSED.findall(page_of(user_client, output.candidate.session)) == [shown]
        assert OutputRating.objects.get().is_right is right


def test_the_chosen_one_clears(user_client: Client, output: Evaluation) -> None:
    say(user_client, output, "wrong")
    assert PRESSED.findall(say(user_client, output, "none")) == []
    assert not OutputRating.objects.exists()


def test_htmx_gets_the_buttons_alone(user_client: Client, output: Evaluation) -> None:
    page = say(user_client, output, "right")
    assert page.startswith(f'<span id="output-{output.pk}"')
    assert 'aria-label="Best, row 1: is it right?"' in page
    assert page.count(f'formaction="{address(output)}"') == 2
    assert "data-anyone" not in page


def test_without_javascript_it_leads_back_to_the_output(user_client: Client, output: Evaluation) -> None:
    response = user_client.post(address(output), {"verdict": "right"})
    assert response.headers["Location"] == f"/optimizations/{output.candidate.session_id}/#output-{output.pk}"


def test_each_person_has_their_own_verdict(
    client_of: ClientOf, user: User, team_mate: User, output: Evaluation
) -> None:
    say(client_of(user), output, "right")
    assert PRESSED.findall(page_of(client_of(team_mate), output.candidate.session)) == []
    assert PRESSED.findall(say(client_of(team_mate), output, "wrong")) == ["Wrong"]
    assert dict(OutputRating.objects.values_list("user", "is_right")) == {user.pk: True, team_mate.pk: False}


def test_a_frame_for_everyone_leaves_a_persons_own_alone(user: User, output: Evaluation) -> None:
    factories.rate_output(output, user)
    frame = SessionRegion(output.candidate.session_id, "").render()
    assert PRESSED.findall(frame) == []
    assert (
        frame.count("data-anyone") == 4
    )  # of each output: what the person called it, and whether they kept it


@pytest.mark.parametrize("body", [{}, {"verdict": ""}, {"verdict": "maybe"}, {"verdict": "true"}])
def test_a_bad_verdict_is_refused(user_client: Client, output: Evaluation, body: dict[str, str]) -> None:
    say(user_client, output, "right")
    assert user_client.post(address(output), body).status_code == 400
    assert OutputRating.objects.get().is_right is True


def test_a_wrong_method_is_refused(user_client: Client, output: Evaluation) -> None:
    assert user_client.get(address(output)).status_code == 405


def test_an_anonymous_visitor_signs_in_first(client: Client, output: Evaluation) -> None:
    assert client.post(address(output)).headers["Location"].startswith("/accounts/login/")


def test_an_outsider_finds_nothing(client_of: ClientOf, outsider: User, output: Evaluation) -> None:
    assert client_of(outsider).post(address(output), {"verdict": "right"}).status_code == 404
    assert not OutputRating.objects.exists()


def test_an_output_is_found_only_in_its_own_optimization(
    client_of: ClientOf, outsider: User, output: Evaluation
) -> None:
    own = finished(outsider.personal_workspace)
    response = client_of(outsider).post(address(output, own), {"verdict": "right"})
    assert response.status_code == 404
    assert not OutputRating.objects.exists()


def test_a_viewer_may_look_but_not_rate(
    client_of: ClientOf, workspace: Workspace, outsider: User, output: Evaluation
) -> None:
    factories.join(workspace, outsider, Role.VIEWER)
    assert client_of(outsider).post(address(output), {"verdict": "right"}).status_code == 403
    assert not OutputRating.objects.exists()


def test_a_reason_stands_under_an_output_that_is_not_right(
    user_client: Client, done: OptimizationSession
) -> None:
    Evaluation.objects.filter(score=0).update(why=f"the judge gave 3 of 10 {HOSTILE}")
    page = page_of(user_client, done)
    assert '<span class="why">the judge gave 3 of 10 &lt;script&gt;' in page
    Evaluation.objects.filter(score=0).update(why="expected 'positive', got 'They seem fine.'")
    assert 'class="why"' not in page_of(user_client, done)
