"""Templates, versions and saved rows to choose from on the page of a new optimization."""

from __future__ import annotations

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from optimizer.models import OptimizationSession, PromptTemplate, User, Workspace
from tests import factories
from tests.conftest import ClientOf

USE = "/optimizations/template/"
HTMX = {"HX-Request": "true"}
ROWS = "text,expected\na,b\nc,d\ne,f\ng,h\n"


@pytest.fixture
def template(workspace: Workspace) -> PromptTemplate:
    """With two versions."""
    made = factories.make_template(workspace, "Sort {{text}}.", name="Sorting")
    factories.make_version(made, "Sort this: {{text}}")
    return made


def test_a_template_fills_the_prompt_and_keeps_what_was_typed(
    user_client: Client, template: PromptTemplate
) -> None:
    typed = {"template": template.pk, "version_of": "", "prompt": "Mine", "rows": ROWS, "context": "A shop"}
    response = user_client.post(USE, typed, headers=HTMX)
    page = response.content.decode()
    assert response.headers["HX-Replace-Url"] == f"/?template={template.pk}&version=2"
    assert "<html" not in page
    form = response.context["form"]
    assert (form["prompt"].value(), form["context"].value()) == ("Sort this: {{text}}", "A shop")
    assert "Sort this: a" in page  # the rendered prompt
    assert "Not started yet" not in page
    assert '<option value="2" selected>Version 2, newest' in page


def test_an_older_version_is_chosen_and_goes_with_the_optimization(
    user_client: Client, template: PromptTemplate
) -> None:
    typed = {"template": template.pk, "version_of": template.pk, "version": "1", "prompt": "x"}
    page = user_client.post(USE, typed).content.decode()
    assert "<html" in page
    assert "Sort {{text}}." in page
    sent = {"template": template.pk, "version": "1", "prompt": "Sort {{text}}.", "rows": ROWS}
    assert user_client.post("/", sent).status_code == 302
    version = OptimizationSession.objects.get().prompt.template_version
    assert version is not None
    assert (version.template, version.number) == (template, 1)


def test_a_version_of_the_template_chosen_before_is_not_taken(
    user_client: Client, workspace: Workspace, template: PromptTemplate
) -> None:
    other = factories.make_template(workspace, "Other.", name="Other")
    typed = {"template": template.pk, "version_of": other.pk, "version": "1"}
    assert user_client.post(USE, typed).context["form"]["version"].value() == "2"


def test_choosing_none_keeps_the_prompt(user_client: Client, template: PromptTemplate) -> None:
    response = user_client.post(USE, {"template": "", "prompt": "Mine", "version": "2"}, headers=HTMX)
    assert response.headers["HX-Replace-Url"] == "/"
    assert response.context["form"]["prompt"].value() == "Mine"
    assert not response.context["form"]["version"].value()


@pytest.mark.parametrize("chosen", ["x", "9" * 30, "-1", "0"])
def test_what_is_no_template_is_ignored(user_client: Client, chosen: str) -> None:
    assert user_client.post(USE, {"template": chosen, "prompt": "Mine"}).status_code == 200


def test_the_address_names_a_template_a_version_and_rows(
    user_client: Client, workspace: Workspace, template: PromptTemplate
) -> None:
    dataset = factories.make_dataset(workspace, name="Reviews")
    page = user_client.get(f"/?template={template.pk}&version=1&dataset={dataset.pk}").content.decode()
    assert "Sort {{text}}." in page
    assert f'<option value="{dataset.pk}" selected>Reviews · 8 rows' in page
    assert user_client.get(f"/?dataset={dataset.pk}").context["form"]["dataset"].value() == dataset.pk
    assert user_client.get("/?dataset=999999").status_code == 404


@pytest.mark.parametrize("kind", ["dataset", "template"])
def test_many_are_searched(user_client: Client, workspace: Workspace, kind: str) -> None:
    make = factories.make_dataset if kind == "dataset" else factories.make_template
    made = [make(workspace, name=f"Letters {n}") for n in range(13)]
    wanted = make(workspace, name="Invoices")
    assert f'name="{kind}_words"' in user_client.get("/?blank=1").content.decode()
    search = f"/optimizations/choose/{kind}/"
    page = user_client.get(f"{search}?{kind}_words=invo&{kind}={made[3].pk}").content.decode()
    assert "Invoices" in page
    assert f'<option value="{made[3].pk}" selected>' in page  # what was chosen stays
    assert "Letters 5" not in page
    assert f'value="{wanted.pk}"' in page
    for hostile in ("%", "'); DROP", "\\\\", "!&|", "x" * 3000):
        assert user_client.get(search, {f"{kind}_words": hostile}).status_code == 200


def test_the_search_is_for_those_who_may_see(
    client: Client, client_of: ClientOf, outsider: User, user_client: Client, workspace: Workspace
) -> None:
    factories.make_dataset(workspace, name="Secret")
    assert client.get("/optimizations/choose/dataset/").status_code == 302
    assert user_client.get("/optimizations/choose/prompt/").status_code == 404
    assert user_client.post("/optimizations/choose/dataset/").status_code == 405
    assert "Secret" not in client_of(outsider).get("/optimizations/choose/dataset/").content.decode()


def test_the_page_asks_as_much_for_many_as_for_few(user_client: Client, workspace: Workspace) -> None:
    def asked() -> int:
        with CaptureQueriesContext(
            connection,
        ) as queries:
            user_client.get("/?blank=1")
        return len(queries)

    factories.make_dataset(workspace)
    factories.make_template(workspace)
    few = asked()
    for _ in range(20):
        factories.make_dataset(workspace, rows=1)
        factories.make_template(workspace)
    assert asked() == few


def test_the_model_is_chosen_from_a_list_with_size_and_window(user_client: Client) -> None:
    from optimizer import installed
    from optimizer.llm.facts import ModelFacts

    installed.keep(
        [
            ModelFacts("llama3.2:3b", trained=131_072, size=2_019_393_189),
            ModelFacts("embeds", completes=False),
        ]
    )
    page = user_client.get("/?blank=1").content.decode()
    assert "llama3.2:3b · 1.9\xa0GB, window 131,072 tokens (default)" in page
    assert "embeds" not in page
    page = user_client.post("/", {"prompt": "", "target_model": "gone"}).content.decode()
    assert '<option value="gone" selected>gone · not on the server</option>' in page
    installed.keep([])
    assert '<input type="text" name="target_model"' in user_client.get("/?blank=1").content.decode()


@pytest.mark.parametrize("kind", ["dataset", "template"])
def test_a_search_for_a_whole_book_is_cut(user_client: Client, kind: str) -> None:
    words = " ".join(f"w{number}" for number in range(30_000))
    for asked in (
        user_client.get(f"/optimizations/choose/{kind}/", {f"{kind}_words": words}),
        user_client.post("/optimizations/rows/", {f"{kind}_words": words}),
    ):
        assert asked.status_code == 200
