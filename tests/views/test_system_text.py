"""The system text on the page of a new optimization, and in History."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from optimizer import installed
from optimizer.llm.facts import ModelFacts
from optimizer.llm.roles import Roles
from optimizer.models import OptimizationSession, Prompt, User, Workspace
from optimizer.services.saving import save_result_as_template
from tests import factories

HTMX = {"HX-Request": "true"}
ROWS = "input,expected\na,b\nc,d\ne,f\ng,h\n"
OF_TEAMS = "team,question,answer\nred,Who?,me\nblue,When?,now\nred,What?,that\nblue,Why?,so\n"


def refused(client: Client, **typed: Any) -> Any:
    response = client.post("/", {"prompt": "Say hello.", **typed})
    assert response.status_code == 422
    assert not Prompt.objects.exists()
    return response.context["form"]


def test_a_prompt_may_have_a_system_text(user_client: Client) -> None:
    user_client.post("/", {"prompt": "Say hello.", "system_text": " You are kind.\r\n", "part": "both"})
    session = OptimizationSession.objects.get()
    assert (session.prompt.original, session.prompt.system_text) == ("Say hello.", "You are kind.")
    assert session.part == "both"


def test_without_one_everything_is_as_before(user_client: Client) -> None:
    user_client.post("/", {"prompt": "Say hello."})
    session = OptimizationSession.objects.get()
    assert (session.prompt.system_text, session.part) == ("", "text")


@pytest.mark.parametrize("part", ["system", "both"])
def test_what_is_not_there_cannot_be_changed(user_client: Client, part: str) -> None:
    form = refused(user_client, part=part, system_text="  ")
    assert form.errors == {"part": ["The prompt has no system text. Write one, or choose the text."]}


def test_a_system_text_has_a_limit_and_nothing_is_lost(user_client: Client) -> None:
    form = refused(user_client, system_text="x" * 10_001, part="system")
    assert list(form.errors) == ["system_text"]
    assert "at most 10,000" in str(form.errors["system_text"])
    assert form["system_text"].value() == "x" * 10_001


def test_the_prompt_cannot_be_the_system_message_too(user_client: Client) -> None:
    assert list(refused(user_client, system_text="Be kind.", as_system="on").errors) == ["as_system"]


def test_a_model_that_drops_system_messages_is_named_at_the_field(user_client: Client) -> None:
    before = installed.facts("smollm2:135m")
    installed.keep([ModelFacts("smollm2:135m", roles=Roles(system=False))])
    try:
        form = refused(user_client, system_text="Be kind.")
        assert list(form.errors) == ["system_text"]
        assert "drops system messages" in str(form.errors["system_text"])
    finally:
        installed.keep([before] if before else [])


@pytest.mark.parametrize(
    ("typed", "is_open"), [({}, False), ({"system_text": "Be kind."}, True), ({"part": "both"}, True)]
)
def test_the_field_is_folded_until_it_holds_something(
    user_client: Client, typed: dict[str, str], is_open: bool
) -> None:
    page = user_client.post("/", {"prompt": "", **typed}).content.decode()
    fold = page[page.index('id="system-fold"') :].partition(">")[0]
    assert ("open" in fold) == is_open


def test_the_preview_shows_both_messages_and_fills_both(user_client: Client) -> None:
    typed = {"prompt": "{{question}}", "system_text": "Speak for {{team}}.", "rows": OF_TEAMS}
    page = user_client.post("/optimizations/rows/", typed, headers=HTMX).content.decode()
    assert "“team” fills {{team}}; “question” fills {{question}}" in page
    assert [part.partition("<")[0] for part in page.split('tabindex="0">')[1:]] == ["Speak for red.", "Who?"]


@pytest.mark.parametrize("part", ["text", "system", "both"])
def test_the_row_stands_below_the_text_whatever_is_changed(user_client: Client, part: str) -> None:
    typed = {"prompt": "Say it.", "system_text": "Be kind.", "part": part, "rows": ROWS}
    page = user_client.post("/optimizations/rows/", typed, headers=HTMX).content.decode()
    assert "“input” goes below the prompt" in page
    assert [part.partition("<")[0] for part in page.split('tabindex="0">')[1:]] == [
        "Be kind.",
        "Say it.\n\na",
    ]


def test_a_variable_of_the_system_text_needs_a_column(user_client: Client) -> None:
    form = refused(user_client, system_text="For {{customer}} of {{region}}.", rows=OF_TEAMS)
    assert list(form.errors) == ["mapping"]
    assert "{{customer}}" in str(form.errors["mapping"])


def test_the_estimate_counts_the_system_text(user_client: Client) -> None:
    def estimate(**typed: str) -> str:
        return user_client.post(
            "/optimizations/estimate/", {"prompt": "Say it.", "rows": ROWS * 1, **typed}, headers=HTMX
        ).content.decode()

    assert estimate() != estimate(system_text="Be very kind and patient with everybody. " * 100)


def test_history_finds_words_of_the_system_text(user_client: Client, workspace: Workspace) -> None:
    prompt = factories.make_prompt(workspace, original="Answer {{it}}.", system_text="You are a gardener.")
    session = factories.make_session(workspace, prompt=prompt)
    factories.make_session(workspace)
    page = user_client.get("/history/?q=garden").content.decode()
    assert f"/optimizations/{session.pk}/" in page
    assert page.count("/optimizations/") == 1


def test_a_prompt_of_variables_alone_is_named_by_its_system_text(workspace: Workspace) -> None:
    named = factories.make_prompt(workspace, original="{{question}}", system_text="You help.\nMuch.")
    assert named.title == "You help."
    assert factories.make_prompt(workspace, original="{{question}}").title == "{{question}}"
    labelled = "Text:\n{{text}}\n\nWord: {{word}}\n\nCount the word in the text."
    assert factories.make_prompt(workspace, original=labelled).title == "Count the word in the text."
    assert factories.make_prompt(workspace, original="Hi {{x}}", system_text="You help.").title == "Hi {{x}}"


def test_prompts_are_alike_only_with_the_same_system_text(workspace: Workspace) -> None:
    one, other = (factories.make_prompt(workspace, system_text=text) for text in ("Be kind.", "Be stern."))
    assert list(one.kin()["prompt"]) == [one]
    assert list(other.kin()["prompt"]) == [other]


def test_a_templates_version_brings_its_system_text(user_client: Client, workspace: Workspace) -> None:
    template = factories.make_template(workspace, "Answer {{it}}.")
    factories.make_version(template, "Answer {{it}} now.", system_text="You help.")
    for number, system_text in ((1, ""), (2, "You help.")):
        form = user_client.get(f"/?template={template.pk}&version={number}").context["form"]
        assert (form["system_text"].value() or "") == system_text


def test_a_result_is_saved_with_its_system_text(workspace: Workspace, user: User) -> None:
    prompt = factories.make_prompt(workspace, system_text="Be kind.")
    session = factories.make_session(workspace, prompt=prompt, status="completed", kept_original=False)
    factories.make_candidate(session, text="Say.", system_text="Be kind.")
    factories.make_candidate(session, text="Say.", system_text="Be very kind.", is_best=True)
    template = save_result_as_template(session=session, by=user, name="Kind", note="")
    version = template.versions.get()
    assert (version.text, version.system_text) == ("Say.", "Be very kind.")
