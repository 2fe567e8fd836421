"""How rows are read, seen before anything is started."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from optimizer.models import OptimizationSession, User, Workspace
from tests import factories
from tests.conftest import ClientOf

PREVIEW = "/optimizations/rows/"
HTMX = {"HX-Request": "true"}
TEAMS = "team,question,expected\n" + "".join(f"red,why {n}?,so\n" for n in range(4))
PROMPT = "For {{team}} answer {{question}}."


def preview(client: Client, typed: Mapping[str, object]) -> str:
    response = client.post(PREVIEW, dict(typed), headers=HTMX)
    assert response.status_code == 200
    return response.content.decode()


def test_the_preview_counts_rows_names_columns_and_shows_one_prompt(user_client: Client) -> None:
    page = preview(user_client, {"prompt": PROMPT, "rows": TEAMS})
    assert 'id="rows-preview"' in page
    assert "<html" not in page
    assert "4 rows." in page
    assert "“team” fills {{team}}; “question” fills {{question}}; “expected” is the expected answer." in page
    assert "For red answer why 0?." in page


def test_a_column_that_is_ignored_is_named(user_client: Client) -> None:
    assert "not used: “team”" in preview(user_client, {"prompt": "Answer.", "rows": TEAMS})


def test_a_variable_without_a_column_may_be_text(user_client: Client) -> None:
    typed = {"prompt": "Say {{mail}} of {{question}}.", "rows": TEAMS.replace("team,", "id,")}
    page = preview(user_client, typed | {"rows": TEAMS + "blue,who?,me\n", "prompt": "Say {{mail}}: {{x}}."})
    assert page.count("No column has this name. Choose one, or press “is text”.") == 2
    assert 'type="submit" name="literals" value="mail"' in page
    assert 'id="id_mapping_mail" aria-describedby="id_mapping_mail_about" aria-invalid="true"' in page
    page = preview(user_client, {"prompt": "Say {{mail}}.", "rows": TEAMS, "literals": ["mail"]})
    assert "No column has this name" not in page
    assert "Say {{mail}}.\n\nwhy 0?" in page
    assert '<input type="checkbox" name="literals" value="mail" checked>' in page


def test_an_unbound_variable_stops_the_start(user_client: Client) -> None:
    typed: dict[str, object] = {"prompt": "Say {{mail}}.", "rows": TEAMS}
    refused = user_client.post("/", typed)
    assert refused.status_code == 422
    assert "No column fills {{mail}}" in str(refused.context["form"].errors["mapping"])
    assert 'type="submit" name="literals" value="mail"' in refused.content.decode()
    assert not OptimizationSession.objects.exists()
    assert user_client.post("/", typed | {"literals": ["mail"]}).status_code == 302
    assert OptimizationSession.objects.get().literals == ["mail"]


@pytest.mark.parametrize(
    "prompt", [r"x^{{n_{i}}}", '{{ "a": 1 }}', "{{{q}}}", r"\frac{{a}}{{b}}", "${{ X }}", "{{open"]
)
def test_braces_that_are_no_variables_are_kept(user_client: Client, prompt: str) -> None:
    assert user_client.post("/", {"prompt": prompt, "rows": TEAMS}).status_code == 302
    assert OptimizationSession.objects.get().prompt.original == prompt


def test_rows_that_differ_only_in_what_is_not_used_are_too_few(user_client: Client) -> None:
    same = "id,question,expected\n" + "".join(f"{n},why?,so\n" for n in range(9))
    typed: dict[str, object] = {"prompt": "Answer {{question}}.", "rows": same}
    assert "There is 1 different row" in preview(user_client, typed)
    assert user_client.post("/", typed).status_code == 422


def test_a_file_without_a_header_can_be_taken_as_it_is(user_client: Client) -> None:
    typed = {
        "prompt": "Answer.",
        "rows": "Is tea wet?,yes\nIs it hot?,no\nIs ice hot?,no\nIs fire hot?,yes\n",
    }
    page = preview(user_client, typed)
    assert "No column is called expected" in page
    assert "The first row is data, not column names" in page
    page = preview(user_client, typed | {"no_header": "on"})
    assert "4 rows." in page
    assert "Answer.\n\nIs tea wet?" in page


def test_columns_are_chosen_by_hand(user_client: Client) -> None:
    typed = {"prompt": "Answer.", "rows": "输入,期望输出\n" + "".join(f"水{n},是\n" for n in range(4))}
    page = preview(user_client, typed)
    assert '<option value="期望输出">' in page
    assert 'name="expected_column"' in page
    page = preview(user_client, typed | {"expected_column": "期望输出"})
    assert "“输入” goes below the prompt; “期望输出” is the expected answer." in page
    assert '<option value="期望输出" selected>' in page


def test_without_rows_the_variables_are_named(user_client: Client) -> None:
    page = preview(user_client, {"prompt": "{{a}} or {{b}} or ${{c}}"})
    assert "{{a}}</code>" in page
    assert "{{b}}</code>" in page
    assert "{{c}}</code>" not in page
    assert "a value for each is written for you" in page


def test_a_file_is_previewed_with_what_was_done_to_read_it(user_client: Client) -> None:
    page = preview(
        user_client, {"prompt": "Answer.", "rows_file": SimpleUploadedFile("x.csv", TEAMS.encode("utf-16"))}
    )
    assert "The file was read as UTF-16." in page


def test_saved_rows_are_previewed(user_client: Client, workspace: Workspace) -> None:
    dataset = factories.make_dataset(workspace)
    page = preview(user_client, {"prompt": "Is {{text}} good?", "dataset": dataset.pk})
    assert "“input” fills {{text}}" in page


def test_without_javascript_the_whole_page_comes_back(user_client: Client) -> None:
    response = user_client.post(PREVIEW, {"prompt": PROMPT, "rows": TEAMS, "context": "A shop."})
    page = response.content.decode()
    assert "<html" in page
    assert "4 rows." in page
    assert "A shop." in page


def test_others_are_kept_out(
    client: Client, client_of: ClientOf, outsider: User, user_client: Client, workspace: Workspace
) -> None:
    assert client.post(PREVIEW, {"prompt": "x"}).status_code == 302
    assert user_client.get(PREVIEW).status_code == 405
    dataset = factories.make_dataset(workspace)
    page = (
        client_of(outsider)
        .post(PREVIEW, {"prompt": "x", "dataset": dataset.pk}, headers=HTMX)
        .content.decode()
    )
    assert "Review 0" not in page
    assert "rows." not in page


def test_running_again_keeps_what_is_text(user_client: Client, workspace: Workspace) -> None:
    session = factories.make_session(workspace, status="completed", literals=["mail"])
    page = user_client.get(f"/?from={session.pk}").content.decode()
    assert '<input type="hidden" name="literals" value="mail">' in page


def test_a_variable_that_took_the_column_left_over_may_be_text_too(user_client: Client) -> None:
    page = preview(user_client, {"prompt": "Answer {{question}} as {{name}}.", "rows": TEAMS})
    assert "“team” fills {{name}}" in page
    assert 'name="literals" value="name"' in page


def test_a_system_message_is_shown_apart_from_the_row(user_client: Client) -> None:
    typed = {"prompt": "Say it.", "rows": "input,expected\na,b\nc,d\ne,f\ng,h\n", "as_system": "on"}
    page = user_client.post("/optimizations/rows/", typed, headers=HTMX).content.decode()
    assert "goes into the user message" in page
    assert [part.partition("<")[0] for part in page.split('tabindex="0">')[1:]] == ["Say it.", "a"]
    assert "System message" in page


# Columns by hand

GERMAN = "Abteilung,Frage,expected\n" + "".join(f"rot {n},warum {n}?,so\n" for n in range(4))
BY_HAND = {
    "prompt": PROMPT,
    "rows": GERMAN,
    "mapping": ["team=Abteilung", "question=Frage"],
    "mapping_of": "",
}


def test_columns_fill_variables_by_hand_and_are_kept_with_the_session(user_client: Client) -> None:
    page = preview(user_client, BY_HAND)
    assert "For rot 0 answer warum 0?." in page
    assert '<option value="team=Abteilung" selected>Abteilung</option>' in page
    assert user_client.post("/", BY_HAND).status_code == 302
    session = OptimizationSession.objects.get()
    assert session.mapping == {"variables": {"team": "Abteilung", "question": "Frage"}}
    again = user_client.get(f"/?from={session.pk}").content.decode()
    assert '<input type="hidden" name="mapping" value="team=Abteilung">' in again
    assert f'<input type="hidden" name="mapping_of" value="{session.dataset_id}"' in again


def test_saved_rows_take_the_columns_of_the_last_time(user_client: Client) -> None:
    user_client.post("/", BY_HAND)
    dataset = OptimizationSession.objects.get().dataset
    assert dataset is not None
    typed: dict[str, object] = {"prompt": PROMPT, "dataset": dataset.pk}
    assert "“Abteilung” fills {{team}}; “Frage” fills {{question}}" in preview(user_client, typed)
    other = typed | {
        "mapping_of": "",
        "mapping": ["team=", "question="],
    }  # what was chosen for rows typed before
    assert "“Abteilung” fills {{team}}" in preview(user_client, other)
    by_name = typed | {"mapping_of": dataset.pk, "mapping": ["team=", "question=Frage"]}
    assert "“Abteilung” fills {{team}}; “Frage” fills {{question}}" in preview(user_client, by_name)
    swapped = typed | {"mapping_of": dataset.pk, "mapping": ["team=Frage", "question=Abteilung"]}
    assert "For warum 0? answer rot 0." in preview(user_client, swapped)


def test_saved_rows_take_another_column_as_the_answer(user_client: Client) -> None:
    user_client.post(
        "/",
        {
            "prompt": "Answer.",
            "rows": "q,a,b\n" + "".join(f"q{n},x,y\n" for n in range(4)),
            "expected_column": "a",
            "input_column": "q",
        },
    )
    dataset = OptimizationSession.objects.get().dataset
    assert dataset is not None
    typed = {"prompt": "Answer.", "dataset": dataset.pk, "expected_column": "b", "mapping_of": dataset.pk}
    page = preview(user_client, typed)
    assert "“b” is the expected answer" in page
    assert user_client.post("/", typed).status_code == 302
    assert OptimizationSession.objects.latest("pk").mapping == {"expected": "b"}


@pytest.mark.parametrize(
    ("mapping", "said"),
    [
        (["team=Abteilung", "question=expected"], "which no model may see"),
        (["team=Abteilung", "question=leer"], "“leer” is empty in every row. Choose another column."),
        (["team=Abteilung"], "No column has this name. Choose one, or press “is text”."),
    ],
)
def test_a_variable_that_would_stay_empty_is_told_at_its_field(
    user_client: Client, mapping: list[str], said: str
) -> None:
    rows = "Abteilung,x,y,leer,expected\n" + "".join(f"rot,a{n},b,,so\n" for n in range(4))
    typed = {"prompt": PROMPT, "rows": rows, "mapping": mapping, "mapping_of": ""}
    page = preview(user_client, typed)
    line = page[page.index('id="id_mapping_question"') :]
    assert said in line[: line.index("</td>")].replace("\n", " ")
    assert 'aria-invalid="true"' in line[:120]
    assert user_client.post("/", typed).status_code == 422


def test_rows_that_leave_a_variable_empty_are_named_at_its_field(user_client: Client) -> None:
    rows = "team,question,expected\n" + "".join(f"{'red' * (n > 1)},why {n}?,so\n" for n in range(5))
    assert "Empty in 2 of 5 rows: 1, 2" in preview(user_client, {"prompt": PROMPT, "rows": rows})


def test_the_first_rows_are_shown_with_what_each_column_is_for(user_client: Client) -> None:
    page = preview(user_client, {"prompt": "Answer {{question}}.", "rows": TEAMS})
    assert '<th scope="col">question<span>{{question}}</span></th>' in page
    assert '<th scope="col" class="unused">team<span>not used</span></th>' in page
    assert page.count("<td>red</td>") == 3


def test_hostile_columns_and_pairs_are_escaped_and_refused(user_client: Client) -> None:
    evil = "<img src=x onerror=alert(1)>"
    rows = f"{evil},question,expected\n" + "".join(f"{evil},why {n}?,so\n" for n in range(4))
    assert evil not in preview(user_client, {"prompt": PROMPT, "rows": rows, "mapping": [f"team={evil}"]})
    for mapping in (["team"], ["te\0am=question"], [f"team={'x' * 20_000}"]):
        response = user_client.post("/", {"prompt": PROMPT, "rows": TEAMS, "mapping": mapping})
        assert response.status_code == 422
