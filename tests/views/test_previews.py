"""What a filled form would do: its estimate, and its grader on one row."""

from __future__ import annotations

import re
from collections.abc import Iterator
from uuid import uuid4

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from optimizer import installed, speeds
from optimizer.engine.speed import Speed
from optimizer.llm.facts import ModelFacts
from optimizer.models import OptimizationSession, User, Workspace
from optimizer.services import estimates
from tests import factories

ESTIMATE, GRADE = "/optimizations/estimate/", "/optimizations/grade/"
SAMPLE = "/optimizations/sample-time/"
ROWS = "input,expected,weight\na,b,1\nc,d,1\ne,f,3\ng,h,1\n"
HTMX = {"HX-Request": "true"}
EITHER = pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])


@pytest.fixture(autouse=True)
def model() -> Iterator[str]:
    """The only one, never measured."""
    name = f"model-{uuid4()}"
    installed.keep([ModelFacts(name)])
    yield name
    installed.keep([])


@pytest.fixture(autouse=True)
def sent(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """The arguments of tasks that were sent."""
    args: list[list[str]] = []
    monkeypatch.setattr(
        "optimizer.services.estimates.current_app.send_task", lambda name, **kw: args.append(kw["args"])
    )
    return args


@pytest.mark.parametrize("address", [ESTIMATE, GRADE])
def test_an_anonymous_visitor_signs_in_first(client: Client, db: None, address: str) -> None:
    assert client.post(address).headers["Location"].startswith("/accounts/login/")


@pytest.mark.parametrize("address", [ESTIMATE, GRADE])
def test_other_methods_are_refused(user_client: Client, address: str) -> None:
    assert user_client.get(address).status_code == 405


@EITHER
@pytest.mark.parametrize("address", [ESTIMATE, GRADE])
def test_an_outsiders_rows_cannot_be_used(
    user_client: Client, outsider: User, address: str, headers: dict[str, str]
) -> None:
    dataset = factories.make_dataset(outsider.personal_workspace)
    response = user_client.post(address, {"prompt": "Hi", "dataset": dataset.pk}, headers=headers)
    assert response.status_code == (200 if headers and address == ESTIMATE else 422)
    assert not response.context.get("estimate")
    assert "Reviews" not in response.content.decode()


# The estimate


@EITHER
def test_calls_and_tokens_are_told(user_client: Client, headers: dict[str, str]) -> None:
    response = user_client.post(ESTIMATE, {"prompt": "Say hello.", "rows": ROWS}, headers=headers)
    page = response.content.decode()
    assert response.status_code == 200
    assert re.search(r"[\d,]+ to [\d,]+ calls, [\d,]+ to [\d,]+ tokens", page)
    assert " calls, " in page
    assert ("<html" in page) != bool(headers)
    assert not OptimizationSession.objects.exists()


def test_the_fragment_is_the_estimate_alone(user_client: Client) -> None:
    page = user_client.post(ESTIMATE, {"prompt": "Hi"}, headers=HTMX).content.decode()
    assert page.lstrip().startswith('<div id="estimate"')


def test_what_was_typed_stays_on_the_page(user_client: Client) -> None:
    form = user_client.post(ESTIMATE, {"prompt": "Say hello.", "max_minutes": "3"}).context["form"]
    assert (form["prompt"].value(), form["max_minutes"].value()) == ("Say hello.", "3")


def test_an_unknown_speed_is_measured_once_and_asked_about_again(
    user_client: Client, model: str, sent: list[list[str]]
) -> None:
    pages = [user_client.post(ESTIMATE, {"prompt": "Hi"}, headers=HTMX).content.decode() for _ in range(2)]
    assert sent == [[model]]
    assert all("is being measured" in page and "every 2s" in page for page in pages)


def test_a_page_does_not_wait_for_ever_for_busy_workers(
    user_client: Client, model: str, sent: list[list[str]]
) -> None:
    for _ in range(speeds.TRIES + 1):
        page = user_client.post(ESTIMATE, {"prompt": "Hi"}, headers=HTMX).content.decode()
        cache.delete(speeds._key(model, "asked"))
    assert f"the workers are too busy to measure {model}. You can start anyway." in page
    assert "every 2s" not in page
    assert sent == [[model]] * speeds.TRIES


def test_a_known_speed_gives_minutes_and_is_not_asked_about_again(
    user_client: Client, model: str, sent: list[list[str]]
) -> None:
    speeds.keep(model, Speed(500, 40), calls=8)
    page = user_client.post(ESTIMATE, {"prompt": "Hi"}, headers=HTMX).content.decode()
    assert f"with {model} here, based on a short trial of 8 calls." in page
    assert "every 2s" not in page
    assert "load" not in page
    assert sent == []


@EITHER
@pytest.mark.parametrize(("field", "value"), [("prompt", ""), ("max_minutes", "-1"), ("rows", "nonsense")])
def test_a_form_that_cannot_start_has_none(
    user_client: Client, field: str, value: str, headers: dict[str, str]
) -> None:
    response = user_client.post(ESTIMATE, {"prompt": "Hi"} | {field: value}, headers=headers)
    assert response.status_code == (200 if headers else 422)
    assert "once the form has no errors" in response.content.decode()


def test_saved_rows_that_cannot_be_graded_are_named(user_client: Client, workspace: Workspace) -> None:
    dataset = factories.make_dataset(workspace)
    typed = {"prompt": "Hi", "dataset": dataset.pk, "grader": "numeric"}
    page = user_client.post(ESTIMATE, typed, headers=HTMX).content.decode()
    assert "there is no number in it" in page


def test_an_estimate_that_fails_says_nothing(
    user_client: Client, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(estimates, "estimate", lambda *_, **__: 1 / 0)
    response = user_client.post(ESTIMATE, {"prompt": "A prompt of its own."}, headers=HTMX)
    assert response.status_code == 200
    assert "cannot be estimated for this one" in response.content.decode()
    assert "ZeroDivisionError" in caplog.text


# The sample


def test_the_sample_tells_the_time_that_was_measured_here(user_client: Client, model: str) -> None:
    assert "minute" not in user_client.get(SAMPLE).content.decode()
    speeds.keep(model, Speed(500, 40), calls=8)
    page = user_client.get(SAMPLE).content.decode()
    assert re.search(
        rf"It takes [\d.]+ to \d+ (seconds|minutes) with {model} here, based on a short trial of 8 calls",
        page,
    )
    assert "hx-get" not in page


def test_the_page_asks_for_the_samples_time_and_makes_none_up(user_client: Client) -> None:
    page = user_client.get("/?blank=1").content.decode()
    assert f'hx-get="{SAMPLE}"' in page
    assert "a minute" not in page


def test_the_forms_own_time_is_not_said_to_be_the_samples(user_client: Client, model: str) -> None:
    speeds.keep(model, Speed(500, 40), calls=8)
    page = user_client.post(ESTIMATE, {"prompt": "Hi"}).content.decode()
    assert f"with {model} here" in page
    assert "It takes" not in page


def test_the_samples_time_is_for_those_who_are_signed_in(client: Client, db: None) -> None:
    assert client.get(SAMPLE).headers["Location"].startswith("/accounts/login/")


def test_the_samples_time_is_read_only(user_client: Client) -> None:
    assert user_client.post(SAMPLE).status_code == 405


# The grader


@EITHER
@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"try_output": "B."}, "✓ Right"),
        ({"try_output": "no"}, "✗ Wrong"),
        ({"try_row": "3", "try_output": "f"}, "It counts 3 times"),
        ({"grader": "contains", "try_output": "It is b, I think."}, "✓ Right"),
        ({"grader": "choice", "try_output": "d or b"}, "✗ Wrong"),
        ({"grader": "words", "try_output": "b"}, "✓ Right"),
        ({"try_output": ""}, "✗ Wrong"),
    ],
)
def test_an_answer_is_graded_against_a_row(
    user_client: Client, typed: dict[str, str], said: str, headers: dict[str, str]
) -> None:
    response = user_client.post(GRADE, {"rows": ROWS, **typed}, headers=headers)
    page = response.content.decode()
    assert response.status_code == 200
    assert said in page
    assert "The row expects “" in page
    assert ("<html" in page) != bool(headers)


@pytest.mark.parametrize(("tolerance", "said"), [("", "✗ Wrong"), ("0.5", "✓ Right")])
def test_the_graders_options_count(user_client: Client, tolerance: str, said: str) -> None:
    rows = (
        ROWS.replace("b", "2")
        .replace("d", "4")
        .replace("f", "6")
        .replace("h", "8")
        .replace("weig8t", "weight")
    )
    rows = rows.replace("expecte4", "expected")
    typed = {"rows": rows, "grader": "numeric", "tolerance": tolerance, "try_output": "about 2.4"}
    assert said in user_client.post(GRADE, typed, headers=HTMX).content.decode()


def test_a_saved_row_and_a_row_of_a_file_can_be_tried(user_client: Client, workspace: Workspace) -> None:
    dataset = factories.make_dataset(workspace)
    saved = user_client.post(GRADE, {"dataset": dataset.pk, "try_output": "positive"}, headers=HTMX)
    file = SimpleUploadedFile("rows.csv", ROWS.encode())
    sent = user_client.post(GRADE, {"rows_file": file, "prompt": "Hi", "try_output": "b"})
    assert all("✓ Right" in response.content.decode() for response in (saved, sent))


@EITHER
@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ({"rows": ""}, "There is no row to try it on."),
        ({"rows": "nonsense\nmore"}, "No column is called"),
        ({"try_row": "5"}, "There are 4 rows."),
        ({"try_row": "0"}, "greater than or equal to 1"),
        ({"grader": "rubric"}, "A model judges by the rubric"),
        ({"grader": "vibes"}, "vibes"),
        ({"grader": "numeric", "tolerance": "-1"}, "greater than or equal to 0"),
        ({"try_output": "x" * 10_001}, "10,001 characters"),
    ],
)
def test_what_cannot_be_tried_is_said(
    user_client: Client, typed: dict[str, str], said: str, headers: dict[str, str]
) -> None:
    response = user_client.post(GRADE, {"rows": ROWS, "try_output": "b"} | typed, headers=headers)
    assert response.status_code == 422
    assert said in response.content.decode()


@pytest.mark.parametrize(
    ("expected", "said"),
    [("positive", "Expecting value"), ('{"$schema": "", "pattern": "(a+)+$"}', "pattern is not supported")],
)
def test_saved_rows_are_checked_like_typed_ones(
    user_client: Client, workspace: Workspace, expected: str, said: str
) -> None:
    dataset = factories.make_dataset(workspace)
    dataset.examples.update(expected=expected)
    typed = {"prompt": "Hi", "dataset": dataset.pk, "grader": "json", "try_output": "1"}
    for address, form in ((GRADE, "trial"), ("/", "form")):
        response = user_client.post(address, typed)
        assert response.status_code == 422
        (error,) = response.context[form].errors["dataset"]
        assert error.startswith("Row 1: the json grader cannot use")
        assert said in error
    assert not OptimizationSession.objects.exists()


@EITHER
def test_a_grader_that_fails_is_told(
    user_client: Client,
    headers: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("optimizer.forms.examples.graded", lambda *_, **__: 1 / 0)
    response = user_client.post(GRADE, {"rows": ROWS, "try_output": "b"}, headers=headers)
    assert response.status_code == 422
    assert "The exact grader failed on this answer." in response.content.decode()
    assert "ZeroDivisionError" in caplog.text


def test_hostile_answers_are_escaped(user_client: Client) -> None:
    typed = {"rows": ROWS, "try_output": "<script>alert(1)</script>"}
    for headers in ({}, HTMX):
        assert "<script>alert" not in user_client.post(GRADE, typed, headers=headers).content.decode()
