"""The form starts from an earlier result, and takes other models."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from optimizer import installed
from optimizer.briefing import task_of
from optimizer.engine.starts import NAME
from optimizer.llm.facts import ModelFacts
from optimizer.models import OptimizationSession, User, Workspace
from tests import factories
from tests.conftest import ClientOf

COMPONENTS = {"instruction": "Say positive or negative.", "shots": [], "keywords": []}


@pytest.fixture(autouse=True)
def models() -> None:
    installed.keep([ModelFacts("small"), ModelFacts("large:latest"), ModelFacts("embeds", completes=False)])


def finalist(number: int, kind: str = "answer_only") -> dict[str, Any]:
    return {"number": number, "kind": kind, "columns": {}, "results": {}}


@pytest.fixture
def ended(workspace: Workspace) -> OptimizationSession:
    """A completed optimization with one finalist."""
    session = factories.make_session(
        workspace, status="completed", kept_original=False, dataset=factories.make_dataset(workspace),
        results={"finalists": [finalist(4)], "winner": 4}, target_model="small", seed=7,
    )  # fmt: skip
    factories.make_candidate(session, number=0)
    factories.make_candidate(session, number=4, components=COMPONENTS, is_best=True)
    return session


def filled(client: Client, session: OptimizationSession) -> dict[str, Any]:
    """What the browser would send of the page."""
    form = client.get(f"/?continue={session.pk}").context["form"]
    values = {name: form[name].value() for name in form.fields}
    return {name: value for name, value in values.items() if value not in (None, False)}


def test_the_result_leads_to_a_form_with_everything_in_it(
    user_client: Client, ended: OptimizationSession
) -> None:
    page = user_client.get(reverse("session-detail", args=[ended.pk])).content.decode()
    assert f'href="/?continue={ended.pk}">Continue from this result<' in page
    shown = user_client.get(f"/?continue={ended.pk}")
    assert f'name="continues" id="id_continues" value="{ended.pk}" checked' in shown.content.decode()
    form = shown.context["form"]
    names = ("prompt", "dataset", "target_model", "seed")
    assert [form[name].value() for name in names] == [ended.prompt.original, ended.dataset_id, "small", 7]


def test_what_it_starts_from_is_kept_with_the_new_one(
    user_client: Client, ended: OptimizationSession
) -> None:
    assert user_client.post("/", filled(user_client, ended)).status_code == 302
    session = OptimizationSession.objects.latest("pk")
    assert session.continues == ended
    assert session.starts == [COMPONENTS]
    ended.candidates.all().delete()
    assert task_of(session).starts[0].instruction == COMPONENTS["instruction"]
    page = user_client.get(reverse("session-detail", args=[session.pk]) + "?tab=settings").content.decode()
    assert f"the result of optimization {ended.pk}</a>" in page
    assert user_client.get(f"/?from={session.pk}").context["form"]["continues"].value() == ended.pk


@pytest.mark.parametrize(("cross_fitted", "seen"), [(True, 20), (False, 12)])
def test_it_is_kept_which_rows_the_earlier_one_saw(
    user_client: Client, ended: OptimizationSession, user: User, cross_fitted: bool, seen: int
) -> None:
    rows = [(f"word{number}", "even") for number in range(20)]
    dataset = factories.keep_rows(ended.workspace, user, rows)
    OptimizationSession.objects.filter(pk=ended.pk).update(dataset=dataset, cross_fitted=cross_fitted)
    more = "\n".join(["input,expected", *(",".join(row) for row in [("new", "odd"), *rows])])
    data = filled(user_client, ended) | {"rows": more}
    del data["dataset"]
    assert user_client.post("/", data).status_code == 302
    found = task_of(OptimizationSession.objects.latest("pk")).seen
    assert len(found) == seen
    assert "new" not in found


def test_unticked_it_starts_like_a_new_one(user_client: Client, ended: OptimizationSession) -> None:
    data = filled(user_client, ended)
    del data["continues"]
    assert user_client.post("/", data).status_code == 302
    session = OptimizationSession.objects.latest("pk")
    assert (session.continues, session.starts) == (None, [])


def test_a_start_that_is_not_wanted_stays_on_offer(ended: OptimizationSession, user_client: Client) -> None:
    shown = user_client.post("/", {"prompt": "", "offered": ended.pk}).content.decode()
    assert f'name="continues" id="id_continues" value="{ended.pk}" aria-' in shown


def test_what_was_deleted_is_not_offered_again(ended: OptimizationSession, user_client: Client) -> None:
    assert user_client.post("/", filled(user_client, ended)).status_code == 302
    again = OptimizationSession.objects.latest("pk")
    OptimizationSession.objects.filter(pk=ended.pk).update(deleted_at=timezone.now())
    assert user_client.get(f"/?from={again.pk}").context["form"]["continues"].value() is None


def test_why_there_is_nothing_to_start_from(ended: OptimizationSession, user_client: Client) -> None:
    ended.candidates.update(is_best=False)
    for status, why in (
        ("failed", "failed, so"),
        ("cancelled", "was stopped before it found anything better"),
    ):
        OptimizationSession.objects.filter(pk=ended.pk).update(status=status, results={})
        shown = user_client.post("/", {"prompt": "Hi", "continues": ended.pk}).content.decode()
        assert f"Optimization {ended.pk} {why}" in shown


def test_it_may_be_of_another_model(user_client: Client, ended: OptimizationSession) -> None:
    data = filled(user_client, ended) | {"target_model": "large"}
    assert user_client.post("/", data).status_code == 302
    assert OptimizationSession.objects.latest("pk").target_model == "large"


def test_the_best_of_a_stopped_one_will_do(user_client: Client, ended: OptimizationSession) -> None:
    OptimizationSession.objects.filter(pk=ended.pk).update(status="cancelled", results={})
    assert user_client.post("/", filled(user_client, ended)).status_code == 302
    assert OptimizationSession.objects.latest("pk").starts == [COMPONENTS]


def test_a_team_mate_may_and_an_outsider_may_not(
    ended: OptimizationSession, team_mate: User, outsider: User, client_of: ClientOf
) -> None:
    assert client_of(team_mate).get(f"/?continue={ended.pk}").status_code == 200
    stranger = client_of(outsider)
    assert stranger.get(f"/?continue={ended.pk}").status_code == 404
    data = {"prompt": "Hi", "rows": "input,expected\na,b\nc,d\ne,f\ng,h", "continues": ended.pk}
    page = stranger.post("/", data)
    assert page.status_code == 422
    assert f"There is no optimization {ended.pk} that you may start from." in page.content.decode()


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"status": "processing", "finished_at": None}, "has not ended"),
        ({"results": {}, "kept_original": True}, "found nothing better than its original"),
    ],
)
def test_without_a_result_it_is_refused(
    user_client: Client, ended: OptimizationSession, changes: dict[str, Any], why: str
) -> None:
    data = filled(user_client, ended)
    OptimizationSession.objects.filter(pk=ended.pk).update(**changes)
    ended.candidates.filter(number=4).update(is_best=False)
    page = user_client.post("/", data)
    assert page.status_code == 422
    assert why in page.content.decode()
    shown = user_client.get(f"/?continue={ended.pk}")
    assert shown.context["form"]["continues"].value() is None
    assert "it has no result to start from" in shown.content.decode()
    detail = user_client.get(reverse("session-detail", args=[ended.pk])).content.decode()
    assert "Continue from this result" not in detail


def test_without_rows_it_is_refused(user_client: Client, ended: OptimizationSession) -> None:
    data = filled(user_client, ended)
    del data["dataset"]
    page = user_client.post("/", data)
    assert page.status_code == 422
    assert "needs rows with answers" in page.content.decode()


def test_its_candidates_are_named_on_the_page(user_client: Client, ended: OptimizationSession) -> None:
    factories.make_candidate(ended, number=5, operator=NAME)
    page = user_client.get(reverse("session-detail", args=[ended.pk]) + "?tab=candidates").content.decode()
    assert "found by an earlier optimization" in page


# Other models


def test_other_models_are_kept_each_once(user_client: Client) -> None:
    sent = {"prompt": "Hi", "target_model": "small", "other_models": " large , large,"}
    assert user_client.post("/", sent).status_code == 302
    session = OptimizationSession.objects.get()
    assert session.other_models == ["large"]
    again = user_client.get(f"/?from={session.pk}")
    assert again.context["form"]["other_models"].value() == "large"
    page = user_client.get(reverse("session-detail", args=[session.pk]) + "?tab=settings").content.decode()
    assert "<dt>Other models</dt><dd>large" in page


@pytest.mark.parametrize(
    ("other", "target", "why"),
    [
        ("gone", "small", "There is no model “gone” on the server. It has: small, large:latest."),
        ("embeds", "small", "embeds only makes embeddings"),
        ("small", "small", "small is the target model, which runs the prompts anyway."),
        ("large", "large:latest", "large:latest is the target model"),
        ("small", "", "small is the target model"),
        ("a, b, c, d", "small", "These are 4 models. Keep at most 3."),
        ("a\0b", "small", "NUL"),
    ],
)
def test_a_model_that_cannot_be_used_is_refused_at_its_field(
    user_client: Client, other: str, target: str, why: str
) -> None:
    sent = {"prompt": "Hi", "target_model": target, "other_models": other}
    page = user_client.post("/", sent)
    assert page.status_code == 422
    assert why in page.content.decode()
    assert list(page.context["form"].errors) == ["other_models"]


def test_where_the_rows_are_sent_is_said(user_client: Client) -> None:
    installed.keep([ModelFacts("small"), ModelFacts("away", remote="cloud.example")])
    page = user_client.post("/", {"prompt": "", "target_model": "small", "other_models": "away"})
    assert "cloud.example" in page.content.decode()
