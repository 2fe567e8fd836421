"""Other models run a search's finalists: what is kept and told, and what a stop or a dead worker leaves."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from optimizer import cautions, tasks
from optimizer.engine.across import ENDED, STAGE
from optimizer.engine.events import Event, Finished, Stage
from optimizer.llm.base import CallFailedError, Request
from optimizer.llm.facts import ModelFacts
from optimizer.management.telling import result_lines, summary
from optimizer.models import Evaluation, LLMCall, OptimizationSession, SessionStatus
from optimizer.services.optimizations import stop_optimization
from optimizer.services.results import choose_finalist
from optimizer.worker import loop
from tests.engine.world import last_input, world
from tests.worker.test_comparing import use_host
from tests.worker.test_work import Killed, UseHost, claimed, let_lease_lapse

__all__ = ["use_host"]

GONE = "Ollama has no model gone."


def several(request: Request) -> str:
    """`gone` is not there, and `weak` knows only even numbers."""
    if request.model == "gone":
        raise CallFailedError("unknown_model", GONE)
    if request.model == "weak" and request.purpose == "answer":
        return "even" if int(last_input(request)[4:]) % 2 == 0 else "nothing"
    return str(world(request))


@pytest.fixture
def asked(session: OptimizationSession) -> OptimizationSession:
    """Pending, with two other models."""
    session.other_models = ["weak", "gone"]
    session.save()
    return session


@pytest.fixture
def finished(asked: OptimizationSession, use_host: UseHost) -> OptimizationSession:
    use_host(several)
    tasks.optimize(asked.pk)
    asked.refresh_from_db()
    assert asked.status == SessionStatus.COMPLETED, asked.error_message
    return asked


def page_of(session: OptimizationSession, client: Client) -> str:
    assert session.created_by is None
    client.force_login(session.workspace.personal_of)  # type: ignore[arg-type]
    return client.get(reverse("session-detail", args=[session.pk])).content.decode()


def test_the_table_is_kept_shown_and_told(finished: OptimizationSession, client: Client) -> None:
    table = finished.model_table
    assert table is not None
    target, weak, gone = table.rows
    assert (target.model, target.is_target, weak.model, gone.model) == ("scripted", True, "weak", "gone")
    assert [cell.title for cell in weak.cells] == list(table.titles)
    assert table.titles[0] == "Original"
    assert (gone.missing, gone.cells) == (GONE, ())
    assert any(cell.is_best for cell in weak.cells)
    assert table.best in table.titles
    page = page_of(finished, client)
    assert "With other models" in page
    assert f"Not measured. {GONE}" in page
    assert '<span class="small muted">target model</span>' in page
    lines = list(result_lines(finished))
    assert f"With gone: not measured. {GONE}" in lines
    assert any(line.startswith("With weak: Original ") for line in lines)
    told = json.loads(json.dumps(summary(finished)))["other_models"]
    assert [one["model"] for one in told["models"]] == ["scripted", "weak", "gone"]
    assert told["models"][1]["prompts"][0]["number"] == 0


def test_the_target_models_answers_stay(finished: OptimizationSession) -> None:
    outputs = set(Evaluation.objects.filter(candidate__session=finished).values_list("output", flat=True))
    assert "nothing" not in outputs
    assert LLMCall.objects.filter(session=finished, model="weak", response="nothing").exists()
    assert finished.calls == LLMCall.objects.filter(session=finished).count()


def test_another_finalist_keeps_the_table(finished: OptimizationSession) -> None:
    before = finished.model_table
    choose_finalist(
        session=finished,
        by=finished.workspace.personal_of,  # type: ignore[arg-type]
        number=finished.finalists[-1].number,
    )
    assert finished.model_table == before


def test_without_other_models_there_is_no_table(
    session: OptimizationSession, use_host: UseHost, client: Client
) -> None:
    use_host(several)
    tasks.optimize(session.pk)
    session.refresh_from_db()
    assert session.model_table is None
    assert "With other models" not in page_of(session, client)
    assert summary(session)["other_models"] is None


def test_what_is_behind_each_name_is_kept_and_a_remote_one_is_said_to_be(
    asked: OptimizationSession, use_host: UseHost
) -> None:
    host = use_host(several)
    host.facts = [ModelFacts("scripted", "1"), ModelFacts("weak", "2", remote="cloud.example")]
    tasks.optimize(asked.pk)
    asked.refresh_from_db()
    assert asked.digests == {"scripted": "1", "weak": "2", "gone": ""}
    assert any("cloud.example" in line for line in cautions.of(asked))


def others_asked(count: int) -> Callable[[Event], None]:
    """Dies so many events after the result was told."""
    began: list[Event] = []

    def watch(event: Event) -> None:
        if isinstance(event, Finished) or began:
            began.append(event)
        if len(began) > count:
            raise Killed

    return watch


@pytest.mark.parametrize("count", [0, 3, 9])
def test_a_worker_that_dies_meanwhile_leaves_the_rest_to_another(
    asked: OptimizationSession, use_host: UseHost, count: int
) -> None:
    host = use_host(several)
    with pytest.raises(Killed):
        loop.work(claimed(asked), others_asked(count))
    before = len(host.requests)
    let_lease_lapse(asked)
    loop.work(claimed(asked))
    asked.refresh_from_db()
    assert asked.status == SessionStatus.COMPLETED
    assert asked.model_table is not None
    assert asked.model_table.rows[1].cells
    again = host.requests[before:]
    assert {request.model for request in again} <= {"weak", "gone"}
    paid = [request.key for request in host.requests if request.model == "weak"]
    kept = LLMCall.objects.filter(session=asked, model="weak")
    assert set(paid) == set(kept.values_list("key", flat=True))
    assert len(paid) <= kept.count() + host.slots  # only what was in flight is asked twice


def test_a_stop_meanwhile_keeps_the_result_and_its_verdict(
    asked: OptimizationSession, use_host: UseHost
) -> None:
    use_host(several)

    def stop(event: Event) -> None:
        if isinstance(event, Stage) and event.name == STAGE:
            stop_optimization(session=asked, by=asked.workspace.personal_of)  # type: ignore[arg-type]

    loop.work(claimed(asked), stop)
    asked.refresh_from_db()
    assert asked.status == SessionStatus.COMPLETED
    assert asked.verdict
    assert asked.prompt.optimized
    assert asked.model_table is not None
    assert asked.model_table.rows[-1].missing in {ENDED, GONE}


def test_a_failure_meanwhile_keeps_the_result(asked: OptimizationSession, use_host: UseHost) -> None:
    use_host(several)

    def fail(event: Event) -> None:
        if isinstance(event, Stage) and event.name == STAGE:
            raise RuntimeError("of our own")

    loop.work(claimed(asked), fail)
    asked.refresh_from_db()
    assert asked.status == SessionStatus.COMPLETED
    assert asked.verdict
