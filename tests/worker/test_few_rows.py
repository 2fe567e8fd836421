"""Few rows are compared by more searches, which a worker runs like the rest: told, stopped, killed and continued."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse

from optimizer import tasks
from optimizer.engine.events import Event, Leading, Stage
from optimizer.management.telling import result_lines, summary
from optimizer.models import Evaluation, LLMCall, OptimizationSession, User, Workspace
from optimizer.services import estimates
from optimizer.services.estimates import forecast_comparison
from optimizer.services.optimizations import stop_optimization
from optimizer.services.results import compare_stopped
from optimizer.worker import loop
from tests import factories
from tests.engine.test_verdicts import ENDINGS
from tests.engine.world import ITEMS, PROMPT
from tests.worker.test_comparing import use_host
from tests.worker.test_work import Killed, UseHost, claimed, let_lease_lapse

__all__ = ["use_host"]

NOTE = "The interval is for this way of searching, tested on each quarter of the rows"


@pytest.fixture
def few(workspace: Workspace, user: User, use_host: UseHost) -> OptimizationSession:
    """An optimization of 16 rows, not begun."""
    use_host(ENDINGS["better"].script)
    rows = [(item.input, item.expected) for item in ITEMS[:16]]
    dataset = factories.keep_rows(workspace, user, rows)
    prompt = factories.make_prompt(workspace, original=PROMPT)
    return factories.make_session(workspace, prompt=prompt, dataset=dataset)


def in_quarter(number: int, act: Callable[[], None]) -> Callable[[Event], None]:
    """Act once that quarter is being searched."""

    def watch(event: Event) -> None:
        if isinstance(event, Stage) and event.name.startswith(f"Quarter {number}"):
            act()

    return watch


def work(session: OptimizationSession, watch: Callable[[Event], None] = lambda event: None) -> None:
    loop.work(claimed(session), watch)
    session.refresh_from_db()


def test_the_result_says_what_its_interval_is_for(
    few: OptimizationSession, client: Client, user: User
) -> None:
    work(few)
    assert (few.status, few.verdict, few.results["folds"]) == ("completed", "better", 4)
    assert few.results["comparison"]["rows"] == 16
    assert any(line.startswith(NOTE) for line in result_lines(few))
    assert summary(few)["interval_note"].startswith(NOTE)
    client.force_login(user)
    page = client.get(reverse("session-detail", args=[few.pk])).content.decode()
    assert NOTE in page
    assert "Every row" in page
    answered = Evaluation.objects.filter(candidate__session=few, split="held-out")
    assert answered.count() == 32
    log = list(few.events.values_list("data__text", flat=True))
    assert [line.split(":")[0] for line in log[-4:]] == [f"Quarter {number} of 4" for number in range(1, 5)]


def test_the_page_says_that_a_quarter_is_being_tried(
    few: OptimizationSession, client: Client, user: User
) -> None:
    def killed() -> None:
        raise Killed

    with pytest.raises(Killed):
        loop.work(claimed(few), in_quarter(2, killed))
    OptimizationSession.objects.filter(pk=few.pk).update(stage="Quarter 2 of 4: scoring")
    client.force_login(user)
    page = client.get(reverse("session-detail", args=[few.pk])).content.decode()
    assert "Quarter 2 of 4: scoring" in page
    assert "The search on all rows is over" in page


def test_stopped_in_a_quarter_the_best_stays_and_can_be_compared(
    few: OptimizationSession, user: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    work(few, in_quarter(2, lambda: stop_optimization(session=few, by=user)))
    assert (few.status, few.verdict, few.comparable) == ("cancelled", "", True)
    assert "was not compared" in few.finish_reason
    assert few.prompt.__class__.objects.get(pk=few.prompt_id).optimized
    client.force_login(user)
    page = client.get(reverse("session-detail", args=[few.pk])).content.decode()
    cache.clear()
    assert "The same search runs again without each quarter of the rows" in page
    with monkeypatch.context() as patched:
        patched.setattr(estimates, "LONGEST", 0.01)
        assert forecast_comparison(few) is None
    assert forecast_comparison(few) is None  # it is not tried again at each look
    cache.clear()
    assert forecast_comparison(few)
    compare_stopped(session=few, by=user)
    tasks.optimize(few.pk)
    few.refresh_from_db()
    assert (few.status, few.verdict, few.results["folds"]) == ("cancelled", "better", 4)
    assert few.results["comparison"]["rows"] == 16


def test_a_worker_that_dies_in_a_quarter_is_followed_by_another(
    few: OptimizationSession, workspace: Workspace
) -> None:
    def killed() -> None:
        raise Killed

    with pytest.raises(Killed):
        loop.work(claimed(few), in_quarter(3, killed))
    before = set(LLMCall.objects.filter(session=few).values_list("key", flat=True))
    let_lease_lapse(few)
    work(few)
    assert few.status == "completed"
    keys = list(LLMCall.objects.filter(session=few).values_list("key", flat=True))
    assert before < set(keys)
    assert few.calls == len(keys)
    whole = factories.make_session(
        workspace, dataset=few.dataset, prompt=factories.make_prompt(workspace, original=PROMPT)
    )
    work(whole)
    assert set(keys) == set(LLMCall.objects.filter(session=whole).values_list("key", flat=True))
    lines = [line.data["text"] for line in few.events.all()]
    assert lines == [line.data["text"] for line in whole.events.all()]


def test_one_that_an_earlier_version_stopped_is_compared_on_what_that_held_out(
    few: OptimizationSession, user: User
) -> None:
    """Few rows were held out from the one search, as they still are with so few calls."""
    OptimizationSession.objects.filter(pk=few.pk).update(max_calls=499)

    def stop_once_one_leads(event: Event) -> None:
        if isinstance(event, Leading) and event.number:
            stop_optimization(session=few, by=user)

    work(few, stop_once_one_leads)
    assert (few.comparable, few.cross_fitted) == (True, False)
    OptimizationSession.objects.filter(pk=few.pk).update(max_calls=None, cross_fitted=None)
    compare_stopped(session=few, by=user)
    tasks.optimize(few.pk)
    few.refresh_from_db()
    assert (few.results["folds"], few.results["comparison"]["rows"]) == (0, 6)


def test_a_stopped_one_is_shown_even_if_its_rows_cannot_be_read_any_more(
    few: OptimizationSession, user: User, client: Client
) -> None:
    work(few, in_quarter(2, lambda: stop_optimization(session=few, by=user)))
    few.prompt.__class__.objects.filter(pk=few.prompt_id).update(original="Is {{this}} {{that}}?")
    client.force_login(user)
    assert client.get(reverse("session-detail", args=[few.pk])).status_code == 200
