"""Templates come in and go out: what is there afterwards, and what stays as it was."""

from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied
from pytest_django import DjangoAssertNumQueries

from optimizer.files.declared import Declared
from optimizer.files.template_reading import read_templates
from optimizer.files.templates import TemplateText, VersionText, as_json, as_markdown
from optimizer.models import PromptTemplate, Role, TemplateVersion, User, Workspace
from optimizer.services.template_files import NEW, NEXT, SAME, exported, import_templates, text_of
from tests import factories

pytestmark = pytest.mark.django_db

WHOLE = TemplateText(
    "Réply",
    (
        VersionText("One {{a}}.", note="first"),
        VersionText("Two {{a}}.\n  ", "System."),
        VersionText("Three {{a}}."),
    ),
    "support",
    "What it is for.",
    ("x", "y"),
    (Declared("a", "choice", "p", "Which?", ("p", "q")),),
    (("candidate", 3), ("production", 2)),
)


def bring(workspace: Workspace, user: User, *found: TemplateText, copies: bool = False) -> list[str]:
    brought = import_templates(workspace=workspace, by=user, found=found, copies=copies)
    return [one.became for one in brought]


def test_a_round_trip_through_files_and_the_database_is_exact(workspace: Workspace, user: User) -> None:
    bring(workspace, user, WHOLE)
    (out,) = exported(PromptTemplate.objects.all())
    assert out == WHOLE
    for content, name in ((as_markdown(out), "x.md"), (as_json([out]), "x.json")):
        bring(workspace, user, *read_templates(content.encode(), name), copies=True)
    assert exported(PromptTemplate.objects.all()) == [WHOLE] * 3
    assert set(TemplateVersion.objects.values_list("source", flat=True)) == {"imported"}


def test_the_same_again_changes_nothing_and_another_text_is_the_next_version(
    workspace: Workspace, user: User
) -> None:
    one = TemplateText("Summary", (VersionText("A {{x}}."),), tags=("old",))
    other = TemplateText("Summary", (VersionText("B {{x}}.", note="better"),), tags=("new",))
    assert bring(workspace, user, one) == [NEW]
    assert bring(workspace, user, one) == [SAME]
    assert bring(workspace, user, other) == [NEXT]
    template = PromptTemplate.objects.get()
    assert (template.newest, template.tags) == (2, ["new"])
    assert template.versions.get(number=2).note == "better"
    assert bring(workspace, user, one, copies=True) == [NEW]
    assert PromptTemplate.objects.count() == 2


def test_a_version_that_repeats_the_one_before_is_left_out(workspace: Workspace, user: User) -> None:
    twice = TemplateText(
        "a", (VersionText("x"), VersionText("x"), VersionText("y")), labels=(("old", 2), ("new", 3))
    )
    bring(workspace, user, twice)
    found = text_of(PromptTemplate.objects.get())
    assert [version.text for version in found.versions] == ["x", "y"]
    assert found.labels == (("new", 2), ("old", 1))


def test_two_hundred_versions(workspace: Workspace, user: User) -> None:
    long = TemplateText("a", tuple(VersionText(f"{number} {{{{x}}}}") for number in range(200)))
    bring(workspace, user, long)
    assert exported(PromptTemplate.objects.all()) == [long]


def test_exporting_takes_the_same_queries_however_many(
    workspace: Workspace, user: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(5):
        bring(
            workspace,
            user,
            TemplateText(f"t{number}", (VersionText("x"), VersionText("y")), labels=(("l", 1),)),
        )
    with django_assert_num_queries(4):
        assert len(exported(PromptTemplate.objects.all())) == 5


def test_a_viewer_may_not(workspace: Workspace) -> None:
    viewer = factories.make_user()
    factories.join(workspace, viewer, Role.VIEWER)
    with pytest.raises(PermissionDenied):
        bring(workspace, viewer, WHOLE)


def test_what_a_file_says_nothing_of_stays(workspace: Workspace, user: User) -> None:
    """It has no versions that it could be restored from."""
    bring(workspace, user, WHOLE)
    before = PromptTemplate.objects.get()
    assert all((before.variables, before.tags, before.description, before.category))
    text = VersionText("Another {{a}}.")
    assert bring(workspace, user, TemplateText(WHOLE.name, (text,))) == [NEXT]
    now = PromptTemplate.objects.get()
    assert now.newest == before.newest + 1
    for name in ("variables", "tags", "description", "category"):
        assert getattr(now, name) == getattr(before, name)
    assert bring(workspace, user, TemplateText(WHOLE.name, (text,))) == [SAME]


def test_a_long_history_comes_in_a_few_queries(
    workspace: Workspace, user: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    long = TemplateText("a", tuple(VersionText(f"{number}") for number in range(500)))
    with django_assert_max_num_queries(30):
        bring(workspace, user, long)
