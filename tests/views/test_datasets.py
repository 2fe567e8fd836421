"""The library of rows: list, page, editor, files."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from openpyxl import Workbook
from pytest_django import DjangoAssertNumQueries

from optimizer.files import Assignment, read_table
from optimizer.models import Dataset, Example, Role, User, Workspace
from optimizer.services.dataset_rows import Typed, change_row, delete_rows, mark_rows
from optimizer.services.datasets import create_dataset, read_again
from tests import factories
from tests.conftest import ClientOf

HTMX = {"HX-Request": "true"}
CSV = "team,question,answer\n" + "".join(f"red,why {n}?,so {n}\n" for n in range(1, 9))
HOSTILE = '<script>alert(1)</script><img src=x onerror="a">\x1b[31m=cmd()'


def keep(workspace: Workspace, user: User, text: str = CSV, name: str = "Mail") -> Dataset:
    return create_dataset(workspace=workspace, by=user, name=name, table=read_table(text)).dataset


@pytest.fixture
def dataset(workspace: Workspace, user: User) -> Dataset:
    return keep(workspace, user)


def page(client: Client, dataset: Dataset, query: str = "") -> str:
    response = client.get(f"/datasets/{dataset.pk}/{query}")
    assert response.status_code == 200
    return response.content.decode()


def upload(client: Client, content: bytes | str, name: str = "rows.csv", **more: Any) -> Any:
    whole = content.encode() if isinstance(content, str) else content
    return client.post("/datasets/new/", {"rows_file": SimpleUploadedFile(name, whole), **more}, follow=True)


def errors(response: Any) -> str:
    assert response.status_code == 422, response.status_code
    form = response.context["form"]
    return " ".join(str(error) for said in form.errors.values() for error in said)


def workbook(rows: list[list[Any]]) -> bytes:
    book = Workbook()
    assert book.active is not None
    for row in rows:
        book.active.append(row)
    content = io.BytesIO()
    book.save(content)
    return content.getvalue()


# Who may do what


ADDRESSES = ["", "?tab=versions", "?tab=file", "?tab=uses", "rows.csv", "rows.jsonl"]
POSTS = ["describe/", "delete/", "read/", "rows/", "rows/new/", "rows/{row}/", "rows/{row}/move/"]


@pytest.mark.parametrize("address", ADDRESSES)
def test_only_the_workspace_sees_a_dataset(
    client: Client, user_client: Client, client_of: ClientOf, outsider: User, dataset: Dataset, address: str
) -> None:
    place = f"/datasets/{dataset.pk}/{address}"
    assert user_client.get(place).status_code == 200
    assert client_of(outsider).get(place).status_code == 404
    assert client.get(place).status_code == 302


@pytest.mark.parametrize("address", POSTS)
def test_only_writers_change_a_dataset(
    client: Client, client_of: ClientOf, outsider: User, workspace: Workspace, dataset: Dataset, address: str
) -> None:
    looker = factories.make_user("looks@example.com")
    factories.join(workspace, looker, role=Role.VIEWER)
    row = dataset.rows_there()[0]
    place = f"/datasets/{dataset.pk}/{address.format(row=row.pk)}"
    said = {
        "name": "x",
        "rows": [row.pk],
        "to": "delete" if address == "rows/" else "2",
        "cell-1": "x",
        "cell-2": "y",
    }
    if address == "read/":
        said["approve"] = "yes"
    assert client.post(place, said).status_code == 302
    assert client_of(outsider).post(place, said).status_code == 404
    assert client_of(looker).post(place, said).status_code == 403
    assert client_of(looker).get(place).status_code == 405
    dataset.refresh_from_db()
    assert (dataset.version, dataset.name, dataset.deleted_at) == (1, "Mail", None)


# The list


def test_the_list_says_what_a_dataset_holds_and_what_came_of_it(
    user_client: Client, workspace: Workspace, dataset: Dataset
) -> None:
    template = factories.make_template(workspace)
    prompt = factories.make_prompt(workspace, template=template)
    factories.make_session(
        workspace, prompt=prompt, dataset=dataset, status="completed", verdict="better", baseline_score=0.4,
        best_score=0.75,
    )  # fmt: skip
    told = user_client.get("/datasets/").content.decode()
    for words in (
        "Mail",
        "8 rows",
        "team, question, answer",
        "1 optimization",
        "Summary",
        "Better",
        "40 % → 75 %",
    ):
        assert words in told


def test_search_finds_beginnings_of_words_in_names_and_descriptions(
    user_client: Client, workspace: Workspace
) -> None:
    factories.make_dataset(workspace, name="Mail of the office", description="Übung from spring")
    for words in ("mail", "OFF", "übu spr"):
        assert "Mail of the office" in user_client.get("/datasets/", {"q": words}).content.decode()
    assert "No matches" in user_client.get("/datasets/", {"q": "zebra"}).content.decode()
    assert user_client.get("/datasets/", {"q": "a\0'&|!:*"}).status_code == 200


def test_pages_of_the_list_follow_each_other(user_client: Client, workspace: Workspace) -> None:
    made = [factories.make_dataset(workspace, rows=1, name=f"d{n}").pk for n in range(45)]
    seen, cursor = [], ""
    for _ in range(3):
        found = user_client.get(
            "/datasets/", {"cursor": cursor} if cursor else {}, headers=HTMX if cursor else {}
        )
        seen += [dataset.pk for dataset, _ in found.context["page"].rows]
        cursor = found.context["page"].more
    assert (seen, cursor) == (made[::-1], "")
    assert user_client.get("/datasets/?cursor=made-up").status_code == 404


def test_queries_do_not_grow_with_what_is_shown(
    user_client: Client,
    workspace: Workspace,
    user: User,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    def counted(address: str) -> int:
        with django_assert_max_num_queries(40) as caught:
            assert user_client.get(address).status_code == 200
        return len(caught)

    few = keep(workspace, user)
    factories.make_session(workspace, dataset=few)
    places = ["/datasets/", f"/datasets/{few.pk}/", f"/datasets/{few.pk}/?q=why"]
    before = [counted(place) for place in places]
    many = keep(workspace, user, CSV + "".join(f"blue,why {n}?,so\n" for n in range(100, 400)), name="Many")
    for _ in range(12):
        prompt = factories.make_prompt(workspace, template=factories.make_template(workspace))
        factories.make_session(workspace, prompt=prompt, dataset=many, status="completed", verdict="better")
        factories.make_dataset(workspace)
    after = [counted(place.replace(str(few.pk), str(many.pk))) for place in places]
    assert after == before


# Uploads


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (CSV, "mail.csv"),
        (CSV.replace(",", "\t"), "mail.tsv"),
        ("".join(json.dumps({"question": f"q{n}", "answer": "a"}) + "\n" for n in range(8)), "mail.jsonl"),
        (json.dumps([{"question": f"q{n}", "answer": "a"} for n in range(8)]), "mail.json"),
        (CSV.encode("utf-16"), "mail.csv"),
        (workbook([["question", "answer"], *([f"q{n}", n] for n in range(8))]), "mail.xlsx"),
    ],
    ids=["csv", "tsv", "jsonl", "json", "utf-16", "xlsx"],
)
def test_a_file_becomes_a_dataset(user_client: Client, db: None, content: str | bytes, name: str) -> None:
    response = upload(user_client, content, name)
    dataset = Dataset.objects.get()
    assert (dataset.name, dataset.row_count) == ("mail", 8)
    assert response.redirect_chain == [(f"/datasets/{dataset.pk}/", 302)]
    assert "8 rows kept" in response.content.decode()


def test_pasted_rows_become_one_under_their_name(user_client: Client, db: None) -> None:
    table = "| question | answer |\n|---|---|\n" + "".join(f"| q{n} | a |\n" for n in range(5))
    user_client.post("/datasets/new/", {"rows": table, "name": "Quiz", "description": "Mine"})
    dataset = Dataset.objects.get()
    assert (dataset.name, dataset.description, dataset.row_count) == ("Quiz", "Mine", 5)


def test_an_equal_upload_is_told(user_client: Client, dataset: Dataset, user: User) -> None:
    assert "same rows are here already, as “Mail”" in upload(user_client, CSV).content.decode()
    change_row(
        row=dataset.rows_there()[0], by=user, typed=Typed({"team": "a", "question": "b", "answer": "c"})
    )
    assert (
        "changed since: they were version 1, and this is version 2"
        in upload(user_client, CSV).content.decode()
    )
    assert Dataset.objects.count() == 1


def bomb() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as parts:
        parts.writestr("[Content_Types].xml", "<Types/>")
        parts.writestr("xl/workbook.xml", b"0" * (80 * 2**20))
    return content.getvalue()


def zipped() -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as parts:
        parts.writestr("rows.csv", CSV)
    return content.getvalue()


def announcing(cells: str) -> bytes:
    """A workbook with a cell far away."""
    source, content = io.BytesIO(workbook([["question", "answer"], ["a", "b"]])), io.BytesIO()
    with zipfile.ZipFile(source) as before, zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as after:
        for name in before.namelist():
            part = before.read(name)
            if name == "xl/worksheets/sheet1.xml":
                part = part.replace(b"</sheetData>", cells.encode() + b"</sheetData>")
            after.writestr(name, part)
    return content.getvalue()


BAD = [
    ("a,b,answer\n1,2,3\n1,2,3,4,5,6,7\n" + "1,2,3\n" * 3, "Row 2 (line 3) has 7 cells, the header has 3"),
    ('question,answer\n"never closed,a\n' + "b,c\n" * 5, "is not CSV"),
    (zipped(), "zip archive, but no Excel workbook"),
    (b"\x89PNG\r\n\x1a\n" + bytes(50), "This is a PNG image"),
    (bomb(), "unpacks to more than 64 MB"),
    (zipped()[:60], "broken"),
    (announcing('<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>'), "columns; at most 200"),
    (
        "question,answer\n" + "x" * 1_000_000 + ",a\n" + "b,c\n" * 5,
        "Row 1 (line 2): “question” has 1,000,000",
    ),
    ("question,question,answer\na,b,c\n", "has the column “question” twice"),
    ("question,answer\n" + "a,b\n" * 10_001, "more than 10,000 rows"),
    (b"x" * (6 * 2**20), "the limit is 5 MB"),
    ("", "There are no rows"),
    ("\0", "NUL"),
    (f"{HOSTILE},other\n" + "a,b\n" * 5, "Columns found"),
]


@pytest.mark.parametrize(("content", "said"), BAD, ids=[said for _, said in BAD])
def test_what_is_wrong_with_a_file_is_said(
    user_client: Client, db: None, content: str | bytes, said: str
) -> None:
    response = upload(user_client, content)
    assert said in errors(response)
    assert "<script>alert" not in response.content.decode()
    assert not Dataset.objects.exists()


def test_a_file_of_60_megabytes_is_refused(user_client: Client, db: None) -> None:
    assert "the limit is 5 MB" in errors(upload(user_client, b"a,b\n" * (15 * 2**20)))


def test_rows_far_down_in_a_workbook_are_found_without_harm(user_client: Client, db: None) -> None:
    far = "".join(
        f'<row r="{n}"><c r="A{n}"><v>{n}</v></c><c r="B{n}"><v>1</v></c></row>'
        for n in range(1048500, 1048576)
    )
    assert upload(user_client, announcing(far), "x.xlsx").status_code == 200
    assert Dataset.objects.get().row_count == 77


def test_the_good_rows_are_kept_if_a_person_wishes(user_client: Client, db: None) -> None:
    text = CSV + "a,b,c,d,e,f,g\nred,,so\n"
    refused = upload(user_client, text)
    assert "Row 9 (line 10)" in errors(refused)
    assert refused.context["form"].fault.good == 8
    told = upload(user_client, text, keep_good="on").content.decode()
    assert "2 rows left out" in told
    assert "Row 9 (line 10) has 7 cells" in told
    assert Dataset.objects.get().row_count == 8


def test_what_was_typed_stays_after_an_error(user_client: Client, db: None) -> None:
    response = user_client.post(
        "/datasets/new/", {"rows": "nonsense", "name": "My name", "description": "Why"}
    )
    assert response.status_code == 422
    for words in ("nonsense", "My name", "Why"):
        assert words in response.content.decode()
    assert "Paste rows, or choose a file" in errors(user_client.post("/datasets/new/", {"rows": " "}))


def test_words_of_people_are_escaped_everywhere(
    user_client: Client, workspace: Workspace, user: User
) -> None:
    rows = [{"question": f"{HOSTILE} {n}", HOSTILE: "x", "answer": HOSTILE} for n in range(5)]
    dataset = keep(workspace, user, json.dumps(rows), name=HOSTILE[:90])
    change_row(
        row=dataset.rows_there()[0], by=user,
        typed=Typed({"question": HOSTILE, HOSTILE: "y", "answer": "z"}, tags=("<b>tag</b>",)),
    )  # fmt: skip
    edit = f"?edit={dataset.rows_there()[0].pk}"
    for query in ("", edit, "?tab=versions", "?tab=file", "?tab=uses", "?q=<script>alert(1)"):
        told = page(user_client, dataset, query)
        assert "<script>alert" not in told
        assert "<b>tag" not in told
    assert "<script>alert" not in user_client.get("/datasets/").content.decode()


# Rows on the page


@pytest.fixture
def long(workspace: Workspace, user: User) -> Dataset:
    text = "question,answer\n" + "".join(
        f"why {n}?,{'even' if n % 2 == 0 else 'odd'}\n" for n in range(1, 1001)
    )
    return keep(workspace, user, text, name="Long")


def numbers(client: Client, dataset: Dataset, query: str) -> list[int]:
    response = client.get(f"/datasets/{dataset.pk}/{query}")
    assert response.status_code == 200
    return [found.number for found in response.context["page"].rows]


def test_only_what_is_visible_is_in_the_page(user_client: Client, long: Dataset) -> None:
    assert numbers(user_client, long, "") == list(range(1, 51))
    second = user_client.get(f"/datasets/{long.pk}/?after={50 * 64}").context["page"]
    assert [found.number for found in second.rows] == list(range(51, 101))
    assert numbers(user_client, long, f"?before={second.before}") == list(range(1, 51))
    assert numbers(user_client, long, "?row=777")[0] == 777
    assert numbers(user_client, long, "?row=99999") == [1000]
    for odd in (
        "?row=0",
        "?row=-1",
        "?row=x",
        "?after=x",
        "?before=x",
        "?row=999999999999999999",
        "?version=x",
    ):
        assert numbers(user_client, long, odd)


@pytest.mark.parametrize("name", ["row", "after", "before", "edit", "version", "below"])
@pytest.mark.parametrize("value", ["9" * 18, "9" * 40, "-1", "1e5", "٣", ""])
def test_odd_numbers_in_an_address_do_no_harm(
    user_client: Client, dataset: Dataset, name: str, value: str
) -> None:
    for tab in ("rows", "versions"):
        assert user_client.get(f"/datasets/{dataset.pk}/", {"tab": tab, name: value}).status_code == 200


def test_rows_are_searched_by_words_tag_and_mark(user_client: Client, long: Dataset, user: User) -> None:
    mark_rows(dataset=long, by=user, rows=[long.rows_there()[9].pk], split="held_out")
    assert numbers(user_client, long, "?q=WHY 77") == [77, *range(770, 780)]
    assert numbers(user_client, long, "?q=odd&row=10")[0] == 11
    assert numbers(user_client, long, "?split=held_out") == [10]
    assert numbers(user_client, long, "?split=seed")[:2] == [1, 2]
    assert numbers(user_client, long, "?tag=none") == []
    for odd in ('?q="', "?q=\\", "?q=%25", "?q=)(", "?q=$.*", '?tag={,"', "?q=%00", "?q=question"):
        assert user_client.get(f"/datasets/{long.pk}/{odd}").status_code == 200
    assert numbers(user_client, long, "?q=question") == []


def test_a_row_is_edited_in_its_place(user_client: Client, dataset: Dataset) -> None:
    row = dataset.rows_there()[2]
    told = page(user_client, dataset, f"?edit={row.pk}")
    assert "why 3?</textarea>" in told
    said = {
        "cell-0": "blue",
        "cell-1": "who?",
        "cell-2": "me",
        "tags": "a, b ,a",
        "weight": "2.5",
        "split": "search",
    }
    response = user_client.post(f"/datasets/{dataset.pk}/rows/{row.pk}/", said)
    now = dataset.rows_there()[2]
    assert response.url == f"/datasets/{dataset.pk}/?row=1#row-{now.pk}"  # type: ignore[attr-defined]
    assert now.texts == {"team": "blue", "question": "who?", "answer": "me"}
    assert (now.tags, now.weight, now.split) == (["a", "b"], 2.5, "search")


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"cell-2": ""}, "Row 1: “answer” is empty"),
        ({"cell-2": "x" * 10_001}, "at most 10,000 are allowed"),
        ({"weight": "0"}, "Write a number above 0"),
        ({"weight": "NaN"}, "number"),
        ({"tags": "x" * 31}, "too long: at most 30"),
        ({"tags": ",".join(map(str, range(21)))}, "at most 20"),
        ({"split": "nowhere"}, "valid choice"),
        ({"cell-1": "a\0"}, "NUL"),
    ],
)
def test_a_fault_is_told_at_its_field_and_nothing_is_lost(
    user_client: Client, dataset: Dataset, said: dict[str, str], why: str
) -> None:
    typed = {"cell-0": "typed already", "cell-1": "q", "cell-2": "a", **said}
    for place in (f"rows/{dataset.rows_there()[0].pk}/", "rows/new/"):
        response = user_client.post(f"/datasets/{dataset.pk}/{place}", typed)
        assert response.status_code == 422
        told = response.content.decode()
        assert why.replace("Row 1", "The new row" if "new" in place else "Row 1") in told
        assert "typed already" in told
    dataset.refresh_from_db()
    assert dataset.version == 1


def test_the_second_of_two_tabs_is_told_and_sees_both(
    user_client: Client, dataset: Dataset, user: User
) -> None:
    row = dataset.rows_there()[0]
    change_row(row=row, by=user, typed=Typed({"team": "red", "question": "theirs", "answer": "x"}))
    mine = {"cell-0": "red", "cell-1": "mine", "cell-2": "y"}
    response = user_client.post(f"/datasets/{dataset.pk}/rows/{row.pk}/", mine)
    assert response.status_code == 409
    told = response.content.decode()
    assert "Somebody else changed this row first" in told
    assert "theirs" in told
    assert "mine</textarea>" in told
    now = dataset.rows_there()[0]
    assert f"/rows/{now.pk}/" in told
    assert user_client.post(f"/datasets/{dataset.pk}/rows/{now.pk}/", mine).status_code == 302
    assert dataset.rows_there()[0].texts["question"] == "mine"


def test_a_row_that_was_deleted_meanwhile_can_be_added(
    user_client: Client, dataset: Dataset, user: User
) -> None:
    row = dataset.rows_there()[0]
    delete_rows(dataset=dataset, by=user, rows=[row.pk])
    mine = {"cell-0": "red", "cell-1": "mine", "cell-2": "y"}
    response = user_client.post(f"/datasets/{dataset.pk}/rows/{row.pk}/", mine)
    assert response.status_code == 409
    assert f'action="/datasets/{dataset.pk}/rows/new/"' in response.content.decode()
    assert "mine</textarea>" in response.content.decode()


def test_what_was_typed_wrongly_for_a_row_far_down_is_still_on_the_page(
    user_client: Client, workspace: Workspace, user: User
) -> None:
    """The page begins with the first rows."""
    dataset = keep(workspace, user, "question,answer\n" + "".join(f"why {n},so {n}\n" for n in range(70)))
    row = dataset.rows_there()[65]
    typed = {"cell-0": "my long text", "cell-1": "y", "weight": "no number"}
    response = user_client.post(f"/datasets/{dataset.pk}/rows/{row.pk}/", typed)
    assert response.status_code == 422
    told = response.content.decode()
    assert "my long text</textarea>" in told
    assert "Enter a number" in told
    assert f'action="/datasets/{dataset.pk}/rows/{row.pk}/"' in told


@pytest.mark.parametrize("new", [True, False])
def test_a_row_typed_while_the_dataset_was_deleted_is_not_lost(
    user_client: Client, client_of: ClientOf, outsider: User, dataset: Dataset, new: bool
) -> None:
    row = dataset.rows_there()[0]
    user_client.post(f"/datasets/{dataset.pk}/delete/")
    place = f"/datasets/{dataset.pk}/rows/{'new' if new else row.pk}/"
    typed = {"cell-0": "red", "cell-1": "mine", "cell-2": "y"}
    response = user_client.post(place, typed)
    assert response.status_code == 422
    assert "mine</textarea>" in response.content.decode()
    assert "was deleted meanwhile" in response.content.decode()
    assert client_of(outsider).post(place, typed).status_code == 404
    assert dataset.versions.count() == 1


def test_a_new_row_never_stands_in_other_columns_than_it_was_typed_for(
    user_client: Client, dataset: Dataset, user: User
) -> None:
    shown = user_client.get(f"/datasets/{dataset.pk}/?add").context["row_form"].columns
    read_again(dataset=dataset, by=user, table=read_table(CSV.replace("team,question", "question,team")))
    typed = {"cell-0": "red", "cell-1": "mine", "cell-2": "y", "columns": shown}
    response = user_client.post(f"/datasets/{dataset.pk}/rows/new/", typed)
    assert response.status_code == 422
    told = response.content.decode()
    assert "mine</textarea>" in told
    assert "other columns now" in told
    typed["columns"] = response.context["row_form"].columns
    assert user_client.post(f"/datasets/{dataset.pk}/rows/new/", typed).status_code == 302


def test_the_list_tells_nothing_of_workspaces_that_one_is_not_in(
    user_client: Client, client_of: ClientOf, dataset: Dataset, outsider: User
) -> None:
    """A colleague may have used the rows in another workspace, with a template of that one."""
    factories.join(dataset.workspace, outsider)
    template = factories.make_template(outsider.personal_workspace, name="Secret plan")
    for workspace in (outsider.personal_workspace, dataset.workspace):
        prompt = factories.make_prompt(workspace, template=template)
        factories.make_session(
            workspace, prompt=prompt, dataset=dataset, status="completed", verdict="better"
        )
    told = user_client.get("/datasets/").content.decode()
    assert "1 optimization<" in told
    assert "Secret plan" not in told
    own = client_of(outsider).get("/datasets/").content.decode()
    assert "2 optimizations<" in own
    assert "Secret plan" in own


def test_rows_are_added_moved_and_changed_together(user_client: Client, dataset: Dataset) -> None:
    place = f"/datasets/{dataset.pk}/rows/"
    assert "Add the row" in page(user_client, dataset, "?add")
    user_client.post(f"{place}new/", {"cell-0": "red", "cell-1": "new", "cell-2": "y"})
    added = dataset.rows_there().last()
    assert added is not None
    user_client.post(f"{place}{added.pk}/move/", {"to": "2"})
    moved = dataset.rows_there()[1]
    assert moved.texts["question"] == "new"
    user_client.post(place, {"rows": [moved.pk, dataset.rows_there()[0].pk], "to": "split:held_out"})
    assert [row.split for row in dataset.rows_there()][:3] == ["held_out", "held_out", ""]
    user_client.post(
        place, {"rows": [row.pk for row in dataset.rows_there()[:2]], "to": "tag", "tag": "hard"}
    )
    assert "hard" in page(user_client, dataset, "?tag=hard")
    told = user_client.post(
        place, {"rows": [row.pk for row in dataset.rows_there()[:1]], "to": "delete"}, follow=True
    )
    assert "1 row changed." in told.content.decode()
    assert dataset.rows_there().count() == 8


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"to": "delete"}, "Choose rows first"),
        ({"rows": ["x", "9" * 30], "to": "delete"}, "Choose rows first"),
        ({"rows": ["1"], "to": "explode"}, "Choose one of the list"),
        ({"rows": ["1"], "to": "tag", "tag": "a, b"}, "Write one tag"),
        ({"rows": ["999999"], "to": "delete"}, "0 rows changed"),
    ],
)
def test_what_cannot_be_done_with_rows_is_said(
    user_client: Client, dataset: Dataset, said: dict[str, Any], why: str
) -> None:
    assert why in user_client.post(f"/datasets/{dataset.pk}/rows/", said, follow=True).content.decode()


# Versions, files, deleting


def test_an_older_version_is_shown_and_exported_as_it_was(
    user_client: Client, dataset: Dataset, user: User, workspace: Workspace
) -> None:
    factories.make_session(workspace, dataset=dataset, dataset_version=1)
    change_row(
        row=dataset.rows_there()[0], by=user, typed=Typed({"team": "red", "question": "later", "answer": "x"})
    )
    told = page(user_client, dataset, "?version=1")
    assert "as they were" in told
    assert "why 1?" in told
    assert ">Edit<" not in told
    assert "why 1?" in user_client.get(f"/datasets/{dataset.pk}/rows.csv?version=1").content.decode()
    assert "later" in user_client.get(f"/datasets/{dataset.pk}/rows.csv").content.decode()
    versions = page(user_client, dataset, "?tab=versions")
    assert "Row 1 changed" in versions
    assert "1 optimization" in versions
    session = workspace and dataset.sessions.get()
    settings = user_client.get(f"/optimizations/{session.pk}/?tab=settings").content.decode()
    assert f"/datasets/{dataset.pk}/?version=1" in settings
    assert "the rows have changed since" in settings


def test_exports_are_defused_and_come_back(user_client: Client, workspace: Workspace, user: User) -> None:
    rows = [
        {"question": cell, "n": "-5", "answer": "a"}
        for cell in ("=1+1", "+cmd", "@x", "-2+3", "\t=x", "plain")
    ]
    dataset = keep(workspace, user, json.dumps(rows))
    mark_rows(dataset=dataset, by=user, rows=[dataset.rows_there()[0].pk], split="search")
    text = user_client.get(f"/datasets/{dataset.pk}/rows.csv").content.decode()
    assert text.splitlines()[0] == "question,n,answer,split"
    assert "'=1+1,-5,a,search" in text
    assert {line[0] for line in text.splitlines()[1:6]} <= {"'", '"'}
    response = user_client.get(f"/datasets/{dataset.pk}/rows.jsonl")
    assert 'filename="mail-v2.jsonl"' in response["Content-Disposition"]
    assert [json.loads(line)["question"] for line in response.content.decode().splitlines()] == [
        row["question"] for row in rows
    ]


def test_a_file_is_read_in_another_way_after_a_preview(
    user_client: Client, workspace: Workspace, user: User
) -> None:
    content = "Frage;answer\n" + "".join(f"für {n};nö\n" for n in range(40))
    table = read_table(content.encode("cp1252"), "mail.csv", assignment=Assignment(encoding="cp1252"))
    dataset = create_dataset(workspace=workspace, by=user, name="x", table=table).dataset
    said = {"encoding": "mac_roman", "delimiter": ";"}
    preview = user_client.post(f"/datasets/{dataset.pk}/read/", said).content.decode()
    assert "f¸r 0" in preview
    assert "40 rows, if it is read so" in preview
    dataset.refresh_from_db()
    assert dataset.version == 1
    user_client.post(f"/datasets/{dataset.pk}/read/", said | {"approve": "yes"})
    dataset.refresh_from_db()
    assert (dataset.version, dataset.upload.encoding) == (2, "mac_roman")
    assert dataset.rows_there()[0].texts["Frage"] == "f¸r 0"
    assert "mac_roman" in page(user_client, dataset, "?tab=file")
    headless = {
        "encoding": "cp1252",
        "delimiter": ";",
        "no_header": "on",
        "expected_column": "column 2",
        "approve": "y",
    }
    user_client.post(f"/datasets/{dataset.pk}/read/", headless)
    dataset.refresh_from_db()
    assert (dataset.columns, dataset.row_count) == (["column 1", "column 2"], 41)


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ({"encoding": "utf-8"}, "is not UTF-8: see line 2"),
        ({"encoding": "rot13"}, "valid choice"),
        ({"encoding": "cp1252", "delimiter": "|"}, "No column is called"),
        ({"encoding": "cp1252", "expected_column": "nothing"}, "There is no column “nothing”"),
    ],
)
def test_a_reading_that_fails_is_told(
    user_client: Client, workspace: Workspace, user: User, said: dict[str, str], why: str
) -> None:
    content = "Frage;answer\n" + "".join(f"für {n};nö\n" for n in range(40))
    table = read_table(content.encode("cp1252"), "mail.csv", assignment=Assignment(encoding="cp1252"))
    dataset = create_dataset(workspace=workspace, by=user, name="x", table=table).dataset
    response = user_client.post(f"/datasets/{dataset.pk}/read/", said | {"approve": "yes"})
    assert response.status_code == 422
    assert why in response.content.decode()
    dataset.refresh_from_db()
    assert dataset.version == 1


def test_a_dataset_from_before_files_were_kept_has_a_page(user_client: Client, workspace: Workspace) -> None:
    dataset = factories.make_dataset(workspace)
    assert "Review 0" in page(user_client, dataset)
    assert "No file" in page(user_client, dataset, "?tab=file")
    assert "input,expected" in user_client.get(f"/datasets/{dataset.pk}/rows.csv").content.decode()
    row = dataset.rows_there()[0]
    user_client.post(f"/datasets/{dataset.pk}/rows/{row.pk}/", {"cell-0": "changed", "cell-1": "positive"})
    assert dataset.rows_there()[0].input == "changed"
    assert numbers(user_client, dataset, "?q=Review 3") == [4]


def test_of_two_who_describe_a_dataset_the_second_decides(user_client: Client, dataset: Dataset) -> None:
    place = f"/datasets/{dataset.pk}/describe/"
    seen = user_client.get(f"/datasets/{dataset.pk}/").context["seen"]
    first = {"name": "Mail", "description": "Theirs", "seen": seen}
    assert user_client.post(place, first).status_code == 302
    assert user_client.post(place, first).status_code == 302  # pressed twice
    mine = {"name": "Mail", "description": "Mine", "seen": seen}
    response = user_client.post(place, mine)
    assert response.status_code == 409
    told = response.content.decode()
    assert "Mine</textarea>" in told
    assert "Meanwhile “Theirs” was saved here" in told
    dataset.refresh_from_db()
    assert dataset.description == "Theirs"
    assert user_client.post(place, mine | {"seen": response.context["seen"]}).status_code == 302
    dataset.refresh_from_db()
    assert dataset.description == "Mine"


def test_a_dataset_is_renamed_deleted_and_brought_back(user_client: Client, dataset: Dataset) -> None:
    user_client.post(f"/datasets/{dataset.pk}/describe/", {"name": "Letters", "description": "Of May"})
    told = page(user_client, dataset)
    assert "Letters" in told
    assert "Of May" in told
    long = user_client.post(f"/datasets/{dataset.pk}/describe/", {"name": "🙂" * 500})
    assert long.status_code == 422
    assert "500 characters" in long.content.decode()
    gone = user_client.post(f"/datasets/{dataset.pk}/delete/", follow=True).content.decode()
    assert "“Letters” is deleted." in gone
    assert user_client.get(f"/datasets/{dataset.pk}/").status_code == 404
    user_client.post(f"/trash/dataset/{dataset.pk}/", {"next": "/datasets/"})


# Plans, with a million rows


@pytest.fixture
def million(workspace: Workspace) -> Dataset:
    """100 datasets of 10,000 rows each."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO optimizer_dataset (workspace_id, name, row_count, created_at, updated_at) "
            "SELECT %s, 'd' || n, 10000, now() - n * interval '1 min', now() FROM generate_series(1, 100) n",
            [workspace.pk],
        )
        cursor.execute(
            "INSERT INTO optimizer_example (dataset_id, position, input, expected, cells) "
            "SELECT d.id, n * 64, 'q' || n, 'a', jsonb_build_object('input', 'q' || n, 'expected', 'a') "
            "FROM optimizer_dataset d, generate_series(1, 10000) n"
        )
        cursor.execute("ANALYZE optimizer_dataset, optimizer_example")
    found: Dataset = Dataset.objects.order_by("pk")[50]
    return found


def test_no_list_reads_a_million_rows(user_client: Client, million: Dataset) -> None:
    rows, there = million.rows(), million.rows_there()
    visible = Dataset.objects.filter(workspace=million.workspace_id, deleted_at=None)
    plans = {
        "page": rows.filter(position__gte=64 * 5000)[:51],
        "earlier": rows.filter(position__lt=64 * 5000).reverse()[:51],
        "there": there[:51],
        "number": rows.filter(position__lt=64 * 5000).order_by().values("pk"),
        "jump": rows.values_list("position")[9000:9001],
        "search": rows.matching("q77")[:51],
        "tag": rows.filter(tags__contains=["x"])[:51],
        "list": visible.with_uses([million.workspace_id]).order_by("-created_at", "-id")[:21],
    }
    for name, query in plans.items():
        plan = query.explain()
        assert "Seq Scan on optimizer_example" not in plan, (name, plan)
        assert "Seq Scan on optimizer_optimizationsession" not in plan, (name, plan)
    for place in ("", "?row=9000", "?q=q77", "?after=320000"):
        assert len(numbers(user_client, million, place)) == 50
    assert Example.objects.filter(dataset=million).count() == 10_000
