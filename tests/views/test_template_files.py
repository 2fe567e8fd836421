"""Templates as files on the page: what comes in, what is refused by its name, what goes out."""

from __future__ import annotations

import io
import json
import zipfile

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client

from optimizer.files.templates import TemplateText, VersionText, as_json, as_markdown
from optimizer.models import Dataset, PromptTemplate, Role, User, Workspace
from optimizer.services.template_files import exported, import_templates
from tests import factories
from tests.conftest import ClientOf

pytestmark = pytest.mark.django_db

VERSIONS = VersionText("One {{a}}."), VersionText("Two {{a}}.", "Sys.")
WHOLE = TemplateText("Summary", VERSIONS, labels=(("production", 1),))


def upload(client: Client, place: str = "chosen", /, **files: str | bytes) -> HttpResponse:
    given = [
        SimpleUploadedFile(name.replace("__", "."), content.encode() if isinstance(content, str) else content)
        for name, content in files.items()
    ]
    return client.post("/templates/import/", {place: given})  # type: ignore[return-value]


def text_of(response: HttpResponse) -> str:
    return response.content.decode()


def test_the_page_and_who_may_see_it(client: Client, user_client: Client) -> None:
    assert user_client.get("/templates/import/").status_code == 200
    assert client.get("/templates/import/").status_code == 302
    assert client.post("/templates/import/").status_code == 302
    assert user_client.put("/templates/import/").status_code == 405


def test_one_file_opens_its_template(user_client: Client, user: User) -> None:
    response = upload(user_client, a__md=as_markdown(WHOLE))
    template = PromptTemplate.objects.get()
    assert response["Location"] == f"/templates/{template.pk}/"
    assert exported(PromptTemplate.objects.all()) == [WHOLE]
    assert template.created_by == user


def test_a_folder_brings_its_templates_and_passes_over_the_rest(user_client: Client) -> None:
    files = {f"t{n}__md": f"Say {{{{a}}}} {n}" for n in range(3)}
    response = upload(user_client, "folder", README__md="# About", photo__png=b"\x89PNG", **files)
    assert response["Location"] == "/templates/"
    assert PromptTemplate.objects.count() == 3
    assert "Imported: 3 templates new." in text_of(user_client.get("/templates/"))  # type: ignore[arg-type]
    assert "holds no .md or .json" in text_of(upload(user_client, "folder", photo__png=b"x"))


def test_faults_are_told_by_file_and_the_good_ones_come_in(user_client: Client) -> None:
    bomb = "---\na: &a [x]\nb: [*a, *a]\n---\nx"
    xml = '---\n<!DOCTYPE a [<!ENTITY b "bbb">]><a>&b;</a>\n---\nx'
    response = upload(
        user_client,
        good__md="Say {{a}}.",
        bomb__md=bomb,
        xml__md=xml,
        image__md=b"\x89PNG\r\n\x1a\n\0\0\0",
        long__md=f"---\nname: {'👩' * 500}\n---\nx",
        escape__md='---\nname: "\\e[2J"\n---\nx',
        huge__md=b"x" * (6 * 2**20),
        nothing__md=b" ",
        list__json="[]",
    )
    told = text_of(response)
    assert response.status_code == 422
    assert [template.name for template in PromptTemplate.objects.all()] == ["Good"]
    for said in (
        "The front matter has aliases",
        "The front matter is not",
        "This is a PNG image",
        "The name has 500 characters; at most 100",
        "control character (U+001B)",
        "The file has 6 MB; at most 5 MB are read",
        "The file is empty",
        "The file holds 0 templates",
    ):
        assert said in told


def test_html_in_names_and_file_names_is_text(user_client: Client) -> None:
    evil = '<img src=x onerror="alert(1)">'
    given = SimpleUploadedFile(
        f"{evil}.md", f"---\nname: '{evil}'\ntags: ['<b>']\nunknown: 1\n---\n{{{{<script>}}}}".encode()
    )
    page = user_client.post("/templates/import/", {"chosen": [given]})
    template = PromptTemplate.objects.get()
    for address in ("", "?tab=use", "?tab=variables", "?tab=versions"):
        page_of = user_client.get(f"/templates/{template.pk}/{address}").content.decode()
        assert evil not in page_of
        assert "<script>}}" not in page_of
    assert evil not in page.content.decode()
    assert evil not in user_client.get("/templates/").content.decode()
    assert evil not in user_client.get(f"/templates/{template.pk}/export.md")["Content-Disposition"]


def test_no_file_and_too_many(user_client: Client) -> None:
    assert "Choose files or a folder" in text_of(user_client.post("/templates/import/", {}))  # type: ignore[arg-type]
    many = {f"t{n}__md": "x" for n in range(501)}
    response = upload(user_client, **many)
    assert response.status_code == 422
    assert "These are 501 files; at most 500" in text_of(response)


def test_a_zip_file_comes_in_whole(user_client: Client, workspace: Workspace, user: User) -> None:
    import_templates(workspace=workspace, by=user, found=[WHOLE, TemplateText("Other", (VersionText("x"),))])
    out = user_client.get("/templates/export.zip").content
    assert zipfile.ZipFile(io.BytesIO(out)).namelist() == ["other.md", "summary.md"]
    response = upload(user_client, all__zip=out)
    assert response.status_code == 302
    assert PromptTemplate.objects.count() == 2
    user_client.post("/templates/import/", {"chosen": [SimpleUploadedFile("a.zip", out)], "copies": "on"})
    assert PromptTemplate.objects.count() == 4


def test_what_goes_out_says_what_it_is(user_client: Client, workspace: Workspace, user: User) -> None:
    (brought,) = import_templates(workspace=workspace, by=user, found=[WHOLE])
    address = f"/templates/{brought.template.pk}/export"
    markdown, as_object = user_client.get(f"{address}.md"), user_client.get(f"{address}.json")
    assert markdown.content.decode() == as_markdown(WHOLE)
    assert as_object.content.decode() == as_json([WHOLE])
    assert markdown["Content-Disposition"] == 'attachment; filename="summary.md"'
    assert len(json.loads(user_client.get("/templates/export.json").content)["templates"]) == 1
    for wrong in (f"{address}.exe", "/templates/export.md", "/templates/9999999/export.md"):
        assert user_client.get(wrong).status_code == 404


def test_an_outsider_gets_nothing(
    workspace: Workspace, user: User, outsider: User, client_of: ClientOf
) -> None:
    (brought,) = import_templates(workspace=workspace, by=user, found=[WHOLE])
    client = client_of(outsider)
    assert client.get(f"/templates/{brought.template.pk}/export.md").status_code == 404
    assert json.loads(client.get("/templates/export.json").content)["templates"] == []
    given = {"chosen": [SimpleUploadedFile("a.md", b"x")], "workspace": str(workspace.pk)}
    assert client.post("/templates/import/", given).status_code == 404


def test_a_viewer_may_not_import(workspace: Workspace, client_of: ClientOf) -> None:
    viewer = factories.make_user()
    factories.join(workspace, viewer, Role.VIEWER)
    given = {"chosen": [SimpleUploadedFile("a.md", b"x")], "workspace": str(workspace.pk)}
    assert client_of(viewer).post("/templates/import/", given).status_code == 403
    assert client_of(viewer).post("/templates/starters/", {"workspace": str(workspace.pk)}).status_code == 403


def test_the_empty_page_offers_the_starter_library(user_client: Client, client: Client, user: User) -> None:
    assert "Load 20 templates" in user_client.get("/templates/").content.decode()
    assert user_client.get("/templates/starters/").status_code == 405
    assert client.post("/templates/starters/").status_code == 302
    page = user_client.post("/templates/starters/", follow=True).content.decode()
    assert "20 templates of the starter library loaded" in page
    assert "Load 20 templates" not in page
    assert "is here already" in user_client.post("/templates/starters/", follow=True).content.decode()
    assert Dataset.objects.count() == 5
    routed = PromptTemplate.objects.get(name="Route a support message")
    dataset = routed.starters.get().dataset
    assert dataset
    said = user_client.get(f"/templates/{routed.pk}/").content.decode()
    address = f"?template={routed.pk}&amp;version=1&amp;dataset={dataset.pk}&amp;grader=choice"
    assert address in said
    for tab in ("versions", "optimizations"):
        assert address in user_client.get(f"/templates/{routed.pk}/?tab={tab}").content.decode()
    form = user_client.get("/" + address.replace("&amp;", "&")).context["form"]
    assert form["grader"].value() == "choice"
    assert PromptTemplate.objects.latest("created_at").name == "Check a question against a policy"
    PromptTemplate.objects.filter(pk=routed.pk).update(is_public=True)
    stranger = Client()
    stranger.force_login(factories.make_user())
    assert "&amp;dataset=" not in stranger.get(f"/templates/{routed.pk}/").content.decode()


@pytest.mark.parametrize(
    "said",
    [
        '"\\ud800": 1',
        '"labels": {"\\ud800": 3}',
        '"labels": {"\\ud800": "x"}',
        '"variables": [{"name": "\\ud800"}]',
        '"variables": [{"name": "a", "kind": "\\ud800"}]',
    ],
)
def test_half_a_character_is_told_and_breaks_no_page(user_client: Client, said: str) -> None:
    response = upload(user_client, a__json=f'{{"name": "a", "text": "x", {said}}}')
    assert response.status_code in (200, 422)
    assert "“?" in text_of(response)


def test_labels_of_files_are_such_as_the_page_makes(user_client: Client) -> None:
    """Others could never be moved or taken off there."""
    for name in ("", "two words"):
        labels = json.dumps({name: 1})
        response = upload(user_client, a__json=f'{{"name": "a", "text": "x", "labels": {labels}}}')
        assert response.status_code == 422
        assert f"“{name}” is no label" in text_of(response)
    upload(user_client, a__json='{"name": "a", "text": "x", "labels": {"Production": 1}}')
    assert [label.name for label in PromptTemplate.objects.get().labels.all()] == ["production"]
