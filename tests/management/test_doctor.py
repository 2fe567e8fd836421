"""What the doctor says about each part, with the way to put it right."""

from __future__ import annotations

import pytest

from optimizer.llm.address import read_address
from promptevolver.management.commands import doctor
from tests.embedded.test_up import free_port
from tests.llm.server import FakeOllama, Served, serving


def test_a_database_that_is_too_old_is_told(monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    assert ", embedded" in doctor.database()
    monkeypatch.setattr(doctor, "OLDEST_POSTGRESQL", 99)
    with pytest.raises(doctor.TroubleError, match=r"is too old\. Fix: use PostgreSQL 99 or newer"):
        doctor.database()


def test_the_least_version_is_the_one_that_django_takes(db: None) -> None:
    from django.db import connection

    assert connection.features.minimum_database_version == (doctor.OLDEST_POSTGRESQL,)


@pytest.mark.parametrize("public", ["https://prompts.example.org", ""])
def test_a_missing_web_server_is_told_with_the_address_that_people_use(
    public: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = str(free_port())
    monkeypatch.setenv("PORT", port)
    monkeypatch.setattr(doctor, "public_url", lambda: public)
    monkeypatch.setattr(doctor, "healthy", lambda address: False)
    with pytest.raises(doctor.TroubleError) as told:
        doctor.web()
    assert f"no healthy answer at {public or f'http://127.0.0.1:{port}'}/healthz" in str(told.value)
    assert ("127.0.0.1" in str(told.value)) != bool(public)


def test_a_site_that_answers_here_alone_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "public_url", lambda: "https://prompts.example.org")
    monkeypatch.setattr(doctor, "healthy", lambda address: "127.0.0.1" in address)
    assert doctor.web().endswith("; this machine cannot reach it at https://prompts.example.org")


def test_the_doctor_says_which_models_run_elsewhere_or_cannot_answer() -> None:
    listed = {"remote_host": "https://ollama.com:443"}
    bare = Served("bare:1b", template="{{ .Prompt }}")
    models = [Served("a:1b"), Served("cloud:120b", listed=listed), Served("embed:1b", ("embedding",)), bare]
    with serving(FakeOllama(models)) as fake:
        told = doctor.ollama(read_address(fake.address))
    assert "a:1b, cloud:120b, embed:1b, bare:1b. cloud:120b runs at ollama.com. embed:1b only makes" in told
    assert "The chat template of bare:1b drops system messages and does not mark chat turns" in told


def test_a_server_with_embeddings_alone_is_told_with_what_to_do() -> None:
    with (
        serving(FakeOllama([Served("embed:1b", ("embedding",))])) as fake,
        pytest.raises(doctor.TroubleError, match=r"only embedding models \(embed:1b\)\. Fix: ollama pull"),
    ):
        doctor.ollama(read_address(fake.address))
