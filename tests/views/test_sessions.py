"""Watching, stopping and rating one optimization."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from optimizer.live.regions import SessionRegion
from optimizer.models import Feedback, OptimizationSession, Preference, Role, SessionStatus, User, Workspace
from optimizer.models.states import ACTIVE, STATES
from optimizer.worker.record import WAITING
from tests import factories
from tests.conftest import ClientOf

HTMX = {"HX-Request": "true"}
ABOUT = {
    "progress": "Model calls",
    "candidates": "Candidates",
    "results": "Original and best",
    "log": '<ol class="log"',
    "settings": "Chosen settings",
}  # what stands on each tab of a result
TABS = ["", *ABOUT, "nonsense"]
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>"
COMPARISON = {
    "rows": 32, "better": 12, "worse": 1, "same": 19, "baseline": 0.4, "best": 0.75,
    "difference": 0.35, "low": 0.16, "high": 0.53, "p_value": 0.0004,
}  # fmt: skip


@pytest.fixture
def running(workspace: Workspace) -> OptimizationSession:
    return factories.make_session(
        workspace,
        status="processing",
        stage="Scoring candidates",
        stage_done=12,
        stage_total=40,
        lease_token=uuid4(),
    )


@pytest.fixture
def done(workspace: Workspace) -> OptimizationSession:
    return finished(workspace)


def finished(workspace: Workspace, **fields: Any) -> OptimizationSession:
    """With an original and a best, and the answers of both to one held-out row."""
    results = {
        "comparison": COMPARISON,
        "improvements": ["Set the answer format."],
        "metrics": {"clarity": 9, "specificity": 8, "engagement": 6},
        "original_metrics": None,
        "caveats": ["Only 32 rows."],
    }
    defaults = {
        "status": "completed", "kept_original": False, "baseline_score": 0.4, "best_score": 0.75,
        "score_kind": "accuracy", "finish_reason": "All iterations are done.", "results": results,
        "dataset": factories.make_dataset(workspace),
    }  # fmt: skip
    session = factories.make_session(workspace, **defaults | fields)
    original = factories.make_candidate(session, number=0, text="What does this customer think?", score=0.4)
    best = factories.make_candidate(
        session, number=5, text="Say positive or negative.", score=0.8, is_best=True
    )
    best.parents.add(original)
    factories.make_evaluation(original, output="They seem fine.", score=0.0)
    factories.make_evaluation(best, output="positive", score=1.0)
    factories.make_event(session, data={"text": "Candidate 5 is the best so far."})
    return session


def address(session: OptimizationSession, end: str = "") -> str:
    return f"/optimizations/{session.pk}/{end}"


def page_of(client: Client, session: OptimizationSession, tab: str = "") -> str:
    return client.get(address(session), {"tab": tab} if tab else {}).content.decode()


def test_a_running_one_shows_its_progress(user_client: Client, running: OptimizationSession) -> None:
    page = page_of(user_client, running)
    assert "Scoring candidates" in page
    assert "12 of 40" in page
    assert "Stop</button>" in page
    assert f"/live/?topic=session:{running.pk}" in page


def test_a_finished_one_shows_its_proof(user_client: Client, done: OptimizationSession) -> None:
    page = page_of(user_client, done)
    for words in (
        "12 of 32 rows better, 1 worse.", "+35 points", "+16 to +53", "40 %", "75 %",
        "Set the answer format.",
        "Only 32 rows.", "All iterations are done.", "<del>", "<ins>", "They seem fine.", "▲ better",
        "Copy as chat messages",
    ):  # fmt: skip
        assert words in page


def test_the_settings_say_what_stood_behind_the_models_name(
    user_client: Client, workspace: Workspace
) -> None:
    session = factories.make_session(workspace, target_model="m", digests={"m": "0123456789abcdef"})
    assert "0123456789ab<" in page_of(user_client, session, "settings")


@pytest.mark.parametrize("tab", TABS)
@pytest.mark.parametrize("state", ["pending", "processing", "completed", "failed", "cancelled"])
def test_every_tab_shows_in_every_state(
    user_client: Client, workspace: Workspace, state: str, tab: str
) -> None:
    session = factories.make_session(workspace, status=state)
    page = page_of(user_client, session, tab)
    assert session.prompt.title in page
    assert STATES[SessionStatus(state)] in page
    shown = tab if tab in ABOUT else "progress" if state in ACTIVE else "results"
    assert f'aria-current="page">{shown.capitalize()}<' in page


@pytest.mark.parametrize("tab", TABS)
def test_every_tab_of_a_result_shows(user_client: Client, done: OptimizationSession, tab: str) -> None:
    page = page_of(user_client, done, tab)
    assert ABOUT.get(tab, ABOUT["results"]) in page


def test_what_it_took_stands_beside_the_estimate(user_client: Client, workspace: Workspace) -> None:
    estimate = {"calls": [149, 447], "tokens": [40_000, 118_233], "minutes": [1.8, 4.2], "model": "qwen3"}
    page = page_of(user_client, finished(workspace, calls=412, estimate=estimate))
    for words in ("412", "estimated 150 to 450", "estimated 40,000 to 120,000", "estimated 2 to 4 minutes"):
        assert words in page


def test_the_estimate_of_an_old_one_is_a_single_number(user_client: Client, workspace: Workspace) -> None:
    estimate = {"calls": 447, "tokens": 118_233, "minutes": 4.2, "model": "qwen3"}
    page = page_of(user_client, finished(workspace, estimate=estimate))
    for words in ("estimated 450<", "estimated 120,000<", "estimated 4 minutes<"):
        assert words in page


def test_an_estimate_without_a_speed_has_no_minutes(user_client: Client, workspace: Workspace) -> None:
    estimate = {"calls": [149, 447], "tokens": [40_000, 118_233], "minutes": None, "model": "qwen3"}
    page = page_of(user_client, finished(workspace, estimate=estimate))
    assert "estimated 150 to 450" in page
    assert "minutes" not in page


def test_the_limit_that_ended_it_is_said(user_client: Client, workspace: Workspace) -> None:
    reason = "The budget of 600 calls is spent. Used: 598 calls, 90,000 tokens, 2.1 minutes of model work."
    assert reason in page_of(user_client, finished(workspace, finish_reason=reason))


def test_limits_and_options_stand_among_the_settings(user_client: Client, workspace: Workspace) -> None:
    session = finished(
        workspace, token_budget=50_000, max_minutes=2.5, target_score=0.95, patience=3, grader="numeric",
        grader_options={"tolerance": "0.25"},
    )  # fmt: skip
    page = page_of(user_client, session, "settings")
    for words in ("50,000", "2.5", "95 %", "3 rounds", "0.25"):
        assert words in page


def test_a_threshold_reads_as_it_was_typed(user_client: Client, workspace: Workspace) -> None:
    for kept in ("0.7", 0.7):
        session = finished(workspace, grader="rubric", grader_options={"threshold": kept})
        assert '<dt>Threshold</dt><dd class="lines">70 %</dd>' in page_of(user_client, session, "settings")


def test_htmx_gets_the_panel_alone(user_client: Client, running: OptimizationSession) -> None:
    page = user_client.get(address(running), headers=HTMX).content.decode()
    assert page.lstrip().startswith('<section id="session-panel"')


def test_keeping_the_original_is_said(user_client: Client, workspace: Workspace) -> None:
    session = finished(workspace, kept_original=True)
    assert "Kept the original" in page_of(user_client, session)


def test_a_failure_says_its_cause_and_the_way_on(user_client: Client, workspace: Workspace) -> None:
    session = factories.make_session(
        workspace,
        status="failed",
        error_code="truncated",
        error_message="The window of m is 4096. Set it higher.",
    )
    page = page_of(user_client, session)
    assert "The window of m is 4096. Set it higher." in page
    assert f"/?from={session.pk}" in page


def test_what_models_wrote_is_escaped_everywhere(user_client: Client, workspace: Workspace) -> None:
    prompt = factories.make_prompt(workspace, original=HOSTILE, context=HOSTILE)
    session = finished(workspace, prompt=prompt, finish_reason=HOSTILE[:150], error_message=HOSTILE)
    session.candidates.update(
        text=HOSTILE, operator="<b>x</b>", messages=[{"role": "<b>", "content": HOSTILE}]
    )
    session.candidates.get(number=0).evaluations.update(output=HOSTILE, input=HOSTILE, expected=HOSTILE)
    session.events.update(data={"text": HOSTILE})
    for tab in TABS:
        page = page_of(user_client, session, tab)
        assert "<script>alert" not in page
        assert "<img src=x" not in page
        assert "<b>" not in page


@pytest.mark.parametrize("end", ["", "stop/", "rating/", "inputs/"])
def test_an_outsider_finds_nothing(
    client_of: ClientOf, outsider: User, done: OptimizationSession, end: str
) -> None:
    client = client_of(outsider)
    response = client.post(address(done, end)) if end else client.get(address(done))
    assert response.status_code == 404


@pytest.mark.parametrize("end", ["", "stop/", "rating/", "inputs/"])
def test_an_anonymous_visitor_signs_in_first(client: Client, done: OptimizationSession, end: str) -> None:
    response = client.post(address(done, end)) if end else client.get(address(done))
    assert response.headers["Location"].startswith("/accounts/login/")


def test_wrong_methods_are_refused(user_client: Client, done: OptimizationSession) -> None:
    assert user_client.post(address(done)).status_code == 405
    assert user_client.get(address(done, "stop/")).status_code == 405
    assert user_client.get(address(done, "rating/")).status_code == 405
    assert user_client.get(address(done, "inputs/")).status_code == 405


def test_a_deleted_one_is_gone(user_client: Client, done: OptimizationSession) -> None:
    OptimizationSession.objects.update(deleted_at=timezone.now())
    assert user_client.get(address(done)).status_code == 404


def test_a_result_costs_few_queries(
    user_client: Client, done: OptimizationSession, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _ in range(20):
        factories.make_candidate(done, number=done.candidates.count() + 10)
    with django_assert_max_num_queries(12):
        user_client.get(address(done))


def test_the_feedback_that_was_used_leads_to_its_session(user_client: Client, workspace: Workspace) -> None:
    earlier, deleted = factories.make_session(workspace), factories.make_session(workspace)
    OptimizationSession.objects.filter(pk=deleted.pk).update(deleted_at=timezone.now())
    said = [
        {"text": f"5 of 5 stars. {HOSTILE}", "session": earlier.pk, "tier": "prompt"},
        {"text": "Not helpful.", "session": deleted.pk, "tier": "domain"},
    ]
    session = finished(workspace, evidence=said, results={"used_feedback": [line["text"] for line in said]})
    page = page_of(user_client, session)
    assert "Feedback that was used" in page
    assert "5 of 5 stars. &lt;script&gt;" in page
    assert f'href="{address(earlier)}"' in page
    assert "Not helpful." in page
    assert address(deleted) not in page


def test_feedback_as_it_was_once_kept_still_shows(user_client: Client, workspace: Workspace) -> None:
    session = finished(workspace, evidence=["Too long."], results={"used_feedback": ["Too long."]})
    assert "Too long." in page_of(user_client, session)


def test_calls_that_were_known_already_are_counted(user_client: Client, workspace: Workspace) -> None:
    session = finished(workspace, calls=3)
    for reused in (True, True, False):
        factories.make_call(session, reused=reused)
    page = page_of(user_client, session)
    assert "2 calls known from earlier optimizations" in page


# Stopping


def test_stopping_asks_the_worker(user_client: Client, running: OptimizationSession) -> None:
    assert user_client.post(address(running, "stop/")).headers["Location"] == address(running)
    running.refresh_from_db()
    assert running.stop_requested_at is not None
    assert running.status == "processing"


def test_stopping_by_htmx_shows_it_at_once(user_client: Client, running: OptimizationSession) -> None:
    page = user_client.post(address(running, "stop/"), headers=HTMX).content.decode()
    assert "Stopping…" in page


def test_one_that_has_not_begun_ends_at_once(user_client: Client, workspace: Workspace) -> None:
    session = factories.make_session(workspace)
    user_client.post(address(session, "stop/"))
    session.refresh_from_db()
    assert (session.status, session.finish_reason) == ("cancelled", "Stopped before it began.")
    assert session.finished_at is not None


def test_one_whose_inputs_wait_was_stopped_before_its_search(
    user_client: Client, waiting: OptimizationSession
) -> None:
    user_client.post(address(waiting, "stop/"))
    waiting.refresh_from_db()
    assert waiting.finish_reason == "Stopped after the test inputs were written, before the search began."


def test_stopping_a_finished_one_changes_nothing(user_client: Client, done: OptimizationSession) -> None:
    user_client.post(address(done, "stop/"))
    done.refresh_from_db()
    assert done.stop_requested_at is None


def test_a_viewer_may_look_but_not_stop(
    client_of: ClientOf, workspace: Workspace, running: OptimizationSession, outsider: User
) -> None:
    factories.join(workspace, outsider, Role.VIEWER)
    client = client_of(outsider)
    assert "Scoring candidates" in page_of(client, running)
    assert client.post(address(running, "stop/")).status_code == 403
    running.refresh_from_db()
    assert running.stop_requested_at is None


# How long it takes


def test_time_spent_waiting_does_not_count(user_client: Client, done: OptimizationSession) -> None:
    hours_ago = timezone.now() - timedelta(hours=3)
    OptimizationSession.objects.update(started_at=hours_ago, processing_time_ms=75_000)
    for tab in ("results", "progress"):
        assert "1 min 15 s" in page_of(user_client, done, tab)


def test_the_clock_goes_on_from_the_time_worked_so_far(
    user_client: Client, running: OptimizationSession
) -> None:
    hours_ago = timezone.now() - timedelta(hours=3)
    renewed = timezone.now() + timedelta(seconds=settings.LEASE_SECONDS)
    OptimizationSession.objects.update(started_at=hours_ago, processing_time_ms=75_000, lease_until=renewed)
    page = page_of(user_client, running)
    since = datetime.fromisoformat(page.split('data-since="')[1].split('"')[0])
    assert timedelta(seconds=75) <= timezone.now() - since < timedelta(seconds=80)
    assert "1 min 15 s" in page


@pytest.mark.parametrize("status", ["pending", "processing"])
@pytest.mark.parametrize("worked", [None, 75_000])
def test_the_clock_stands_while_no_worker_holds_it(
    user_client: Client, workspace: Workspace, worked: int | None, status: str
) -> None:
    queued = factories.make_session(
        workspace, status=status, started_at=timezone.now(), processing_time_ms=worked
    )
    page = page_of(user_client, queued)
    assert "data-since" not in page
    assert ("1 min 15 s" in page) is (worked is not None)


# Approving of test inputs


@pytest.fixture
def waiting(workspace: Workspace) -> OptimizationSession:
    inputs = ["A first letter.", "<b>A second</b>"]
    return factories.make_session(workspace, inputs_requested=True, inputs=inputs)


def test_the_inputs_are_shown_and_nothing_runs(user_client: Client, waiting: OptimizationSession) -> None:
    page = page_of(user_client, waiting)
    for words in (
        "Are these good test inputs?",
        "A first letter.",
        "&lt;b&gt;A second&lt;/b&gt;",
        "Needs you",
    ):
        assert words in page
    assert not OptimizationSession.objects.claimable().exists()
    assert "Needs you" in user_client.get("/history/").content.decode()


def test_a_live_frame_leaves_what_was_typed_alone(user_client: Client, waiting: OptimizationSession) -> None:
    assert '<div class="card stack approval" id="approval"' in page_of(user_client, waiting)
    assert "data-anyone" not in page_of(user_client, waiting)
    assert re.search('id="approval"[^>]* data-anyone>', SessionRegion(waiting.pk, "").render())


def test_the_inputs_can_be_told_apart_by_ear(user_client: Client, waiting: OptimizationSession) -> None:
    page = page_of(user_client, waiting)
    names = re.findall('<textarea name="input"[^>]*aria-label="([^"]+)"', page)
    assert len(names) == len(set(names)) == 24
    assert '<h2 id="approval-title">' in page
    refused = user_client.post(address(waiting, "inputs/"), {"input": ["one"]}, headers=HTMX)
    assert '<ul class="errors" role="alert">' in refused.content.decode()


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
def test_it_goes_on_with_the_inputs_as_changed(
    user_client: Client, waiting: OptimizationSession, headers: dict[str, str]
) -> None:
    typed = {"input": ["A first letter, changed.", "", " Mine. ", "Mine."]}
    response = user_client.post(address(waiting, "inputs/"), typed, headers=headers)
    assert response.status_code == (200 if headers else 302)
    waiting.refresh_from_db()
    assert waiting.inputs == ["A first letter, changed.", "Mine."]
    assert not waiting.awaits_approval
    assert OptimizationSession.objects.claimable().get() == waiting
    if headers:
        assert "Queued" in response.content.decode()


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ([], "There are 0 different inputs"),
        (["one", "one", ""], "There is 1 different input"),
        ([str(n) for n in range(51)], "There are 51 different inputs"),
        (["one", "x" * 10_001], "Input 2: This is 10,001 characters"),
        (["one", "a\0"], "NUL"),
    ],
)
def test_bad_inputs_are_refused_and_nothing_is_lost(
    user_client: Client, waiting: OptimizationSession, typed: list[str], said: str, headers: dict[str, str]
) -> None:
    response = user_client.post(address(waiting, "inputs/"), {"input": typed}, headers=headers)
    page = response.content.decode()
    assert response.status_code == 422
    assert said in page
    assert all(text in page for text in typed)
    waiting.refresh_from_db()
    assert waiting.awaits_approval


def test_an_input_fills_every_variable_or_is_refused(user_client: Client, workspace: Workspace) -> None:
    prompt = factories.make_prompt(workspace, original="{{a}} or {{b}}, said ${{c}}")
    both = ['{"a": "x", "b": "y"}', '{"a": "u", "b": "v"}']
    waiting = factories.make_session(workspace, prompt=prompt, inputs_requested=True, inputs=both)
    refused = user_client.post(address(waiting, "inputs/"), {"input": [both[0], '{"a": "x"}']})
    assert refused.status_code == 422
    assert (
        "Input 2: it needs a value for each variable. Write {&quot;a&quot;: &quot;…&quot;"
        in refused.content.decode()
    )
    for broken in ('{"a": "\\ud800", "b": "y"}', '{"a": "", "b": " "}', '{"a": NaN, "b": "y"}'):
        assert user_client.post(address(waiting, "inputs/"), {"input": [both[0], broken]}).status_code == 422
    assert user_client.post(address(waiting, "inputs/"), {"input": both}).status_code == 302


@pytest.fixture
def unwritten(workspace: Workspace) -> OptimizationSession:
    """One whose optimizer model wrote no input that could be used."""
    return factories.make_session(workspace, inputs_requested=True, inputs=[])


def test_that_none_were_written_is_said(user_client: Client, unwritten: OptimizationSession) -> None:
    page = page_of(user_client, unwritten)
    assert "No usable test inputs were written" in page
    assert "Are these good" not in page


@pytest.mark.parametrize("typed", [["", " "], ["Mine.", "Mine, too.", ""]])
def test_where_none_were_written_it_goes_on_with_ones_own_or_without(
    user_client: Client, unwritten: OptimizationSession, typed: list[str]
) -> None:
    user_client.post(address(unwritten, "inputs/"), {"input": typed})
    unwritten.refresh_from_db()
    assert unwritten.inputs == [text for text in typed if text.strip()]
    assert OptimizationSession.objects.claimable().get() == unwritten


def test_one_input_of_ones_own_is_not_enough(user_client: Client, unwritten: OptimizationSession) -> None:
    response = user_client.post(address(unwritten, "inputs/"), {"input": ["Mine."]})
    assert response.status_code == 422
    assert "There is 1 different input" in response.content.decode()


def test_approving_of_one_that_does_not_wait_changes_nothing(
    user_client: Client, running: OptimizationSession
) -> None:
    user_client.post(address(running, "inputs/"), {"input": ["one", "two"]})
    running.refresh_from_db()
    assert running.inputs is None


def test_a_viewer_may_not_approve(
    client_of: ClientOf, workspace: Workspace, waiting: OptimizationSession, outsider: User
) -> None:
    factories.join(workspace, outsider, Role.VIEWER)
    response = client_of(outsider).post(address(waiting, "inputs/"), {"input": ["one", "two"]})
    assert response.status_code == 403


def test_one_that_waits_can_be_stopped(user_client: Client, waiting: OptimizationSession) -> None:
    user_client.post(address(waiting, "stop/"))
    waiting.refresh_from_db()
    assert waiting.status == "cancelled"


# Rating


def test_a_rating_is_kept_and_changed(user_client: Client, user: User, done: OptimizationSession) -> None:
    for rating in ("3", "5"):
        user_client.post(address(done, "rating/"), {"rating": rating, "comment": "Good."})
    assert Feedback.objects.get().rating == 5
    assert Feedback.objects.get().comment == "Good."


def test_the_chosen_star_clears(user_client: Client, done: OptimizationSession) -> None:
    user_client.post(address(done, "rating/"), {"rating": "4", "comment": "Good."})
    page = page_of(user_client, done)
    assert 'value="" data-star="4"' in page
    user_client.post(address(done, "rating/"), {"rating": ""})
    feedback = Feedback.objects.get()
    assert (feedback.rating, feedback.comment) == (None, "Good.")


def test_parts_that_are_not_sent_stay(user_client: Client, done: OptimizationSession) -> None:
    user_client.post(address(done, "rating/"), {"rating": "4"})
    user_client.post(address(done, "rating/"), {"is_helpful": "false"})
    user_client.post(
        address(done, "rating/"), {"comment": "So so.", "suggestions": "- Shorter\n\n- In French\n"}
    )
    feedback = Feedback.objects.get()
    assert (feedback.rating, feedback.is_helpful, feedback.comment) == (4, False, "So so.")
    assert feedback.suggestions == ["Shorter", "In French"]


def test_each_person_has_their_own_rating(
    client_of: ClientOf, user: User, team_mate: User, done: OptimizationSession
) -> None:
    for person, rating in ((user, "2"), (team_mate, "5")):
        client_of(person).post(address(done, "rating/"), {"rating": rating})
    assert set(Feedback.objects.values_list("rating", flat=True)) == {2, 5}


def test_rating_by_htmx_answers_with_the_form(user_client: Client, done: OptimizationSession) -> None:
    page = user_client.post(address(done, "rating/"), {"rating": "4"}, headers=HTMX).content.decode()
    assert page.lstrip().startswith('<form id="rating"')
    assert "Saved" in page


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
@pytest.mark.parametrize(
    ("field", "value"),
    [("rating", "6"), ("rating", "x"), ("comment", "x" * 10_001), ("suggestions", "x\n" * 21)],
)
def test_a_bad_rating_is_refused_and_nothing_is_lost(
    user_client: Client, done: OptimizationSession, field: str, value: str, headers: dict[str, str]
) -> None:
    response = user_client.post(
        address(done, "rating/"), {"comment": "Typed.", field: value}, headers=headers
    )
    assert response.status_code == 422
    assert field in response.context["form"].errors
    assert not Feedback.objects.exists()


def test_a_refused_rating_shows_what_was_said_before_too(
    user_client: Client, user: User, done: OptimizationSession
) -> None:
    given = factories.make_feedback(done, user, comment="Just right.", rating=4)
    sent = {"suggestions": "\n".join(f"Change {number}" for number in range(21))}
    refused = user_client.post(address(done, "rating/"), sent, headers=HTMX).content.decode()
    assert "Just right.</textarea>" in refused
    user_client.post(address(done, "rating/"), {"suggestions": "Change 1"})
    given.refresh_from_db()
    assert (given.comment, given.rating, given.suggestions) == ("Just right.", 4, ["Change 1"])


def test_a_rating_promises_to_be_learned_from_only_where_it_is(
    user_client: Client, user: User, done: OptimizationSession
) -> None:
    def said() -> str:
        return user_client.post(address(done, "rating/"), {"rating": "4"}, headers=HTMX).content.decode()

    assert "Later optimizations learn from it." in said()
    Preference.objects.filter(user=user).update(learn_from_feedback=False)
    assert "Saved." in said()
    assert "Later optimizations learn from it." not in said()


def test_one_that_waits_for_ollama_says_what_to_do(user_client: Client, running: OptimizationSession) -> None:
    assert "Start the server" not in page_of(user_client, running)
    waiting = {"for": "Ollama at http://a:1 says: no <b>room</b>", "since": timezone.now().isoformat()}
    OptimizationSession.objects.update(stage=WAITING, waiting=waiting)
    page = page_of(user_client, running)
    assert "Ollama at http://a:1 says: no &lt;b&gt;room&lt;/b&gt;" in page
    assert "Start the server" in page


def test_a_running_one_cannot_be_rated_yet(user_client: Client, running: OptimizationSession) -> None:
    response = user_client.post(address(running, "rating/"), {"rating": "5"}, headers=HTMX)
    assert response.status_code == 422
    assert "Wait for the optimization to end" in response.content.decode()
    assert not Feedback.objects.exists()
