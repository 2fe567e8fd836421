"""The list of optimizations."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from optimizer.live.regions import region_for
from optimizer.models import OptimizationSession, Prompt, User, Workspace
from tests import factories
from tests.conftest import ClientOf

HTMX = {"HX-Request": "true"}


def make_many(workspace: Workspace, count: int) -> list[int]:
    """Primary keys, newest first; several share one moment, so that the key must decide."""
    start = timezone.now() - timedelta(days=1)
    rows = [
        factories.make_session(workspace, created_at=start + timedelta(minutes=number // 3))
        for number in range(count)
    ]
    return [row.pk for row in reversed(rows)]


def shown(response: object) -> list[int]:
    return [row.pk for row in response.context["page"].rows]  # type: ignore[attr-defined]


def test_ones_own_and_the_workspaces_are_there_and_nobody_elses(
    client_of: ClientOf, workspace: Workspace, team_mate: User, outsider: User
) -> None:
    session = factories.make_session(workspace)
    own = factories.make_session(team_mate.personal_workspace)
    factories.make_session(outsider.personal_workspace)
    assert shown(client_of(team_mate).get("/history/")) == [own.pk, session.pk]


def test_an_anonymous_visitor_signs_in_first(client: Client, db: None) -> None:
    assert client.get("/history/").status_code == 302


def test_other_methods_are_refused(user_client: Client) -> None:
    assert user_client.post("/history/").status_code == 405


def test_nothing_yet_is_not_no_matches(user_client: Client, workspace: Workspace) -> None:
    assert "Nothing yet" in user_client.get("/history/").content.decode()
    factories.make_session(workspace)
    assert "No matches" in user_client.get("/history/?q=zebra").content.decode()


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
def test_pages_follow_each_other_without_gap_or_repetition(
    user_client: Client, workspace: Workspace, headers: dict[str, str]
) -> None:
    expected = make_many(workspace, 45)
    seen, cursor = [], ""
    for _ in range(3):
        response = user_client.get("/history/", {"cursor": cursor} if cursor else {}, headers=headers)
        seen += shown(response)
        cursor = response.context["page"].more
        factories.make_session(workspace)  # a newcomer meanwhile moves nothing
    assert seen == expected
    assert cursor == ""


def test_a_made_up_cursor_is_no_page(user_client: Client) -> None:
    assert user_client.get("/history/?cursor=made-up").status_code == 404


@pytest.mark.parametrize("words", ["mail", "MAI", "sort mail", "office sort", "sort, the: mail!"])
def test_search_finds_beginnings_of_words(user_client: Client, workspace: Workspace, words: str) -> None:
    prompt = factories.make_prompt(workspace, original="Sort the mail of an office.")
    session = factories.make_session(workspace, prompt=prompt)
    factories.make_session(workspace)
    assert shown(user_client.get("/history/", {"q": words})) == [session.pk]


@pytest.mark.parametrize(
    "words",
    [
        "\0",
        "'",
        "a:*b & | !",
        "\\",
        "(((",
        "%",
        "💥",
        "x" * 5000,
        "<>",
        "\ud83d".encode("utf-16", "surrogatepass"),
    ],
)
def test_any_search_text_is_safe(user_client: Client, workspace: Workspace, words: str) -> None:
    factories.make_session(workspace)
    response = user_client.get("/history/", {"q": words})
    assert response.status_code == 200
    page = response.content.decode()
    box = page[page.index('<input id="search"') :].partition(">")[0]
    assert "<" not in box[1:], "what was typed is escaped"
    assert "placeholder=" in box


def test_status_filters(user_client: Client, workspace: Workspace) -> None:
    factories.make_session(workspace)
    failed = factories.make_session(workspace, status="failed")
    assert shown(user_client.get("/history/?status=failed")) == [failed.pk]
    assert len(shown(user_client.get("/history/?status=nonsense"))) == 2


def test_filters_stay_when_showing_more(user_client: Client, workspace: Workspace) -> None:
    make_many(workspace, 25)
    page = user_client.get("/history/?q=customer&status=pending").content.decode()
    assert "q=customer&amp;status=pending&amp;cursor=" in page


def test_htmx_gets_the_region_alone(user_client: Client, workspace: Workspace) -> None:
    factories.make_session(workspace)
    page = user_client.get("/history/?q=customer", headers=HTMX).content.decode()
    assert page.lstrip().startswith('<div id="history-region"')


def test_the_number_of_queries_does_not_grow(
    user_client: Client, workspace: Workspace, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    make_many(workspace, 21)
    with django_assert_max_num_queries(5):
        user_client.get("/history/")


def test_the_search_index_serves_the_search(workspace: Workspace) -> None:
    factories.make_session(workspace)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_seqscan = off")
    plan = OptimizationSession.objects.of_prompts(Prompt.objects.matching("customer")).explain()
    assert "prompt_words" in plan


def test_going_back_gets_the_whole_page(user_client: Client, workspace: Workspace) -> None:
    restore = HTMX | {"HX-History-Restore-Request": "true"}
    page = user_client.get("/history/?q=summary", headers=restore).content.decode()
    assert "<html" in page
    assert 'id="history-region"' in page


def test_a_list_that_shows_all_is_live_as_a_whole(
    user_client: Client, workspace: Workspace, user: User
) -> None:
    """What starts before the rows shown, and ends after them, appears under its status."""
    running = factories.make_session(workspace)
    factories.make_session(workspace, status="completed")
    page = user_client.get("/history/?status=completed").context["page"]
    region = region_for(user, "history", {"status": "completed", "oldest": page.oldest})
    OptimizationSession.objects.filter(pk=running.pk).update(status="completed", finished_at=timezone.now())
    assert region is not None
    assert f"/optimizations/{running.pk}/" in region.render()


def test_a_list_that_has_more_is_live_down_to_its_last_row(
    user_client: Client, workspace: Workspace, user: User
) -> None:
    pks = make_many(workspace, 23)
    page = user_client.get("/history/").context["page"]
    region = region_for(user, "history", {"oldest": page.oldest})
    newest = factories.make_session(workspace)
    assert region is not None
    frame = region.render()
    assert [f"/optimizations/{pk}/" in frame for pk in (newest.pk, *pks)] == [True] * 21 + [False] * 3
