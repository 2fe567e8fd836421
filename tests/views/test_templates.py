"""The list of templates, a template's page, and its editor."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from optimizer.live.regions import region_for
from optimizer.models import (
    OptimizationSession,
    PromptTemplate,
    Role,
    TemplateLabel,
    TemplateVersion,
    User,
    Workspace,
)
from optimizer.services.saving import save_result_as_version
from optimizer.services.templates import move_label, publish_template
from optimizer.services.trash import send_to_trash
from optimizer.views.shelf import SCOPES, SORTS, Shelf
from optimizer.views.templates import TABS
from tests import factories
from tests.conftest import ClientOf

HTMX = {"HX-Request": "true"}
HOSTILE = "<script>alert(1)</script> <img src=x onerror=alert(1)> ![x](http://e.vil/x.png)"


@pytest.fixture
def template(workspace: Workspace, user: User) -> PromptTemplate:
    return factories.make_template(workspace, created_by=user, tags=["mail"])


def address(template: PromptTemplate, *parts: str) -> str:
    return f"/templates/{template.pk}/" + "".join(f"{part}/" for part in parts)


def shown(response: Any) -> list[int]:
    return [row.pk for row in response.context["page"].rows]


def text(response: Any) -> str:
    return str(response.content.decode())


def newest(template: PromptTemplate) -> TemplateVersion:
    return TemplateVersion.objects.filter(template=template).order_by("-number")[0]


# The list


def test_each_scope_shows_its_own(
    client_of: ClientOf, workspace: Workspace, user: User, team_mate: User, outsider: User
) -> None:
    own = factories.make_template(workspace, created_by=user)
    shared = factories.make_template(workspace, created_by=team_mate)
    public = factories.make_template(outsider.personal_workspace, created_by=outsider, is_public=True)
    factories.make_template(outsider.personal_workspace, created_by=outsider)
    browser = client_of(user)
    assert shown(browser.get("/templates/")) == [shared.pk, own.pk]
    assert shown(browser.get("/templates/?scope=mine")) == [own.pk]
    assert shown(browser.get("/templates/?scope=public")) == [public.pk]


@pytest.mark.parametrize("path", ["/templates/", "/templates/new/", "/templates/1/", "/templates/1/edit/"])
def test_an_anonymous_visitor_signs_in_first(client: Client, db: None, path: str) -> None:
    assert client.get(path).status_code == 302


def test_an_outsider_finds_nothing(client_of: ClientOf, template: PromptTemplate, outsider: User) -> None:
    browser = client_of(outsider)
    assert browser.get(address(template)).status_code == 404
    for verb in ("edit", "details", "restore", "label", "publish", "delete"):
        assert browser.post(address(template, verb)).status_code == 404


@pytest.mark.parametrize("verb", ["details", "restore", "label", "publish", "delete"])
def test_other_methods_are_refused(user_client: Client, template: PromptTemplate, verb: str) -> None:
    assert user_client.get(address(template, verb)).status_code == 405
    assert user_client.post("/templates/").status_code == 405


def test_a_viewer_looks_and_does_not_write(client_of: ClientOf, template: PromptTemplate) -> None:
    viewer = factories.make_user()
    factories.join(template.workspace, viewer, Role.VIEWER)
    browser = client_of(viewer)
    page = text(browser.get(address(template)))
    assert "Delete" not in page
    assert browser.get(address(template, "edit")).status_code == 403
    assert browser.post(address(template, "edit"), {"text": "New", "base": 1}).status_code == 403


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("scope", SCOPES)
def test_pages_follow_each_other_without_gap_or_repetition(
    user_client: Client, user: User, workspace: Workspace, sort: str, scope: str
) -> None:
    start = timezone.now() - timedelta(days=1)
    made = [
        factories.make_template(
            workspace,
            created_by=user,
            is_public=True,
            created_at=start + timedelta(minutes=number // 3),
            usage_count=number // 4,
            average_rating=None if number % 3 else 1 + number % 5 * 0.7,
        )
        for number in range(45)
    ]
    keys: dict[str, Callable[[PromptTemplate], Any]] = {
        "newest": lambda row: row.created_at,
        "used": lambda row: row.usage_count,
        "rated": lambda row: row.average_rating or 0,
    }
    expected = [row.pk for row in sorted(made, key=lambda row: (keys[sort](row), row.pk), reverse=True)]
    seen, cursor = [], ""
    for _ in range(3):
        asked = {"sort": sort, "scope": scope} | ({"cursor": cursor} if cursor else {})
        response = user_client.get("/templates/", asked)
        seen += shown(response)
        cursor = response.context["page"].more
    assert seen == expected
    assert cursor == ""


def test_a_cursor_is_of_its_list_alone(user_client: Client, workspace: Workspace) -> None:
    for _ in range(21):
        factories.make_template(workspace)
    cursor = user_client.get("/templates/").context["page"].more
    assert user_client.get("/templates/", {"cursor": cursor, "sort": "used"}).status_code == 404
    assert user_client.get("/templates/?cursor=made-up").status_code == 404


def test_words_category_and_tag_narrow_the_list(user_client: Client, workspace: Workspace) -> None:
    mail = factories.make_template(
        workspace, "Answer {{letter}}.", name="Mail", category="support", tags=["de"]
    )
    factories.make_template(workspace)
    for asked in ({"q": "lett"}, {"q": "MAI"}, {"q": "de sup"}, {"category": "support"}, {"tag": "de"}):
        assert shown(user_client.get("/templates/", asked)) == [mail.pk], asked
    assert "No matches" in text(user_client.get("/templates/?q=zebra"))


@pytest.mark.parametrize(
    "words", ["\0", "'", "a:*b & | !", "\\", "(((", "%", "💥", "x" * 5000, "<>", "😀" * 500]
)
def test_any_search_text_is_safe(user_client: Client, template: PromptTemplate, words: str) -> None:
    for name in ("q", "category", "tag", "sort", "scope", "cursor"):
        response = user_client.get("/templates/", {name: words})
        assert response.status_code in {200, 404}
        assert "<>" not in text(response)


def test_nothing_yet_is_not_no_matches(user_client: Client) -> None:
    assert "Nothing yet" in text(user_client.get("/templates/"))


def test_htmx_gets_the_region_alone(user_client: Client, template: PromptTemplate) -> None:
    page = text(user_client.get("/templates/?q=summary", headers=HTMX))
    assert page.lstrip().startswith('<div id="templates-region"')


def test_the_number_of_queries_does_not_grow_and_no_long_text_is_read(
    user_client: Client,
    workspace: Workspace,
    user: User,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    for _ in range(21):
        factories.make_template(workspace, created_by=user, tags=["a"])
    with django_assert_max_num_queries(7) as queries:
        user_client.get("/templates/")
    rows = next(query["sql"] for query in queries if "LIMIT 21" in query["sql"])
    assert '"text"' not in rows
    assert '"words"' not in rows
    assert not re.search(r'"description"(?!, 160)', rows)


# Live


def test_publishing_appears_in_another_persons_list(
    template: PromptTemplate, user: User, outsider: User
) -> None:
    region = region_for(outsider, "templates", {"scope": "public"})
    assert region is not None
    assert "templates:public" in region.topics
    assert "Summary" not in region.render()
    publish_template(template=template, by=user, public=True)
    assert "Summary" in region.render()


def test_a_page_of_a_template_is_live_for_those_who_see_it(
    template: PromptTemplate, user: User, outsider: User
) -> None:
    assert region_for(outsider, f"template:{template.pk}", {}) is None
    region = region_for(user, f"template:{template.pk}", {})
    assert region is not None
    PromptTemplate.objects.filter(pk=template.pk).update(usage_count=7)
    assert "Used 7 times" in region.render()


# Plans


@pytest.fixture
def many(workspace: Workspace, user: User, outsider: User) -> None:
    """10,000 templates of two workspaces, one in ten public."""
    now = timezone.now()
    PromptTemplate.objects.bulk_create(
        (
            PromptTemplate(
                workspace=(workspace, outsider.personal_workspace)[number % 2],
                created_by=(user, outsider)[number % 2],
                name=f"Template {number}",
                category=f"category {number % 12}",
                description="What it is for. " * 20,
                tags=[f"tag{number % 50}", "all"],
                is_public=number % 10 < 2,
                usage_count=number * 7919 % 1000,
                average_rating=(1 + number % 9 / 2) if number % 4 else None,
                created_at=now - timedelta(minutes=number),
            )
            for number in range(10_000)
        ),
        2_000,
    )
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE optimizer_prompttemplate SET words = array_to_tsvector(ARRAY["
            "'template', 'n' || id % 997, CASE WHEN id % 2000 = 0 THEN 'zeppelin' ELSE 'train' END])"
        )
        cursor.execute("ANALYZE optimizer_prompttemplate")


@pytest.mark.parametrize("workspaces", [1, 2], ids=["one workspace", "two"])
def test_at_ten_thousand_templates_an_index_serves_each_list(
    many: None, user: User, workspace: Workspace, outsider: User, workspaces: int
) -> None:
    visible = PromptTemplate.objects.visible_to(user)
    mine = [workspace.pk, outsider.personal_workspace.pk][:workspaces]
    for scope in SCOPES:
        rows = PromptTemplate.objects.in_scope(scope, user_id=user.pk, workspaces=mine)
        for sort in SORTS:
            plain = Shelf(scope, sort)
            first = plain.choose(rows)[:21]
            plan = first.explain()
            assert f"Index Scan using template_{sort}" in plan, plan
            assert "Sort" not in plan, plan
            place = plain.order.place_of(plain.order.cursor_of(first[20]))
            assert place is not None
            after = plain.choose(rows).before(*place, column=plain.order.column)[:21].explain()
            assert f"Index Scan using template_{sort}" in after, after
            assert re.search(r"Index Cond: .*ROW\(", after), after
            for narrowed in ({"words": "zepp"}, {"category": "category 3"}, {"tag": "tag7"}):
                narrow = Shelf(scope, sort, **narrowed)
                plan = narrow.choose(rows)[:21].explain()
                assert "Seq Scan on optimizer_prompttemplate" not in plan, plan
    assert "Seq Scan on optimizer_prompttemplate" not in visible.filter(pk=1).explain()


# A page


@pytest.mark.parametrize("tab", ["", "versions", "optimizations", "details", "nonsense"])
def test_every_tab_opens(user_client: Client, template: PromptTemplate, tab: str) -> None:
    response = user_client.get(address(template), {"tab": tab})
    assert response.status_code == 200
    assert "Summary" in text(response)


def test_a_version_is_shown_by_its_number(user_client: Client, template: PromptTemplate) -> None:
    factories.make_version(template, "Sum up {{text}}.")
    assert "Sum up {{text}}." in text(user_client.get(address(template)))
    assert "Summarise {{text}}." in text(user_client.get(address(template), {"version": 1}))
    assert user_client.get(address(template), {"version": "9" * 40}).status_code == 200


def test_any_two_versions_are_compared(user_client: Client, template: PromptTemplate) -> None:
    factories.make_version(template, "Summarise {{text}} at once.")
    factories.make_version(template, "Ignore {{text}}.")
    page = text(user_client.get(address(template) + "?tab=versions&a=1&b=2"))
    assert "<ins> at once</ins>" in page
    backwards = text(user_client.get(address(template) + "?tab=versions&a=3&b=1"))
    assert "<del>Ignore</del>" in backwards


@pytest.mark.parametrize("b", ["7", "", "x", "9" * 30, "<b>"])
def test_a_version_that_is_not_there_is_told(user_client: Client, template: PromptTemplate, b: str) -> None:
    response = user_client.get(address(template) + f"?tab=versions&a=1&b={b}")
    assert response.status_code == 200
    assert "Write numbers from 1 to 1" in text(response)


def test_two_hundred_versions_are_listed_by_pages_without_their_texts(
    user_client: Client, template: PromptTemplate, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    TemplateVersion.objects.bulk_create(
        TemplateVersion(template=template, number=number, text=f"long text {number}")
        for number in range(2, 201)
    )
    PromptTemplate.objects.filter(pk=template.pk).update(newest=200)
    seen, before = [], ""
    for _ in range(4):
        with django_assert_max_num_queries(11):
            response = user_client.get(address(template), {"tab": "versions", "before": before})
        seen += [version.number for version in response.context["versions"]]
        assert "long text" not in text(response)
        before = str(response.context["more"] or "")
    assert seen == list(range(200, 0, -1))


def test_restoring_an_old_version(user_client: Client, template: PromptTemplate) -> None:
    factories.make_version(template, "Other")
    user_client.post(address(template, "restore"), {"number": 1, "base": 2})
    assert (newest(template).number, newest(template).text) == (3, "Summarise {{text}}.")
    page = text(user_client.get(address(template), {"tab": "versions"}))
    assert "Restored from version 1" in page


def test_restoring_over_an_unseen_version_asks_first(user_client: Client, template: PromptTemplate) -> None:
    factories.make_version(template, "Other")
    factories.make_version(template, "Unseen")
    response = user_client.post(address(template, "restore"), {"number": 1, "base": 2})
    assert response.status_code == 409
    assert "Version 3 was saved meanwhile" in text(response)
    assert newest(template).number == 3


@pytest.mark.parametrize(
    "typed", [{}, {"number": "x", "base": "1"}, {"number": "7", "base": "1"}, {"number": "1" * 40}]
)
def test_a_version_to_restore_must_be_there(
    user_client: Client, template: PromptTemplate, typed: dict[str, str]
) -> None:
    assert user_client.post(address(template, "restore"), typed).status_code == 422


def test_a_label_is_set_moved_and_taken_off(user_client: Client, template: PromptTemplate) -> None:
    factories.make_version(template, "Other")
    user_client.post(address(template, "label"), {"name": " Production ", "number": 1})
    user_client.post(address(template, "label"), {"name": "production", "number": 2})
    page = text(user_client.get(address(template)))
    assert "from version 1 to 2" in page
    user_client.post(address(template, "label"), {"name": "production", "number": ""})
    assert not TemplateLabel.objects.exists()


@pytest.mark.parametrize(
    ("typed", "told"),
    [
        ({"name": "", "number": 1}, "Write a label"),
        ({"name": "two words", "number": 1}, "two-words"),
        ({"name": "x" * 31, "number": 1}, "at most 30"),
        ({"name": "\x1b[31mred", "number": 1}, "control character"),
        ({"name": "production", "number": 9}, "no version 9"),
        ({"name": "production", "number": "9" * 30}, "less than or equal"),
        ({"name": HOSTILE[:29], "number": 9}, "A label is one word"),
    ],
)
def test_a_label_that_cannot_be_is_told_at_its_field(
    user_client: Client, template: PromptTemplate, typed: dict[str, str], told: str
) -> None:
    response = user_client.post(address(template, "label"), typed)
    assert response.status_code == 422
    assert told in text(response)
    assert "<script>alert" not in text(response)


def test_publishing_and_back(user_client: Client, template: PromptTemplate) -> None:
    for public in ("1", "0"):
        user_client.post(address(template, "publish"), {"public": public})
        template.refresh_from_db()
        assert template.is_public == (public == "1")


def test_deleting_offers_a_way_back(user_client: Client, template: PromptTemplate) -> None:
    page = text(user_client.post(address(template, "delete"), follow=True))
    assert "Undo" in page
    assert user_client.get(address(template)).status_code == 404
    user_client.post(f"/trash/template/{template.pk}/bring-back/")
    assert user_client.get(address(template)).status_code == 200


# Writing

NEW = {
    "name": "Mail",
    "category": "support",
    "tags": "de, mail, De",
    "description": "",
    "text": "Answer {{letter}}.",
}


def test_a_new_template(user_client: Client, user: User) -> None:
    response = user_client.post("/templates/new/", NEW)
    template = PromptTemplate.objects.get()
    assert response.headers["Location"] == address(template)
    assert (template.name, template.category, template.tags) == ("Mail", "support", ["De", "mail"])
    assert (template.workspace, template.created_by, newest(template).text) == (
        user.personal_workspace,
        user,
        "Answer {{letter}}.",
    )


@pytest.mark.parametrize(
    ("field", "typed", "told"),
    [
        ("name", "", "Give the template a name"),
        ("name", "😀" * 500, "500 characters long; at most 100"),
        ("name", "\x1b]0;owned\x07", "control character (U+001B)"),
        ("name", "a\u202eb", "control character (U+202E)"),
        ("name", "a\0b", "NUL"),
        ("category", "x" * 51, "at most 50"),
        ("tags", "x" * 31, "at most 30"),
        ("tags", ",".join(map(str, range(21))), "21 tags"),
        ("tags", "\x1b[2J", "control character"),
        ("description", "x" * 1001, "at most 1,000"),
        ("text", " ", "Write the text"),
        ("text", "x" * 10_001, "Shorten it by 1"),
        ("text", "Hi {{name", "Line 1: “{{name” is never closed"),
        ("text", "Hi\n{{name}", "Line 2: “{{name}” is never closed"),
        ("text", "Hi {{a {{b}} c}}", "a variable inside another"),
        ("text", "Hi {{user.name}}", "is no variable"),
        ("system_text", "{{x", "never closed"),
        ("note", "x" * 201, "at most 200"),
    ],
)
def test_what_cannot_be_saved_is_told_at_its_field_and_nothing_is_lost(
    user_client: Client, field: str, typed: str, told: str
) -> None:
    response = user_client.post("/templates/new/", NEW | {field: typed})
    assert response.status_code == 422
    errors = " ".join(response.context["form"].errors[field])
    assert told in errors
    assert response.context["form"]["text"].value() == (NEW | {field: typed})["text"]
    assert not PromptTemplate.objects.exists()


def test_braces_that_are_text_are_saved_after_one_question(user_client: Client) -> None:
    typed = NEW | {"text": "{% if x %} {{ user.name }} {{letter}}"}
    page = text(user_client.post("/templates/new/", typed))
    assert 'name="as_text"' in page
    user_client.post("/templates/new/", typed | {"as_text": "1"})
    assert newest(PromptTemplate.objects.get()).text == typed["text"]


@pytest.mark.parametrize(
    "text", [r"\frac{{a}}{{b}}", '{{"a": 1}}', "{{{x}}}", "${{ secrets.X }}", "f(x) = {x}"]
)
def test_code_and_formulas_are_text_without_a_question(user_client: Client, text: str) -> None:
    assert user_client.post("/templates/new/", NEW | {"text": text}).status_code in {302, 422}


def test_hostile_words_are_shown_as_they_are(user_client: Client) -> None:
    user_client.post(
        "/templates/new/",
        {name: HOSTILE[:30] if name in {"category", "tags"} else HOSTILE for name in NEW} | {"note": HOSTILE},
    )
    template = PromptTemplate.objects.get()
    user_client.post(address(template, "edit"), {"text": HOSTILE + "2", "note": HOSTILE, "base": 1})
    pages = ["/templates/", address(template), address(template) + "?tab=versions&a=1&b=2"]
    for path in [*pages, address(template) + "?tab=details", address(template, "edit"), "/templates/new/"]:
        page = text(user_client.get(path))
        assert "<script>alert" not in page
        assert "<img src=x" not in page


def test_a_copy_begins_with_what_the_original_has(
    client_of: ClientOf, template: PromptTemplate, outsider: User
) -> None:
    PromptTemplate.objects.update(is_public=True)
    form = client_of(outsider).get("/templates/new/", {"copy": template.pk}).context["form"]
    assert (form["name"].value(), form["text"].value()) == ("Summary", "Summarise {{text}}.")


def test_an_edit_is_the_next_version(user_client: Client, template: PromptTemplate, user: User) -> None:
    assert "Summarise {{text}}." in text(user_client.get(address(template, "edit")))
    user_client.post(
        address(template, "edit"), {"text": "Sum up.", "system_text": "Be kind.", "note": "Short", "base": 1}
    )
    version = newest(template)
    assert (version.number, version.text, version.system_text) == (2, "Sum up.", "Be kind.")
    assert (version.note, version.created_by) == ("Short", user)


def test_the_second_of_two_editors_sees_both_texts_and_decides(
    client_of: ClientOf, template: PromptTemplate, user: User, team_mate: User
) -> None:
    client_of(team_mate).post(address(template, "edit"), {"text": "Summarise {{text}} briefly.", "base": 1})
    typed = {"text": "Summarise {{text}} in German.", "note": "German", "base": 1}
    mine = client_of(user)
    response = mine.post(address(template, "edit"), typed)
    page = text(response)
    assert response.status_code == 409
    conflict = response.context["conflict"]
    assert (conflict.ancestor.text, conflict.theirs.text) == (
        "Summarise {{text}}.",
        "Summarise {{text}} briefly.",
    )
    assert "<ins> briefly</ins>" in page
    assert "<ins> in German</ins>" in page
    assert response.context["form"]["text"].value() == typed["text"]
    assert newest(template).number == 2, "nothing is overwritten"
    mine.post(address(template, "edit"), typed | {"base": 2})
    assert list(template.versions.values_list("number", "text")) == [
        (3, "Summarise {{text}} in German."),
        (2, "Summarise {{text}} briefly."),
        (1, "Summarise {{text}}."),
    ]


def test_two_who_save_the_same_text_are_of_one_mind(user_client: Client, template: PromptTemplate) -> None:
    factories.make_version(template, "Sum up.")
    response = user_client.post(address(template, "edit"), {"text": "Sum up.", "base": 1}, follow=True)
    assert "the same text meanwhile" in text(response)


def test_a_base_that_never_was_is_a_conflict_too(user_client: Client, template: PromptTemplate) -> None:
    for base in ("", "7", "0"):
        response = user_client.post(address(template, "edit"), {"text": "Mine", "base": base})
        assert response.status_code == 409
        assert "Mine" in text(response)
    assert user_client.post(address(template, "edit"), {"text": "Mine", "base": "x"}).status_code == 422


def test_a_text_outlives_the_deletion_of_its_template(
    user_client: Client, template: PromptTemplate, user: User
) -> None:
    send_to_trash(by=user, row=template)
    response = user_client.post(address(template, "edit"), {"text": "Mine", "base": 1})
    assert response.status_code == 422
    assert "deleted meanwhile" in text(response)
    assert "Mine" in text(response)


def test_details_are_saved(user_client: Client, template: PromptTemplate) -> None:
    typed = {"name": "Digest", "category": "", "tags": "a, b", "description": "Short.", "edition": 1}
    assert user_client.post(address(template, "details"), typed).status_code == 302
    template.refresh_from_db()
    assert (template.name, template.tags, template.edition) == ("Digest", ["a", "b"], 2)


def test_the_second_to_change_details_sees_what_the_first_saved(
    client_of: ClientOf, template: PromptTemplate, user: User, team_mate: User
) -> None:
    typed = {"name": "Summary", "category": "writing", "tags": "mail", "edition": 1}
    client_of(team_mate).post(address(template, "details"), typed | {"name": "Digest"})
    mine = client_of(user)
    response = mine.post(address(template, "details"), typed | {"name": "Abstract"})
    assert response.status_code == 409
    assert list(response.context["form"].errors) == ["name"]
    assert "“Digest”" in text(response).replace("&quot;", '"')
    again = typed | {"name": "Abstract", "edition": response.context["form"]["edition"].value()}
    assert mine.post(address(template, "details"), again).status_code == 302
    template.refresh_from_db()
    assert template.name == "Abstract"


# Optimizing, and bringing the result back


def test_an_optimization_starts_from_a_version(user_client: Client, template: PromptTemplate) -> None:
    factories.make_version(template, "Other {{text}}")
    form = user_client.get("/", {"template": template.pk, "version": 1}).context["form"]
    asked = {name: form[name].value() for name in ("prompt", "template", "version")}
    assert asked == {"prompt": "Summarise {{text}}.", "template": template.pk, "version": 1}
    user_client.post("/", asked | {"prompt": "Summarise it."})
    prompt = OptimizationSession.objects.get().prompt
    assert (prompt.template, prompt.template_version) == (template, template.versions.get(number=1))
    template.refresh_from_db()
    assert template.usage_count == 1
    again = user_client.get("/", {"from": OptimizationSession.objects.get().pk}).context["form"]
    assert again["version"].value() == 1


@pytest.fixture
def session(template: PromptTemplate, user: User) -> OptimizationSession:
    """A better prompt, found from version 1."""
    prompt = factories.make_prompt(
        template.workspace, template=template, template_version=template.versions.get(number=1)
    )
    session = factories.make_session(
        template.workspace, prompt=prompt, status="completed", kept_original=False, verdict="better",
        baseline_score=0.4, best_score=0.75,
    )  # fmt: skip
    factories.make_candidate(session)
    factories.make_candidate(session, text="Summarise {{text}} in one line.", is_best=True)
    return session


def test_a_result_becomes_the_next_version(
    user_client: Client, template: PromptTemplate, session: OptimizationSession
) -> None:
    results = f"/optimizations/{session.pk}/"
    page = text(user_client.get(results))
    assert "version 1 of Summary" in page
    assert "Save as version 2 of Summary" in page
    response = user_client.post(f"{results}save/", {"into": "version", "base": 1, "note": "Shorter"})
    assert response.headers["Location"] == address(template)
    version = newest(template)
    assert (version.number, version.text) == (2, "Summarise {{text}} in one line.")
    assert (version.source, version.session, version.note) == ("result", session, "Shorter")
    assert f"Result of optimization {session.pk}" in text(user_client.get(address(template)))
    assert "version 2 of Summary" in text(user_client.get(results))
    tree = text(user_client.get(address(template), {"tab": "optimizations"}))
    assert re.search(r"version 1<.*Better.*40 % → 75 %.*version 2<", tree, re.DOTALL)


def test_a_result_is_not_saved_over_an_unseen_version(
    user_client: Client, template: PromptTemplate, session: OptimizationSession
) -> None:
    factories.make_version(template, "Unseen")
    response = user_client.post(f"/optimizations/{session.pk}/save/", {"into": "version", "base": 1})
    assert response.status_code == 409
    assert "Save as version 3" in text(response)
    assert newest(template).number == 2


def test_a_result_without_a_template_becomes_one(
    user_client: Client, session: OptimizationSession, user: User
) -> None:
    send_to_trash(by=user, row=session.prompt.template)  # type: ignore[arg-type]
    page = text(user_client.get(f"/optimizations/{session.pk}/"))
    assert "Save as template" in page
    user_client.post(f"/optimizations/{session.pk}/save/", {"into": "template", "name": "One line"})
    made = PromptTemplate.objects.get(name="One line")
    assert newest(made).text == "Summarise {{text}} in one line."
    assert newest(made).session == session


@pytest.mark.parametrize(
    "typed",
    [
        {"into": "version", "base": "x"},
        {"into": "template", "name": "x" * 101},
        {"into": "template", "note": "\x1b"},
    ],
)
def test_a_result_that_cannot_be_saved_is_told(
    user_client: Client, session: OptimizationSession, typed: dict[str, str]
) -> None:
    response = user_client.post(f"/optimizations/{session.pk}/save/", typed)
    assert response.status_code == 422
    assert TemplateVersion.objects.count() == 1


def test_a_result_that_is_too_long_is_told(user_client: Client, session: OptimizationSession) -> None:
    session.candidates.filter(is_best=True).update(text="x" * 10_001)
    response = user_client.post(f"/optimizations/{session.pk}/save/", {"into": "version", "base": 1})
    assert response.status_code == 422
    assert "10,001 characters long" in text(response)


def test_a_result_is_saved_by_writers_alone(
    client_of: ClientOf, session: OptimizationSession, outsider: User
) -> None:
    path = f"/optimizations/{session.pk}/save/"
    assert client_of(outsider).post(path, {"into": "template"}).status_code == 404
    factories.join(session.workspace, outsider, Role.VIEWER)
    assert client_of(outsider).post(path, {"into": "template"}).status_code == 403


def test_who_made_a_public_template_is_the_workspaces_own_business(
    client_of: ClientOf, session: OptimizationSession, template: PromptTemplate, user: User, outsider: User
) -> None:
    save_result_as_version(session=session, by=user, base=1, note="")
    move_label(template=template, by=user, name="production", number=2)
    publish_template(template=template, by=user, public=True)
    for tab in TABS:
        page = text(client_of(outsider).get(address(template), {"tab": tab}))
        assert "user@example.com" not in page
        assert f"/optimizations/{session.pk}/" not in page
    assert "user@example.com" in text(client_of(user).get(address(template)))


def test_a_template_deleted_while_it_is_optimized_leaves_all_pages_well(
    user_client: Client, session: OptimizationSession, template: PromptTemplate
) -> None:
    template.delete()
    assert user_client.get(f"/optimizations/{session.pk}/").status_code == 200
    assert user_client.get("/", {"from": session.pk}).status_code == 200
    response = user_client.post(f"/optimizations/{session.pk}/save/", {"into": "version", "base": 1})
    assert response.status_code == 422
    assert "new template" in text(response)
