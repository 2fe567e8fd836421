"""Loading the starter library: once, again, after an edit, and by two at once."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection

from optimizer import starters
from optimizer.models import Dataset, PromptTemplate, Role, StarterCopy, TemplateVersion, User, Workspace
from optimizer.services import starters as loading
from optimizer.services.starters import Loaded, load_starters
from optimizer.services.templates import Written, save_version
from optimizer.services.trash import send_to_trash
from optimizer.starters import library
from tests import factories

pytestmark = pytest.mark.django_db


def renewed_library(monkeypatch: pytest.MonkeyPatch, slug: str, text: str) -> None:
    """As a later release has it: one text is another."""

    def newer(starter: starters.Starter) -> starters.Starter:
        if starter.slug != slug:
            return starter
        version = replace(starter.template.newest, text=text)
        return replace(starter, template=replace(starter.template, versions=(version,)))

    later = tuple(map(newer, library()))
    monkeypatch.setattr(loading, "library", lambda: later)


def test_loading_twice_changes_nothing(workspace: Workspace, user: User) -> None:
    assert load_starters(workspace=workspace, by=user) == Loaded(new=20)
    rows = list(PromptTemplate.objects.values("pk", "updated_at", "newest", "edition"))
    assert load_starters(workspace=workspace, by=user) == Loaded()
    assert list(PromptTemplate.objects.values("pk", "updated_at", "newest", "edition")) == rows
    assert Dataset.objects.count() == 5
    assert min(dataset.examples.count() for dataset in Dataset.objects.all()) >= 60
    assert set(TemplateVersion.objects.values_list("source", flat=True)) == {"imported"}


def test_a_newer_starter_is_the_next_version(
    workspace: Workspace, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_starters(workspace=workspace, by=user)
    renewed_library(monkeypatch, "correct-a-text", "Correct this: {{text}}")
    assert load_starters(workspace=workspace, by=user) == Loaded(renewed=1)
    assert load_starters(workspace=workspace, by=user) == Loaded()
    template = PromptTemplate.objects.get(name="Correct a text")
    assert next(version.text for version in template.versions.all()) == "Correct this: {{text}}"
    assert template.newest == 2


def test_an_edited_starter_stays(workspace: Workspace, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    load_starters(workspace=workspace, by=user)
    template = PromptTemplate.objects.get(name="Correct a text")
    save_version(template=template, by=user, base=1, written=Written("My own: {{text}}"))
    assert load_starters(workspace=workspace, by=user) == Loaded()
    renewed_library(monkeypatch, "correct-a-text", "Correct this: {{text}}")
    assert load_starters(workspace=workspace, by=user) == Loaded(edited=1)
    assert template.versions.count() == 2


def test_a_deleted_starter_stays_deleted(workspace: Workspace, user: User) -> None:
    load_starters(workspace=workspace, by=user)
    send_to_trash(by=user, row=PromptTemplate.objects.get(name="Correct a text"))
    PromptTemplate.objects.get(name="Plan a project").delete()
    assert load_starters(workspace=workspace, by=user) == Loaded()
    assert PromptTemplate.objects.visible_to(user).count() == 18


def test_each_workspace_has_its_own(workspace: Workspace, user: User, outsider: User) -> None:
    load_starters(workspace=workspace, by=user)
    load_starters(workspace=outsider.personal_workspace, by=outsider)
    assert PromptTemplate.objects.visible_to(outsider).count() == 20
    assert StarterCopy.objects.count() == 40


def test_a_viewer_may_not(workspace: Workspace) -> None:
    viewer = factories.make_user()
    factories.join(workspace, viewer, Role.VIEWER)
    with pytest.raises(PermissionDenied):
        load_starters(workspace=workspace, by=viewer)


@pytest.mark.django_db(transaction=True)
def test_two_who_load_at_once_load_it_once(workspace: Workspace, user: User) -> None:
    loaded = []

    def load() -> None:
        try:
            loaded.append(load_starters(workspace=workspace, by=user))
        finally:
            connection.close()

    threads = [threading.Thread(target=load) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(one.new for one in loaded) == [0, 20]
    assert PromptTemplate.objects.count() == 20
