"""A worker killed in the middle of a real run on the embedded model: another one continues, nothing is lost."""

from __future__ import annotations

import pytest

from optimizer import tasks
from optimizer.forms.optimization import OptimizationForm
from optimizer.models import LLMCall, OptimizationSession, SessionStatus, User
from optimizer.sample import sample_form_data
from optimizer.services.optimizations import start_optimization
from tests import factories
from tests.processes import wait_for, worker


@pytest.fixture
def person(transactional_db: None) -> User:
    """Rows that other processes see."""
    return factories.make_user()


def a_small_run(person: User) -> OptimizationSession:
    rows = "\n".join(sample_form_data()["rows"].splitlines()[:10])
    data = sample_form_data() | {"rows": rows, "iterations": "1", "rounds": "1"}
    form = OptimizationForm(data, user=person)
    assert form.is_valid(), form.errors
    return start_optimization(by=person, workspace=person.personal_workspace, choices=form.choices())


def test_another_worker_goes_on_and_pays_for_nothing_again(person: User) -> None:
    session = a_small_run(person)
    calls = LLMCall.objects.filter(session=session)
    with worker() as first:
        wait_for(lambda: calls.count() >= 12, 120)
        first.kill()
        first.wait()
    before = dict(calls.values_list("key", "pk"))
    assert OptimizationSession.objects.get().status == SessionStatus.PROCESSING

    def done() -> bool:
        tasks.sweep()
        return not OptimizationSession.objects.get().is_active

    with worker():
        wait_for(done, 240)
    session.refresh_from_db()
    assert session.status == SessionStatus.COMPLETED, session.error_message
    after = dict(calls.values_list("key", "pk"))
    assert before.items() <= after.items()
    assert len(after) > len(before)
    assert session.calls == len(after)
