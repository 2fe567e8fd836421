"""What the page of a running optimization tells between two steps of its race, and what stays after Stop."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from optimizer import newest as newest_answers
from optimizer.engine.events import Answered, Beat, Outcome, Rejected, Stage, Writing
from optimizer.live.regions import SessionRegion
from optimizer.models import OptimizationSession, Workspace
from optimizer.newest import Newest, newest_answer
from optimizer.views.charts import chart_of
from optimizer.views.pace import estimated, span, time_left
from optimizer.worker.following import Follower
from optimizer.worker.record import Recorder
from tests import factories


@pytest.fixture
def running(workspace: Workspace) -> OptimizationSession:
    return at_work(workspace)


def at_work(workspace: Workspace, **fields: Any) -> OptimizationSession:
    defaults = {
        "status": "processing", "stage": "Scoring", "stage_done": 10, "stage_total": 40, "calls": 10,
        "processing_time_ms": 60_000, "target_model": "llama3.2:3b", "optimizer_model": "qwen3:8b",
        "lease_until": timezone.now() + timedelta(seconds=60),
    }  # fmt: skip
    session = factories.make_session(workspace, **defaults | fields)
    factories.make_candidate(session, number=0, marks="+-~+. .", live_score=0.625, live_items=4)
    return session


def panel_of(session: OptimizationSession, tab: str = "") -> str:
    return SessionRegion(session.pk, tab).render()


def test_each_row_has_a_mark_and_the_mean_so_far_stands_beside_them(running: OptimizationSession) -> None:
    page = panel_of(running)
    assert re.findall(r'<i class="(\w+)">', page) == [
        "right",
        "wrong",
        "partly",
        "right",
        "waiting",
        "waiting",
    ]
    assert "6 rows: 2 right, 1 partly right, 1 wrong, 2 waiting" in page
    assert '<strong>63 %</strong> <span class="muted">on 4 rows</span>' in page


def test_the_page_names_both_models(running: OptimizationSession) -> None:
    page = panel_of(running)
    assert "llama3.2:3b" in page
    assert "qwen3:8b" in page


@pytest.mark.parametrize("tab", ["progress", "candidates", "results"])
def test_after_stop_the_marks_stay_and_nothing_is_waited_for(
    tab: str, running: OptimizationSession, user_client: Client
) -> None:
    OptimizationSession.objects.filter(pk=running.pk).update(
        status="cancelled", finished_at=timezone.now(), kept_original=True
    )
    page = user_client.get(f"/optimizations/{running.pk}/", {"tab": tab}).content.decode()
    assert "6 rows: 2 right, 1 partly right, 1 wrong, 2 not answered" in page
    assert "63 %" in page


def test_rows_that_a_judge_has_not_scored_are_told_apart(workspace: Workspace) -> None:
    session = factories.make_session(workspace, status="processing")
    factories.make_candidate(session, marks="??.")
    assert "3 rows: 2 not judged yet, 1 waiting" in panel_of(session)


def test_the_chart_begins_with_the_first_row(running: OptimizationSession) -> None:
    chart = chart_of(running.candidates.all())
    assert chart is not None
    assert [(dot.score, dot.rows) for dot in chart.dots] == [(0.625, 4)]


def test_a_mean_on_fewer_rows_than_were_scored_does_not_count(workspace: Workspace) -> None:
    candidate = factories.make_candidate(
        factories.make_session(workspace), score=0.5, scored_items=8, live_score=1.0, live_items=2
    )
    assert (candidate.score_so_far, candidate.rows_so_far) == (0.5, 8)


def test_the_newest_row_stands_with_its_answer(running: OptimizationSession) -> None:
    newest_answers.show(running.pk, Newest("negative", 3, "I love <it>", "positive", 0.0))
    page = panel_of(running)
    assert "Newest answer" in page
    assert "I love &lt;it&gt;" in page
    assert "candidate 3" in page
    assert "✗" in page
    newest_answers.hide(running.pk)
    assert newest_answer(running.pk) == Newest()


def test_what_another_version_kept_of_the_newest_answer_is_not_shown(running: OptimizationSession) -> None:
    cache.set(f"newest:{running.pk}", {"words": "?"})
    assert newest_answer(running.pk) == Newest()


def test_one_answer_is_followed_until_it_is_scored() -> None:
    follower = Follower()
    follower.writing(Writing("po", 1, "a"))
    follower.writing(Writing("ne", 2, "b"))
    assert follower.newest == Newest("po", 1, "a")
    outcome = Outcome(0, "a", "positive", "positive", 1.0)
    follower.answered(Answered(1, "validation", outcome, 1.0, 1))
    assert follower.newest == Newest("positive", 1, "a", "positive", 1.0)
    follower.writing(Writing("neg", 2, "b"))
    assert follower.newest == Newest("neg", 2, "b")


@pytest.mark.parametrize(
    ("estimate", "told"),
    [
        ({"calls": 40, "minutes": 3}, "about 3 minutes"),
        ({"calls": [30, 60]}, "2 to 5 minutes"),
        ({"calls": [5, 60]}, "up to 5 minutes"),
        ({"calls": [4, 9]}, "3 minutes for this step"),
        (None, "3 minutes for this step"),
        ({}, "3 minutes for this step"),
    ],
)
def test_the_time_left_goes_by_the_measured_speed(
    estimate: dict[str, Any] | None, told: str, workspace: Workspace
) -> None:
    assert time_left(at_work(workspace, estimate=estimate)) == told


def test_a_limit_of_calls_bounds_the_time_left(workspace: Workspace) -> None:
    assert time_left(at_work(workspace, estimate={"calls": [30, 90]}, max_calls=40)) == "2 to 3 minutes"


def test_no_time_is_told_before_a_speed_shows_nor_after_the_end(workspace: Workspace) -> None:
    assert time_left(at_work(workspace, calls=2)) == ""
    assert time_left(at_work(workspace, status="completed", lease_until=None)) == ""


def test_an_estimate_may_be_a_number_or_a_range(workspace: Workspace) -> None:
    session = at_work(workspace, estimate={"calls": 130, "minutes": [1.0, 2.6], "tokens": None})
    assert estimated(session, "calls") == (130, 130)
    assert estimated(session, "minutes") == (1.0, 2.6)
    assert estimated(session, "tokens") is None
    assert span(0.5, 3) == "0.5 to 3 minutes"
    assert "estimated 1 to 3 minutes" in panel_of(session)


def test_a_model_that_is_being_loaded_is_told(running: OptimizationSession) -> None:
    recorder = Recorder(running)
    recorder.keep(Stage("Scoring", 0, 8))
    recorder.keep(Beat("Loading fake:1b"))
    assert (recorder.stage.name, recorder.stage.total, recorder.away) == ("Loading fake:1b", 8, "")
    recorder.keep(Stage("Scoring", 1, 8))
    assert recorder.stage.name == "Scoring"


def test_a_skipped_rewrite_is_told_in_plain_words(running: OptimizationSession) -> None:
    recorder = Recorder(running)
    recorder.keep(Rejected("duplicate", "Name the mood."))
    recorder.keep(Rejected("no usable reply", ""))
    log = panel_of(running, "log")
    assert "Skipped a rewrite: it repeats an earlier candidate. Its text: Name the mood." in log
    assert "Skipped a rewrite: the reply of the model could not be used.<" in log
    running.results = {"rejected": {"duplicate": 2, "too long": 1}}
    running.save()
    assert "1 × it is too long, 2 × it repeats an earlier candidate." in panel_of(running, "candidates")


def test_the_servers_that_answered_are_named(workspace: Workspace) -> None:
    session = at_work(workspace)
    assert "Model server" not in panel_of(session)
    for host in ("http://b:11434", "http://a:11434", "http://b:11434", ""):
        factories.make_call(session, host=host)
    assert "<dt>Model servers</dt><dd>http://a:11434, http://b:11434</dd>" in panel_of(session)


def test_marks_of_many_candidates_cost_no_queries(
    running: OptimizationSession, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(30):
        factories.make_candidate(running, marks="+" * 32, live_items=32, live_score=1.0)
    with django_assert_max_num_queries(3):
        page = panel_of(running)
    assert page.count("<i class=") == 6 * 32
    assert panel_of(running, "candidates").count("<i class=") == 6 * 32


def test_a_stage_of_the_same_name_lets_the_answer_stand(running: OptimizationSession) -> None:
    recorder = Recorder(running)
    recorder.keep(Stage("Scoring", 0, 8))
    recorder.keep(Writing("positive", 1, "a"))
    recorder.keep(Stage("Scoring", 1, 8))
    assert recorder.follower.newest.text == "positive"
    recorder.keep(Stage("Judging", 0, 8))
    assert recorder.follower.newest.text == ""
