"""The form of a new optimization."""

from __future__ import annotations

import re
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from optimizer import installed
from optimizer.forms.optimization import OptimizationForm
from optimizer.llm.facts import ModelFacts
from optimizer.llm.roles import Roles
from optimizer.models import Dataset, Example, OptimizationSession, Prompt, Role, User, Workspace
from optimizer.views import choosing
from tests import factories
from tests.conftest import ClientOf

ROWS = "input,expected\na,b\nc,d\ne,f\ng,h\n"
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def models() -> None:
    installed.keep([ModelFacts("smollm2:135m"), ModelFacts("llama3.2:latest")])


def test_the_sample_is_there_for_a_newcomer(user_client: Client) -> None:
    page = user_client.get("/").content.decode()
    assert "What is this customer writing about?" in page
    assert "This is a sample" in page


def test_the_sample_is_one_click_away_later(user_client: Client, workspace: Workspace) -> None:
    factories.make_session(workspace)
    assert "What is this customer writing about?" not in user_client.get("/").content.decode()
    assert "What is this customer writing about?" in user_client.get("/?sample=1").content.decode()


def test_an_anonymous_visitor_signs_in_first(client: Client, db: None) -> None:
    response = client.get("/")
    assert response.status_code == 302
    assert response.headers["Location"].startswith("/accounts/login/")


def test_other_methods_are_refused(user_client: Client) -> None:
    assert user_client.delete("/").status_code == 405


def test_a_prompt_alone_starts_with_the_defaults(user_client: Client, user: User) -> None:
    response = user_client.post("/", {"prompt": "  Say hello.\r\nKindly. "})
    session = OptimizationSession.objects.get()
    assert response.headers["Location"] == f"/optimizations/{session.pk}/"
    assert session.prompt.original == "Say hello.\nKindly."
    assert (session.iterations, session.rounds, session.temperature, session.max_tokens) == (3, 3, 0.8, 256)
    assert (session.workspace, session.created_by, session.status) == (
        user.personal_workspace,
        user,
        "pending",
    )


def test_htmx_is_sent_to_the_new_optimization(user_client: Client) -> None:
    response = user_client.post("/", {"prompt": "Say hello."}, headers=HTMX)
    assert response.headers["HX-Redirect"] == f"/optimizations/{OptimizationSession.objects.get().pk}/"


@pytest.mark.parametrize(
    ("preset", "typed", "expected"),
    [("quick", {}, (1, 2)), ("thorough", {}, (5, 4)), ("thorough", {"iterations": "2"}, (2, 4))],
)
def test_a_preset_sets_what_was_not_typed(
    user_client: Client, preset: str, typed: dict[str, str], expected: tuple[int, int]
) -> None:
    user_client.post("/", {"prompt": "Say hello.", "preset": preset} | typed)
    session = OptimizationSession.objects.get()
    assert (session.iterations, session.rounds) == expected


def test_pasted_rows_become_a_dataset(user_client: Client) -> None:
    user_client.post("/", {"prompt": "Say hello.", "rows": ROWS})
    session = OptimizationSession.objects.get()
    assert session.dataset is not None
    assert session.dataset.examples.values_list("input", "expected").first() == ("a", "b")


def test_a_file_becomes_a_dataset(user_client: Client) -> None:
    file = SimpleUploadedFile("rows.csv", ROWS.encode())
    user_client.post("/", {"prompt": "Say hello.", "rows_file": file})
    assert Example.objects.count() == 4
    assert Dataset.objects.get().name == "rows"


def test_a_saved_dataset_can_be_used(user_client: Client, workspace: Workspace) -> None:
    dataset = factories.make_dataset(workspace)
    user_client.post("/", {"prompt": "Say hello.", "dataset": dataset.pk})
    assert OptimizationSession.objects.get().dataset == dataset


def test_an_outsiders_dataset_cannot(user_client: Client, outsider: User) -> None:
    dataset = factories.make_dataset(outsider.personal_workspace)
    response = user_client.post("/", {"prompt": "Say hello.", "dataset": dataset.pk})
    assert response.status_code == 422
    assert not OptimizationSession.objects.exists()


def test_sending_twice_starts_one(user_client: Client) -> None:
    sent = {"prompt": "Say hello.", "submit_key": str(uuid4()), "rows": ROWS}
    addresses = {user_client.post("/", sent).headers["Location"] for _ in range(2)}
    assert len(addresses) == OptimizationSession.objects.count() == Dataset.objects.count() == 1


def test_the_same_key_of_another_person_starts_another(
    client_of: ClientOf, user: User, outsider: User
) -> None:
    sent = {"prompt": "Say hello.", "submit_key": str(uuid4())}
    for person in (user, outsider):
        client_of(person).post("/", sent)
    assert OptimizationSession.objects.count() == 2


BAD = {
    "empty": ("prompt", ""),
    "blank": ("prompt", " \n\t "),
    "too long": ("prompt", "x" * 10_001),
    "NUL": ("prompt", "a\0b"),
    "long context": ("context", "x" * 10_001),
    "NUL in context": ("context", "\0"),
    "missing column": ("rows", "input,other\na,b\nc,d\ne,f\ng,h\n"),
    "duplicate column": ("rows", "input,input,expected\na,b,c\n"),
    "NUL in rows": ("rows", "input,expected\na,\0\n"),
    "unknown model": ("target_model", "gpt-9"),
    "unknown optimizer model": ("optimizer_model", "gpt-9"),
    "NUL in model": ("target_model", "a\0"),
    "no iterations": ("iterations", "0"),
    "99 iterations": ("iterations", "99"),
    "iterations in words": ("iterations", "many"),
    "no rounds": ("rounds", "0"),
    "cold": ("temperature", "-1"),
    "hot": ("temperature", "2.1"),
    "not a number": ("temperature", "nan"),
    "no tokens": ("max_tokens", "0"),
    "too many tokens": ("max_tokens", "32769"),
    "no calls": ("max_calls", "0"),
    "too many calls": ("max_calls", str(2**31)),
    "huge seed": ("seed", str(2**63)),
    "few tokens": ("token_budget", "999"),
    "too many tokens in all": ("token_budget", str(2**63)),
    "no minutes": ("max_minutes", "0"),
    "endless minutes": ("max_minutes", "inf"),
    "weeks": ("max_minutes", "20000"),
    "no target": ("target_score", "0"),
    "a target beyond all": ("target_score", "101"),
    "a target in words": ("target_score", "good"),
    "no patience": ("patience", "0"),
    "unknown preset": ("preset", "fastest"),
    "unknown grader": ("grader", "vibes"),
    "no such dataset": ("dataset", "999999"),
    "dataset in words": ("dataset", "x"),
}


@pytest.mark.parametrize("headers", [{}, HTMX], ids=["page", "htmx"])
@pytest.mark.parametrize(("field", "value"), BAD.values(), ids=BAD.keys())
def test_bad_input_is_told_at_its_field_and_nothing_is_lost(
    user_client: Client, field: str, value: str, headers: dict[str, str]
) -> None:
    typed = {"prompt": "Say hello to Zoë 👋🏽 שלום.", "context": "A bakery.", "seed": "77"} | {field: value}
    response = user_client.post("/", typed, headers=headers)
    form = response.context["form"]
    assert response.status_code == 422
    assert list(form.errors) == [field]
    page = response.content.decode()
    about = page[page.index(f'id="id_{field}_about"') :]
    assert 'class="errors"' in about[: about.index("</ul>")]
    for name, text in typed.items():
        assert form[name].value() == text
    assert not Prompt.objects.exists()
    assert ("<html" in page) != bool(headers)


RULES = {
    "negative tolerance": ({"grader": "numeric", "tolerance": "-1"}, "tolerance"),
    "tolerance in words": ({"grader": "numeric", "tolerance": "some"}, "tolerance"),
    "one choice": ({"grader": "choice", "choice_list": "yes"}, "choice_list"),
    "many choices": ({"grader": "choice", "choice_list": "\n".join(map(str, range(101)))}, "choice_list"),
    "an answer that is no choice": (
        {"grader": "choice", "choice_list": "yes\nno", "rows": ROWS},
        "choice_list",
    ),
    "threshold beyond all": ({"grader": "rubric", "threshold": "101"}, "threshold"),
    "long rubric": ({"grader": "rubric", "rubric": "x" * 10_001}, "rubric"),
}


@pytest.mark.parametrize(("typed", "field"), RULES.values(), ids=RULES.keys())
def test_a_bad_option_of_the_grader_is_told_at_its_field(
    user_client: Client, typed: dict[str, str], field: str
) -> None:
    response = user_client.post("/", {"prompt": "Say hello."} | typed)
    assert response.status_code == 422
    assert list(response.context["form"].errors) == [field]
    assert not Prompt.objects.exists()


def test_options_of_the_chosen_grader_are_kept(user_client: Client) -> None:
    typed = {"grader": "rubric", "rubric": "Polite.", "threshold": "70", "tolerance": "9"}
    user_client.post("/", {"prompt": "Say hello.", "rows": ROWS} | typed)
    session = OptimizationSession.objects.get()
    assert session.grader_options == {"rubric": "Polite.", "threshold": "0.7"}


def test_options_of_other_graders_do_not_matter(user_client: Client) -> None:
    typed = {"grader": "exact", "tolerance": "much", "choice_list": "one", "threshold": "-4"}
    assert user_client.post("/", {"prompt": "Say hello.", "rows": ROWS} | typed).status_code == 302
    assert OptimizationSession.objects.get().grader_options == {}


def test_limits_are_kept(user_client: Client) -> None:
    typed = {"token_budget": "50000", "max_minutes": "2.5", "target_score": "95 %", "patience": "3"}
    user_client.post("/", {"prompt": "Say hello."} | typed)
    session = OptimizationSession.objects.get()
    assert (session.token_budget, session.max_minutes) == (50_000, 2.5)
    assert (session.target_score, session.patience) == (0.95, 3)


def test_limits_that_are_left_out_stay_open(user_client: Client) -> None:
    user_client.post("/", {"prompt": "Say hello."})
    session = OptimizationSession.objects.get()
    assert {session.token_budget, session.max_minutes, session.target_score, session.patience} == {None}


@pytest.mark.parametrize(("rows", "asked"), [("", True), (ROWS, False)])
def test_test_inputs_can_be_asked_for_where_there_are_no_rows(
    user_client: Client, rows: str, asked: bool
) -> None:
    user_client.post("/", {"prompt": "Say hello.", "rows": rows, "show_inputs": "on"})
    assert OptimizationSession.objects.get().inputs_requested is asked


def test_weights_are_kept(user_client: Client) -> None:
    rows = "input,expected,weight\na,b,2\nc,d,\ne,f,0.5\ng,h,1\n"
    user_client.post("/", {"prompt": "Say hello.", "rows": rows})
    assert list(Example.objects.values_list("weight", flat=True)) == [2, 1, 0.5, 1]


def test_run_again_fills_the_limits_and_the_graders_options(
    user_client: Client, workspace: Workspace
) -> None:
    session = factories.make_session(
        workspace, token_budget=50_000, max_minutes=2.5, target_score=0.95, patience=3, grader="rubric",
        grader_options={"rubric": "Polite.", "threshold": "0.7"},
    )  # fmt: skip
    form = user_client.get(f"/?from={session.pk}").context["form"]
    names = ("token_budget", "max_minutes", "target_score", "patience", "rubric", "threshold")
    assert [form[name].value() for name in names] == [50_000, 2.5, "95", 3, "Polite.", "70"]


def test_an_unknown_model_is_told_which_there_are(user_client: Client) -> None:
    page = user_client.post("/", {"prompt": "Hi", "target_model": "gpt-9"}).content.decode()
    assert "smollm2:135m" in page


@pytest.mark.parametrize("model", ["", "smollm2:135m", "llama3.2"])
def test_a_known_model_is_taken(user_client: Client, model: str) -> None:
    assert user_client.post("/", {"prompt": "Hi", "target_model": model}).status_code == 302


def test_any_model_is_taken_while_none_is_known(user_client: Client) -> None:
    installed.keep([])
    assert user_client.post("/", {"prompt": "Hi", "target_model": "phi4"}).status_code == 302


@pytest.mark.parametrize(
    ("content", "word"),
    [("a\n水是湿的吗？\n火是冷的吗？".encode("gbk"), "UTF-8"), (b"x" * (50 * 2**20), "MB"), (b"", "no rows")],
    ids=["unclear", "50 MB", "empty"],
)
def test_a_bad_file_is_told_at_its_field(user_client: Client, content: bytes, word: str) -> None:
    file = SimpleUploadedFile("rows.csv", content)
    response = user_client.post("/", {"prompt": "Say hello.", "rows_file": file})
    assert response.status_code == 422
    assert word in str(response.context["form"].errors["rows_file"])


def test_a_lone_surrogate_is_refused_in_the_terminal_too(user: User) -> None:
    form = OptimizationForm({"prompt": "broken \ud83d here"}, None, user=user)
    assert "surrogate" in str(form.errors["prompt"][0])


def test_text_is_kept_in_its_composed_form(user: User) -> None:
    form = OptimizationForm({"prompt": "Cafe\u0301"}, None, user=user)
    assert form.is_valid()
    assert form.choices().prompt == "Café"


@pytest.mark.parametrize(
    "text", ["x" * 10_000, "{{name}} and {{ other }}", "{a} }} {", "مرحبا", "👩‍👩‍👧" * 1000]
)
def test_unusual_prompts_are_taken(user: User, text: str) -> None:
    assert OptimizationForm({"prompt": text}, None, user=user).is_valid()


def test_run_again_fills_the_form(user_client: Client, workspace: Workspace) -> None:
    prompt = factories.make_prompt(workspace, original="Sort the mail.", context="An office.")
    session = factories.make_session(workspace, prompt=prompt, preset="thorough", iterations=7, seed=5)
    form = user_client.get(f"/?from={session.pk}").context["form"]
    assert [form[name].value() for name in ("prompt", "context", "preset", "iterations", "seed")] == [
        "Sort the mail.", "An office.", "thorough", 7, 5,
    ]  # fmt: skip


APPROVED = ["A first letter.", "Mine, edited."]


def test_run_again_keeps_old_examples_chosen(user_client: Client, workspace: Workspace) -> None:
    oldest = factories.make_dataset(workspace, rows=1, name="The oldest")
    session = factories.make_session(workspace, dataset=oldest)
    for _ in range(choosing.OFFERED):
        factories.make_dataset(workspace, rows=1)
    page = user_client.get(f"/?from={session.pk}").content.decode()
    assert f'<option value="{oldest.pk}" selected>The oldest · ' in page
    assert "The oldest" not in user_client.get("/?blank=1").content.decode()


def test_run_again_says_that_examples_are_gone(user_client: Client, workspace: Workspace) -> None:
    dataset = factories.make_dataset(workspace, rows=1)
    session = factories.make_session(workspace, dataset=dataset)
    assert (
        "The rows of that optimization are gone"
        not in user_client.get(f"/?from={session.pk}").content.decode()
    )
    Dataset.objects.update(deleted_at=timezone.now())
    assert (
        "The rows of that optimization are gone" in user_client.get(f"/?from={session.pk}").content.decode()
    )


def test_run_again_shows_the_approved_inputs_again(user_client: Client, workspace: Workspace) -> None:
    session = factories.make_session(workspace, inputs=APPROVED)
    page = user_client.get(f"/?from={session.pk}")
    form = page.context["form"]
    assert form["show_inputs"].value() is True
    assert f'name="inputs_of" value="{session.pk}"' in page.content.decode()
    typed = {"prompt": "Hi", "show_inputs": "on", "inputs_of": form["inputs_of"].value()}
    user_client.post("/", typed)
    again = OptimizationSession.objects.latest("pk")
    assert again.inputs == APPROVED
    assert again.awaits_approval


@pytest.mark.parametrize("typed", [{}, {"rows": ROWS, "show_inputs": "on"}], ids=["unticked", "with rows"])
def test_earlier_inputs_are_left_where_they_are_not_asked_for(
    user_client: Client, workspace: Workspace, typed: dict[str, str]
) -> None:
    session = factories.make_session(workspace, inputs=APPROVED)
    user_client.post("/", {"prompt": "Hi", "inputs_of": session.pk} | typed)
    again = OptimizationSession.objects.latest("pk")
    assert (again.inputs, again.inputs_requested) == (None, False)


def test_an_outsiders_inputs_are_none(user_client: Client, outsider: User) -> None:
    session = factories.make_session(outsider.personal_workspace, inputs=APPROVED)
    user_client.post("/", {"prompt": "Hi", "show_inputs": "on", "inputs_of": session.pk})
    assert OptimizationSession.objects.latest("pk").inputs is None


@pytest.mark.parametrize("inputs", [[], None])
def test_where_there_are_no_inputs_new_ones_are_written(
    user_client: Client, workspace: Workspace, inputs: list[str] | None
) -> None:
    session = factories.make_session(workspace, inputs=inputs, inputs_requested=True)
    form = user_client.get(f"/?from={session.pk}").context["form"]
    assert (form["show_inputs"].value(), form["inputs_of"].value()) == (True, None)


def test_any_candidate_can_be_the_start(user_client: Client, workspace: Workspace) -> None:
    session = factories.make_session(workspace)
    factories.make_candidate(session, number=3, text="Candidate three.")
    assert (
        user_client.get(f"/?from={session.pk}&candidate=3").context["form"]["prompt"].value()
        == "Candidate three."
    )


def test_an_outsiders_session_cannot_be_run_again(user_client: Client, outsider: User) -> None:
    session = factories.make_session(outsider.personal_workspace)
    assert user_client.get(f"/?from={session.pk}").status_code == 404


def test_a_template_fills_the_form_and_is_remembered(user_client: Client, workspace: Workspace) -> None:
    template = factories.make_template(workspace, "Summarise {{text}}.")
    form = user_client.get(f"/?template={template.pk}").context["form"]
    assert form["prompt"].value() == "Summarise {{text}}."
    user_client.post("/", {"prompt": "Sum up {{text}}.", "template": form["template"].value()})
    session = OptimizationSession.objects.get()
    assert session.prompt.template == template
    assert user_client.get(f"/?from={session.pk}").context["form"]["template"].value() == template.pk


def test_an_outsiders_template_is_none(user_client: Client, outsider: User) -> None:
    template = factories.make_template(outsider.personal_workspace)
    assert user_client.get(f"/?template={template.pk}").status_code == 404
    user_client.post("/", {"prompt": "Hi", "template": str(template.pk)})
    assert Prompt.objects.get().template is None


def test_hostile_text_is_escaped(user_client: Client) -> None:
    page = user_client.post(
        "/", {"prompt": "<script>alert(1)</script>{{x", "context": '"><img>'}
    ).content.decode()
    assert "<script>alert" not in page
    assert '"><img>' not in page


def test_a_viewer_of_their_own_workspace_may_not_start(user_client: Client, user: User) -> None:
    user.memberships.update(role=Role.VIEWER)
    assert user_client.post("/", {"prompt": "Hi"}).status_code == 403


def test_the_work_is_queued_once_it_is_committed(
    user_client: Client, django_capture_on_commit_callbacks: pytest.FixtureRequest
) -> None:
    with django_capture_on_commit_callbacks() as callbacks:  # type: ignore[operator]
        user_client.post("/", {"prompt": "Hi"})
    assert len(callbacks) == 2  # the doorbell, and the history pages


def test_the_limit_on_uploads_is_what_the_page_says(user_client: Client) -> None:
    assert f"at most {settings.DATASET_MAX_BYTES // 2**20} MB" in user_client.get("/").content.decode()


def test_no_template_has_inline_code() -> None:
    for template in Path(settings.BASE_DIR, "templates").glob("*.html"):
        text = template.read_text()
        assert " style=" not in text, template
        assert " onclick=" not in text, template


@pytest.mark.parametrize("headers", [{}, HTMX])
def test_a_file_has_to_be_chosen_again_where_the_page_was_sent_whole(
    user_client: Client, headers: dict[str, str]
) -> None:
    typed = {"prompt": "", "rows_file": SimpleUploadedFile("letters.csv", ROWS.encode())}
    page = user_client.post("/", typed, headers=headers).content.decode()
    assert ("choose the file again" in page) == (not headers)


def test_a_fault_in_the_estimate_leads_to_its_field(user_client: Client) -> None:
    typed = {"prompt": "Sort it.", "iterations": "99"}
    page = user_client.post("/optimizations/estimate/", typed, headers=HTMX).content.decode()
    assert '<a href="#id_iterations">' in page


def test_history_and_the_menu_begin_at_one_address(user_client: Client, workspace: Workspace) -> None:
    factories.make_session(workspace)
    page = user_client.get("/history/").content.decode()
    assert '<a class="button primary" href="/">New optimization</a>' in page
    assert "blank=1" not in page


def test_the_placeholder_of_the_choices_has_two_lines(user: User) -> None:
    field = OptimizationForm(user=user).fields["choice_list"]
    assert field.widget.attrs["placeholder"] == "positive\nnegative"


def test_a_system_message_is_not_offered_where_the_model_drops_it(user_client: Client) -> None:
    before = installed.facts("smollm2:135m")
    installed.keep([ModelFacts("smollm2:135m", roles=Roles(system=False))])
    try:
        page = user_client.get("/").content.decode()
        box = re.search(r'<input[^>]*name="as_system"[^>]*>', page)
        assert box
        assert "disabled" in box[0]
        assert "drops system messages" in page
        refused = user_client.post("/", {"prompt": "Say hello.", "as_system": "on"})
        assert list(refused.context["form"].errors) == ["as_system"]
        assert not Prompt.objects.exists()
    finally:
        installed.keep([before] if before else [])


def test_a_system_message_with_variables_is_refused_and_nothing_is_lost(user_client: Client) -> None:
    refused = user_client.post("/", {"prompt": "Say {{it}}.", "as_system": "on"})
    form = refused.context["form"]
    assert list(form.errors) == ["as_system"]
    assert form["prompt"].value() == "Say {{it}}."
    assert "{{it}}" in str(form.errors["as_system"])
