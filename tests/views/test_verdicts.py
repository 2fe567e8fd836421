"""One verdict on the page of a result, in History and beside the bars; what a person may do about it."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from optimizer.models import OptimizationSession, Role, User, Workspace
from optimizer.views.charts import chart_of
from tests import factories
from tests.conftest import ClientOf
from tests.views.test_sessions import HTMX, address, page_of

ORIGINAL, FOUND = "What does this customer think?", "Say positive or negative."


def comparison(better: int, worse: int, same: int, **changes: Any) -> dict[str, Any]:
    """As the engine keeps it."""
    rows = better + worse + same
    baseline, best = worse / rows, better / rows
    found = {
        "rows": rows, "better": better, "worse": worse, "same": same, "baseline": baseline, "best": best,
        "difference": best - baseline, "low": best - baseline - 0.1, "high": best - baseline + 0.1, "p_value": 0.04,
    }  # fmt: skip
    return found | changes


def ended(
    workspace: Workspace, verdict: str, measured: dict[str, Any] | None, **fields: Any
) -> OptimizationSession:
    """With an original and a best found, and the answers of both to one held-out row."""
    results = {"comparison": measured, "winner": 5, "ahead": fields.pop("ahead", False), "caveats": []}
    scores = {"baseline_score": measured["baseline"], "best_score": measured["best"]} if measured else {}
    defaults = {
        "status": "completed", "kept_original": True, "score_kind": "accuracy", "verdict": verdict,
        "finish_reason": "All iterations are done.", "dataset": factories.make_dataset(workspace),
    }  # fmt: skip
    session = factories.make_session(workspace, **defaults | scores | {"results": results} | fields)
    original = factories.make_candidate(session, number=0, text=ORIGINAL, score=0.4, scored_items=24)
    found = factories.make_candidate(
        session, number=5, text=FOUND, score=0.88, scored_items=24, is_best=True, operator="mutate"
    )
    if measured:
        factories.make_evaluation(original, output="They seem fine.", score=0.0)
        factories.make_evaluation(found, output="positive", score=1.0)
    return session


def copied(page: str) -> str:
    return str(re.findall(r'data-copy="([^"]*)"', page)[0])


def words_of(page: str) -> str:
    """What a reader sees, in one line."""
    return " ".join(re.sub(r"<[^>]+>", " ", page).split())


def test_a_proven_gain_is_crowned(user_client: Client, workspace: Workspace) -> None:
    session = ended(workspace, "better", comparison(20, 4, 8), kept_original=False)
    page = page_of(user_client, session)
    words = words_of(page)
    for part in (
        "Better 20 of 32 rows better, 4 worse.",
        "+50 points on 32 rows that the search never saw (95 % interval +40 to +60): 20 better, 4 worse, 8 the same.",
        "Original 13 %",
        "Best 63 %",
    ):
        assert part in words
    assert copied(page) == FOUND
    assert "Use it" not in words


def test_ahead_without_proof_offers_two_equal_buttons(user_client: Client, workspace: Workspace) -> None:
    measured = comparison(4, 0, 2)
    session = ended(workspace, "too_few_rows", measured, kept_original=False, ahead=True)
    page = page_of(user_client, session)
    words = words_of(page)
    assert "Too few rows Ahead on 4 of 6 rows, not proven." in words
    assert "interval" not in words
    assert "30 or more in all" in words
    buttons = re.findall(r'form="choice-form" [^>]*name="choice" value="(\w+)" aria-pressed="(\w+)"', page)
    assert buttons == [("best", "false"), ("original", "false")]
    assert (
        page.count(f'hx-post="{address(session, "choose/")}"') == 2
    )  # its own, which sends the button's value
    assert copied(page) == FOUND


def test_the_loser_is_shown_with_its_score_its_text_and_its_answers(
    user_client: Client, workspace: Workspace
) -> None:
    measured = comparison(12, 29, 59, baseline=0.78, best=0.66, difference=-0.12, low=-0.2, high=-0.04)
    session = ended(workspace, "worse", measured)
    page = page_of(user_client, session)
    words = words_of(page)
    for part in (
        "Worse Kept the original: with the best found, 12 of 100 rows got better and 29 worse.",
        "−12 points on 100 rows",
        "Original 78 %",
        "Best found 66 %",
        "Best found, not used",
        "Best found answered",
        "They seem fine.",
    ):
        assert part in words
    assert "no candidate was ahead" not in words
    assert "What changed" not in words
    assert copied(page) == ORIGINAL
    assert "<ins>" in page


def test_where_nothing_led_the_original_alone_is_shown(user_client: Client, workspace: Workspace) -> None:
    measured = comparison(0, 0, 16, baseline=0.5, best=0.5)
    session = ended(workspace, "not_proven", measured)
    session.results["winner"] = 0
    session.save()
    session.candidates.filter(number=5).update(is_best=False)
    session.candidates.filter(number=0).update(is_best=True)
    words = words_of(page_of(user_client, session))
    assert "Not proven Kept the original: no candidate was ahead of it on search rows." in words
    assert "The original was measured on 16 rows that the search never saw." in words
    assert "Best found" not in words
    assert "points" not in words


def test_one_number_is_rounded_once(user_client: Client, workspace: Workspace) -> None:
    measured = comparison(1, 0, 7, baseline=0.0, best=0.125, difference=0.125)
    session = ended(
        workspace, "too_few_rows", measured, kept_original=False, ahead=True, quality_score=12.5
    )  # fmt: skip
    words = words_of(page_of(user_client, session))
    assert "13 of 100" in words
    assert "Best 13 %" in words
    assert "+13 points" in words
    assert not any(f"12{unit}" in words for unit in (" %", " points", " of 100", ".5"))


def test_a_stopped_one_shows_its_best_with_its_score(user_client: Client, workspace: Workspace) -> None:
    session = ended(workspace, "", None, status="cancelled", kept_original=False)
    page = page_of(user_client, session)
    words = words_of(page)
    assert "on search rows; not compared on held-out rows" in words
    assert "Original 40 % of 24" in words
    assert "Best so far 88 % of 24" in words
    assert 'form="compare-form">Compare now' in page
    assert copied(page) == FOUND


def test_its_comparison_is_asked_for_on_the_page(user_client: Client, workspace: Workspace) -> None:
    session = ended(workspace, "", None, status="cancelled", kept_original=False)
    page = user_client.post(address(session, "compare/"), headers=HTMX).content.decode()
    session.refresh_from_db()
    assert (session.status, session.comparing) == ("pending", True)
    assert "Queued" in page
    OptimizationSession.objects.update(status="processing")
    assert "Comparing" in page_of(user_client, session)


def test_a_comparison_that_has_to_wait_says_for_what(user_client: Client, workspace: Workspace) -> None:
    session = ended(workspace, "", None, status="cancelled", kept_original=False)
    factories.make_session(workspace, prompt=session.prompt)
    response = user_client.post(address(session, "compare/"))
    assert response.status_code == 409
    assert "Another optimization of this prompt is running" in response.content.decode()


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
def test_choosing_changes_what_is_copied_and_what_history_says(
    user_client: Client, workspace: Workspace, headers: dict[str, str]
) -> None:
    session = ended(workspace, "not_proven", comparison(4, 1, 12), kept_original=False, ahead=True)
    assert "Not proven 6 % → 24 %" in words_of(user_client.get("/history/").content.decode())
    response = user_client.post(address(session, "choose/"), {"choice": "original"}, headers=headers)
    assert response.status_code == (200 if headers else 302)
    page = page_of(user_client, session)
    assert copied(page) == ORIGINAL
    assert 'value="original" aria-pressed="true"' in page
    assert "Ahead on 4 of 17 rows, behind on 1, not proven: you chose to keep the original." in words_of(page)
    assert "Not proven original kept" in words_of(user_client.get("/history/").content.decode())


@pytest.mark.parametrize("choice", ["", "neither"])
def test_another_choice_is_refused(user_client: Client, workspace: Workspace, choice: str) -> None:
    session = ended(workspace, "not_proven", comparison(4, 1, 12), kept_original=False, ahead=True)
    assert user_client.post(address(session, "choose/"), {"choice": choice}).status_code == 400


@pytest.mark.parametrize("end", ["compare/", "choose/"])
def test_who_may_not_write_may_do_neither(
    client_of: ClientOf, workspace: Workspace, outsider: User, client: Client, end: str
) -> None:
    session = ended(workspace, "not_proven", comparison(4, 1, 12), kept_original=False, ahead=True)
    sent = {"choice": "original"}
    assert client.post(address(session, end), sent).headers["Location"].startswith("/accounts/login/")
    assert client_of(outsider).post(address(session, end), sent).status_code == 404
    factories.join(workspace, outsider, Role.VIEWER)
    assert client_of(outsider).post(address(session, end), sent).status_code == 403
    assert client_of(outsider).get(address(session, end)).status_code == 405


@pytest.mark.parametrize(
    ("verdict", "kept", "said"),
    [
        ("better", False, "Better 6 % → 24 %"),
        ("not_proven", False, "Not proven 6 % → 24 %"),
        ("not_proven", True, "Not proven original kept"),
        ("worse", True, "Worse original kept"),
        ("too_few_rows", True, "Too few rows original kept"),
    ],
)
def test_history_tells_the_verdict(
    user_client: Client, workspace: Workspace, verdict: str, kept: bool, said: str
) -> None:
    ended(workspace, verdict, comparison(4, 1, 12), kept_original=kept)
    assert said in words_of(user_client.get("/history/").content.decode())


def test_history_never_tells_two_scores_alone(user_client: Client, workspace: Workspace) -> None:
    ended(workspace, "", None, status="cancelled", kept_original=False)
    ended(workspace, "", None, baseline_score=0.5, best_score=0.75, kept_original=False)
    words = words_of(user_client.get("/history/").content.decode())
    assert "Not compared" in words
    assert "→" not in words


def test_the_chart_the_tag_and_the_headline_name_one_best(workspace: Workspace) -> None:
    session = ended(workspace, "better", comparison(20, 4, 8), kept_original=False)
    factories.make_candidate(session, number=7, text="On few rows.", score=1.0, scored_items=8)
    chart = chart_of(session.candidates.all())
    assert chart is not None
    assert [dot.number for dot in chart.dots if dot.best] == [5]
    assert chart.best == 0.88


def test_the_setting_is_kept_shown_and_run_again(
    user_client: Client, user: User, workspace: Workspace
) -> None:
    sent = {"prompt": "What is it?", "only_proven": "on", "preset": "quick"}
    user_client.post("/", sent)
    session = OptimizationSession.objects.get()
    assert session.only_proven is True
    assert "unless something is proven better Yes" in words_of(page_of(user_client, session, "settings"))
    assert re.search(
        r'name="only_proven"[^>]* checked', user_client.get(f"/?from={session.pk}").content.decode()
    )
