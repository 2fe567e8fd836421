"""What the page of a result offers: a copy of what was measured, another grader, long texts folded."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from optimizer.models import OptimizationSession, Workspace
from optimizer.services.advice import grader_advice
from optimizer.views.diffs import word_diff
from tests import factories

TURNS = [
    {"role": "user", "content": "Sort it. Pears"},
    {"role": "assistant", "content": "fruit"},
    {"role": "user", "content": "Sort it. {{input}}"},
]
REFRESH = '<noscript><meta http-equiv="refresh" content="10"></noscript>'
HINT = "can be checked against people"


def ended(workspace: Workspace, *, score: float = 0.0, **fields: Any) -> OptimizationSession:
    """With one candidate, the original, which answered three rows."""
    compared = {
        "rows": 3, "better": 0, "worse": 0, "same": 3, "baseline": score, "best": score, "difference": 0.0,
        "low": 0.0, "high": 0.0,
    }  # fmt: skip
    defaults = {
        "status": "completed", "kept_original": True, "baseline_score": score, "best_score": score,
        "dataset": factories.make_dataset(workspace), "score_kind": "accuracy", "results": {"comparison": compared},
    }  # fmt: skip
    session = factories.make_session(workspace, **defaults | fields)
    original = factories.make_candidate(session, is_best=True)
    for item, expected in enumerate(["positive", "negative", "positive"]):
        said = f"I would say {expected}."
        factories.make_evaluation(original, item=item, expected=expected, output=said, score=score)
    return session


def page_of(client: Client, session: OptimizationSession, tab: str = "") -> str:
    return client.get(f"/optimizations/{session.pk}/?tab={tab}").content.decode()


@pytest.mark.parametrize("tab", ["results", "candidates"])
def test_what_was_measured_as_chat_turns_is_copied_as_such(
    user_client: Client, workspace: Workspace, tab: str
) -> None:
    session = ended(workspace)
    session.candidates.update(messages=TURNS)
    page = page_of(user_client, session, tab)
    assert page.index("Copy as chat messages") < page.index("Copy as one text")
    assert "As one text they were not measured." in page
    assert "&quot;role&quot;: &quot;assistant&quot;" in page


def test_one_text_is_copied_as_it_is(user_client: Client, workspace: Workspace) -> None:
    page = page_of(user_client, ended(workspace))
    assert page.index("Copy prompt") < page.index("Copy as chat messages")
    assert "not measured" not in page


def test_where_nothing_was_right_another_grader_is_offered(user_client: Client, workspace: Workspace) -> None:
    session = ended(workspace)
    page = page_of(user_client, session)
    assert "The exact grader found none of 3 answers right. The choice grader would have found 3" in page
    assert f"/?from={session.pk}&amp;grader=choice" in page
    form = user_client.get(f"/?from={session.pk}&grader=choice").context["form"]
    assert form["grader"].value() == "choice"
    assert form["dataset"].value() == session.dataset_id


def test_an_unknown_grader_in_the_address_is_ignored(user_client: Client, workspace: Workspace) -> None:
    session = ended(workspace, grader="words")
    form = user_client.get(f"/?from={session.pk}&grader=nonsense").context["form"]
    assert form["grader"].value() == "words"


def test_no_grader_is_offered_where_something_was_right(user_client: Client, workspace: Workspace) -> None:
    assert grader_advice(ended(workspace, score=1.0)) is None
    assert grader_advice(ended(workspace, dataset=None)) is None
    assert grader_advice(ended(workspace, status="processing")) is None
    assert "No answer counted as right" not in page_of(user_client, ended(workspace, score=1.0))


def test_a_run_that_was_stopped_is_advised_by_its_search(workspace: Workspace) -> None:
    session = ended(workspace, status="cancelled", baseline_score=None, best_score=None)
    assert grader_advice(session) is not None
    session.candidates.get().evaluations.update(split="validation")
    assert grader_advice(session) is not None
    factories.make_evaluation(session.candidates.get(), item=9, split="validation", score=1.0)
    assert grader_advice(session) is None


@pytest.mark.parametrize("grader", ["exact", "rubric"])
def test_the_judge_is_spoken_of_under_a_rubric_alone(
    user_client: Client, workspace: Workspace, grader: str
) -> None:
    assert (HINT in page_of(user_client, ended(workspace, grader=grader))) == (grader == "rubric")


@pytest.mark.parametrize("tab", ["results", "candidates", "settings"])
def test_a_long_text_is_folded_and_can_be_reached_by_keyboard(
    user_client: Client, workspace: Workspace, tab: str
) -> None:
    session = ended(workspace, prompt=factories.make_prompt(workspace, original="Sort it. " * 1000))
    assert "Show all" not in page_of(user_client, ended(workspace), tab)
    session.candidates.update(text="Sort it. " * 1000)
    page = page_of(user_client, session, tab)
    assert "Show all" in page
    assert '<pre class="prompt-text" tabindex="0" role="region"' in page


@pytest.mark.parametrize("tab", ["", "log"])
def test_a_run_shows_itself_without_javascript_until_it_has_ended(
    user_client: Client, workspace: Workspace, tab: str
) -> None:
    running = factories.make_session(workspace, status="processing", stage="Scoring")
    assert REFRESH in page_of(user_client, running, tab)
    assert "Show what is new" in page_of(user_client, running, tab)
    assert "http-equiv" not in page_of(user_client, ended(workspace), tab)


def test_test_inputs_that_are_being_changed_are_not_refreshed_away(
    user_client: Client, workspace: Workspace
) -> None:
    waiting = factories.make_session(workspace, inputs_requested=True, inputs=["One", "Two"])
    assert "http-equiv" not in page_of(user_client, waiting)
    assert "Show what is new" in page_of(user_client, waiting)


@pytest.mark.parametrize("grader", ["contains", "rubric"])
def test_run_again_keeps_the_grader(user_client: Client, workspace: Workspace, grader: str) -> None:
    session = factories.make_session(workspace, grader=grader)
    assert user_client.get(f"/?from={session.pk}").context["form"]["grader"].value() == grader


def test_a_variable_is_compared_as_one_word() -> None:
    changes = word_diff("Read {{text}} now.", "Read {{the_text}} now.")
    told = [(change.kind, change.text) for change in changes]
    assert told == [("same", "Read"), ("removed", " {{text}}"), ("added", " {{the_text}}"), ("same", " now.")]
