"""Templates: what is saved, and that nothing is lost or counted twice when people work at the same time."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, connections

from optimizer.models import Feedback, OptimizationSession, PromptTemplate, User, VersionSource, Workspace
from optimizer.services import templates
from optimizer.services.choices import Choices
from optimizer.services.feedback import rate_session
from optimizer.services.meanwhile import ChangedMeanwhileError
from optimizer.services.optimizations import start_optimization
from optimizer.services.templates import Details, Written
from optimizer.services.trash import send_to_trash
from tests import factories


@pytest.fixture
def template(user: User, workspace: Workspace) -> PromptTemplate:
    details = Details("Summary", "writing", "For long mails.", ("mail", "German"))
    return templates.create_template(
        workspace=workspace, by=user, details=details, written=Written("Summarise {{text}}.", note="First")
    )


def fresh(template: PromptTemplate) -> PromptTemplate:
    return PromptTemplate.objects.get(pk=template.pk)


def at_once(work: Callable[[int], Any], times: int) -> list[Any]:
    """Results of threads with connections of their own; an error is a result, too."""

    def one(number: int) -> Any:
        try:
            return work(number)
        except Exception as error:
            return error
        finally:
            connections["default"].close()

    connection.close()
    with ThreadPoolExecutor(min(times, 15)) as people:
        return list(people.map(one, range(times)))


def test_a_new_template_has_its_first_version(template: PromptTemplate, user: User) -> None:
    version = template.versions.get()
    assert (version.number, version.text, version.note) == (1, "Summarise {{text}}.", "First")
    assert (version.source, version.created_by, fresh(template).newest) == ("edited", user, 1)


def test_an_edit_makes_the_next_version_and_the_first_stays(template: PromptTemplate, user: User) -> None:
    templates.save_version(template=template, by=user, base=1, written=Written("Sum up {{text}}."))
    assert list(template.versions.values_list("number", "text")) == [
        (2, "Sum up {{text}}."),
        (1, "Summarise {{text}}."),
    ]
    assert fresh(template).newest == template.newest == 2


def test_restoring_makes_a_new_version(template: PromptTemplate, user: User) -> None:
    templates.save_version(template=template, by=user, base=1, written=Written("Other", "Be kind."))
    version = templates.restore_version(template=template, by=user, base=2, number=1)
    assert (version.number, version.text, version.system_text) == (3, "Summarise {{text}}.", "")
    assert (version.source, version.restored_from) == (VersionSource.RESTORED, 1)


def test_the_second_of_two_editors_overwrites_nothing(template: PromptTemplate, user: User) -> None:
    mine = fresh(template)
    templates.save_version(template=template, by=user, base=1, written=Written("Theirs"))
    with pytest.raises(ChangedMeanwhileError):
        templates.save_version(template=mine, by=user, base=1, written=Written("Mine"))
    assert mine.newest == 2
    assert [version.text for version in template.versions.all()] == ["Theirs", "Summarise {{text}}."]


def test_the_same_text_is_no_new_version(template: PromptTemplate, user: User) -> None:
    with pytest.raises(ValidationError, match="nothing to save"):
        templates.save_version(template=template, by=user, base=1, written=Written("Summarise {{text}}."))
    assert fresh(template).newest == 1


def test_a_deleted_template_takes_no_version(template: PromptTemplate, user: User) -> None:
    mine = fresh(template)
    send_to_trash(by=user, row=template)
    with pytest.raises(ValidationError, match="deleted meanwhile"):
        templates.save_version(template=mine, by=user, base=1, written=Written("Mine"))


def test_details_are_compared_and_set(template: PromptTemplate, user: User) -> None:
    mine = fresh(template)
    templates.change_details(template=template, by=user, edition=1, details=Details("Digest"))
    with pytest.raises(ChangedMeanwhileError):
        templates.change_details(template=mine, by=user, edition=1, details=Details("Abstract"))
    assert fresh(template).name == "Digest"


def test_only_writers_write(template: PromptTemplate, user: User, outsider: User) -> None:
    templates.publish_template(template=template, by=user, public=True)
    with pytest.raises(PermissionDenied):
        templates.save_version(template=template, by=outsider, base=1, written=Written("Mine"))
    with pytest.raises(PermissionDenied):
        templates.move_label(template=template, by=outsider, name="production", number=1)


@pytest.mark.parametrize("words", ["summ", "MAIL germ", "writing long", "sum: text!", "kind"])
def test_search_finds_name_text_tags_and_all_else(template: PromptTemplate, user: User, words: str) -> None:
    templates.save_version(
        template=template, by=user, base=1, written=Written("Summarise the text.", "Be kind.")
    )
    assert PromptTemplate.objects.matching(words).get() == template
    assert not PromptTemplate.objects.matching(f"{words} zebra").exists()


def test_search_forgets_the_words_of_before(template: PromptTemplate, user: User) -> None:
    templates.save_version(template=template, by=user, base=1, written=Written("Translate it."))
    templates.change_details(template=template, by=user, edition=1, details=Details("Translation"))
    assert not PromptTemplate.objects.matching("summarise").exists()
    assert PromptTemplate.objects.matching("translat").exists()


def test_a_label_moves_and_its_history_is_kept(template: PromptTemplate, user: User) -> None:
    templates.save_version(template=template, by=user, base=1, written=Written("Other"))
    for number in (1, 2, 2, None, 1):
        templates.move_label(template=template, by=user, name="production", number=number)
    moves = template.label_moves.order_by("id").values_list("before", "after", "created_by")
    assert list(moves) == [(None, 1, user.pk), (1, 2, user.pk), (2, None, user.pk), (None, 1, user.pk)]
    assert template.labels.get().version.number == 1


def test_a_label_needs_a_version(template: PromptTemplate, user: User) -> None:
    with pytest.raises(ValidationError, match="no version 7"):
        templates.move_label(template=template, by=user, name="production", number=7)
    assert not template.label_moves.exists()


@pytest.mark.django_db(transaction=True)
def test_fifty_uses_at_once_add_fifty(template: PromptTemplate, user: User, workspace: Workspace) -> None:
    def use(_: int) -> OptimizationSession:
        choices = Choices("Say hello.", template=template, template_version=template.versions.get())
        return start_optimization(by=user, workspace=workspace, choices=choices)

    started = at_once(use, 50)
    assert [error for error in started if isinstance(error, Exception)] == []
    assert fresh(template).usage_count == 50
    assert {session.prompt.template_version.number for session in started} == {1}


@pytest.mark.django_db(transaction=True)
def test_of_two_editors_at_once_one_saves(template: PromptTemplate, user: User) -> None:
    def save(number: int) -> Any:
        written = Written(f"Text {number}")
        return templates.save_version(template=fresh(template), by=user, base=1, written=written)

    ended = at_once(save, 8)
    assert len([error for error in ended if isinstance(error, ChangedMeanwhileError)]) == 7
    assert list(template.versions.values_list("number", flat=True)) == [2, 1]


@pytest.mark.django_db(transaction=True)
def test_a_label_moved_by_many_at_once_has_one_place_and_an_unbroken_history(
    template: PromptTemplate, user: User
) -> None:
    for base in range(1, 8):
        templates.save_version(template=template, by=user, base=base, written=Written(f"Text {base}"))

    def move(number: int) -> None:
        templates.move_label(template=fresh(template), by=user, name="production", number=number + 1)

    assert at_once(move, 8) == [None] * 8
    moves = list(template.label_moves.order_by("id"))
    assert [move.before for move in moves] == [None, *(move.after for move in moves[:-1])]
    assert len(moves) == 8
    assert template.labels.get().version.number == moves[-1].after


@pytest.mark.django_db(transaction=True)
def test_the_rating_is_the_mean_of_all_who_rate_at_once(
    template: PromptTemplate, user: User, workspace: Workspace
) -> None:
    prompt = factories.make_prompt(workspace, template=template)
    session = factories.make_session(workspace, prompt=prompt, status="completed")
    people = [factories.make_user() for _ in range(10)]
    for person in people:
        factories.join(workspace, person)

    def rate(number: int) -> None:
        rate_session(session=session, by=people[number], rating=1 + number % 5)

    assert at_once(rate, 10) == [None] * 10
    assert (fresh(template).average_rating, fresh(template).rating_count) == (3.0, 10)
    people[0].delete()
    assert fresh(template).rating_count == 9
    for number in range(1, 10):
        rate_session(session=session, by=people[number], rating=None)
    assert Feedback.objects.count() == 9
    assert (fresh(template).average_rating, fresh(template).rating_count) == (None, 0)


def test_a_template_that_is_gone_by_now_is_no_reason_to_refuse(
    template: PromptTemplate, user: User, workspace: Workspace
) -> None:
    choices = Choices("Say hello.", template=template, template_version=template.versions.get())
    PromptTemplate.objects.all().delete()
    session = start_optimization(by=user, workspace=workspace, choices=choices)
    assert session.prompt.template is None
    connection.check_constraints()
