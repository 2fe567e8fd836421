"""A result whose answer is constrained: people and programs are told what to send."""

from __future__ import annotations

import json

from django.test import Client
from django.urls import reverse

from optimizer.briefing import components_of, program_for
from optimizer.engine import Item
from optimizer.management.telling import result_lines, summary
from optimizer.models import OptimizationSession, User, Workspace
from optimizer.worker import loop
from tests import factories
from tests.engine.test_constraint import OF_JSON, OF_LABELS, helped
from tests.worker.test_comparing import use_host
from tests.worker.test_work import UseHost, claimed

__all__ = ["use_host"]


def optimized(
    workspace: Workspace, user: User, items: tuple[Item, ...], **settings: object
) -> OptimizationSession:
    """An optimization of these rows, which a worker has finished."""
    dataset = factories.keep_rows(workspace, user, [(item.input, item.expected) for item in items])
    session = factories.make_session(workspace, dataset=dataset, **settings)
    loop.work(claimed(session))
    session.refresh_from_db()
    assert session.status == "completed"
    return session


def page_of(session: OptimizationSession, user: User, client: Client) -> str:
    client.force_login(user)
    return " ".join(client.get(reverse("session-detail", args=[session.pk])).content.decode().split())


def test_labels_are_sent_as_a_format(
    workspace: Workspace, user: User, client: Client, use_host: UseHost
) -> None:
    use_host(helped(OF_LABELS))
    session = optimized(workspace, user, OF_LABELS, grader="exact", reasoning="never")
    best = session.candidates.get(is_best=True)
    listed = {"type": "string", "enum": ["non-toxic", "toxic", "very toxic"]}
    assert best.format == components_of(best.components).format == listed
    page = page_of(session, user, client)
    assert "The answer is constrained to one of 3 labels: send the constraint as <code>format</code>." in page
    assert "Copy format" in page
    assert "Usable outputs" not in page
    told = summary(session)
    assert told["format"] == told["finalists"][0]["format"] == listed
    assert told["finalists"][0]["usable_outputs"] is None
    assert any("constrained to one of 3 labels" in line for line in result_lines(session))
    assert f"FORMAT = {listed!r}" in program_for(session)


def test_a_schema_keeps_the_order_of_its_keys_and_makes_outputs_usable(
    workspace: Workspace, user: User, client: Client, use_host: UseHost
) -> None:
    use_host(helped(OF_JSON))
    session = optimized(workspace, user, OF_JSON, grader="json", reasoning="never")
    told = json.loads(json.dumps(summary(session)))
    (finalist,) = told["finalists"]
    assert list(finalist["format"]["properties"]) == ["number", "kind", "name"]
    assert finalist["usable_outputs"] == told["comparison"]["usable_best"] == 1
    assert "Usable outputs: 0 % with the original, 100 % with the best found." in list(result_lines(session))
    page = page_of(session, user, client)
    assert "constrained to a JSON schema" in page
    assert "<strong>0 %</strong> with the original, <strong>100 %</strong> with the best." in page


def test_after_reasoning_people_are_told_of_the_second_call(
    workspace: Workspace, user: User, client: Client, use_host: UseHost
) -> None:
    use_host(helped(OF_JSON, reasons=True))
    session = optimized(workspace, user, OF_JSON, grader="json")
    assert session.candidates.get(is_best=True).in_two_calls
    page = page_of(session, user, client)
    assert "Its answer takes a second call" in page
    assert '<td data-head="Usable outputs">100 %</td>' in page
    assert any("Its answer takes a second call" in line for line in result_lines(session))
