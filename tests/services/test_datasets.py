"""Datasets: equal uploads, versions, rows that people change, two of them at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied
from django.db import connection
from django.db.models import Max

from optimizer.briefing import task_of
from optimizer.files import FileFaultError, read_table
from optimizer.models import Dataset, Example, User, Workspace
from optimizer.services.choices import Choices
from optimizer.services.dataset_rows import (
    RowChangedError,
    Typed,
    add_row,
    change_row,
    delete_rows,
    mark_rows,
    move_row,
    number_of,
    tag_rows,
)
from optimizer.services.datasets import Kept, create_dataset, describe_dataset, read_again
from optimizer.services.optimizations import start_optimization
from optimizer.services.trash import bring_back, send_to_trash
from tests import factories

CSV = "team,question,answer\n" + "".join(f"red,why {n}?,so {n}\n" for n in range(1, 9))


def keep(user: User, text: str = CSV, name: str = "Mail") -> Kept:
    return create_dataset(workspace=user.personal_workspace, by=user, name=name, table=read_table(text))


def questions(dataset: Dataset, version: int | None = None) -> list[str]:
    dataset.refresh_from_db()
    return [row.texts["question"] for row in dataset.rows(version)]


def row(dataset: Dataset, number: int) -> Example:
    found: Example = list(dataset.rows_there())[number - 1]
    return found


def typed(question: str, **more: Any) -> Typed:
    return Typed({"team": "red", "question": question, "answer": "so"}, **more)


def test_a_dataset_keeps_its_upload_and_how_it_was_read(user: User) -> None:
    content = "team;question;answer\n" + "".join(f"rot;für {n}?;nö\n" for n in range(30))
    table = read_table(content.encode("cp1252"), "mail.csv")
    dataset = create_dataset(workspace=user.personal_workspace, by=user, name="x", table=table).dataset
    upload = dataset.upload
    assert (upload.name, upload.encoding, upload.delimiter, upload.has_header) == (
        "mail.csv",
        "cp1252",
        ";",
        True,
    )
    assert bytes(upload.content) == content.encode("cp1252")
    assert (dataset.version, dataset.row_count) == (1, 30)


def test_equal_uploads_of_a_workspace_are_one_dataset(user: User, outsider: User) -> None:
    first = keep(user)
    again = keep(user, name="Another name")
    assert (again.dataset, again.version, again.new) == (first.dataset, 1, False)
    assert keep(outsider).new
    assert keep(user, CSV + "red,why not?,so\n").new


def test_an_equal_upload_means_the_version_that_it_was(user: User) -> None:
    dataset = keep(user).dataset
    change_row(row=row(dataset, 1), by=user, typed=typed("why me?"))
    assert keep(user).version == 1
    session = start_optimization(
        by=user,
        workspace=user.personal_workspace,
        choices=Choices(prompt="{{question}}", table=read_table(CSV)),
    )
    assert (session.dataset, session.dataset_version) == (dataset, 1)
    assert task_of(session).items[0].input == "why 1?"


def test_a_deleted_dataset_is_no_equal(user: User) -> None:
    dataset = keep(user).dataset
    send_to_trash(by=user, row=dataset)
    assert keep(user).new
    assert bring_back(by=user, row=dataset)


def test_each_change_makes_a_version_and_the_earlier_ones_stay(user: User) -> None:
    dataset = keep(user).dataset
    changed = change_row(row=row(dataset, 3), by=user, typed=typed("why three?", tags=("odd",), weight=2))
    assert (changed.weight, changed.tags) == (2, ["odd"])
    added = add_row(dataset=dataset, by=user, typed=typed("why nine?"))
    assert number_of(added) == 9
    add_row(dataset=dataset, by=user, typed=typed("between"), below=changed)
    assert delete_rows(dataset=dataset, by=user, rows=[row(dataset, 1).pk]) == 1
    assert questions(dataset) == [
        "why 2?", "why three?", "between", "why 4?", "why 5?", "why 6?", "why 7?", "why 8?", "why nine?"
    ]  # fmt: skip
    assert questions(dataset, 1) == [f"why {n}?" for n in range(1, 9)]
    assert questions(dataset, 2)[2] == "why three?"
    assert (dataset.version, dataset.row_count) == (5, 9)
    told = dataset.versions.order_by("number").values_list("number", "row_count", "change")
    assert list(told) == [
        (1, 8, "Read from pasted rows"), (2, 8, "Row 3 changed"), (3, 9, "Row 9 added"), (4, 10, "Row 4 added"),
        (5, 9, "1 row deleted"),
    ]  # fmt: skip


def test_what_changes_nothing_makes_no_version(user: User) -> None:
    dataset = keep(user).dataset
    same = row(dataset, 1)
    change_row(row=same, by=user, typed=Typed(same.texts, 1.0))
    move_row(row=same, by=user, to=1)
    assert mark_rows(dataset=dataset, by=user, rows=[same.pk], split="") == 0
    assert delete_rows(dataset=dataset, by=user, rows=[10**9]) == 0
    dataset.refresh_from_db()
    assert dataset.version == 1


@pytest.mark.parametrize(("number", "to"), [(1, 8), (8, 1), (3, 4), (4, 3), (2, 99), (5, 2)])
def test_a_row_moves(user: User, number: int, to: int) -> None:
    dataset = keep(user).dataset
    expected = questions(dataset)
    expected.insert(to - 1, expected.pop(number - 1))
    moved = move_row(row=row(dataset, number), by=user, to=to)
    assert questions(dataset) == expected
    assert number_of(moved) == min(to, 8)


def test_there_is_always_room_between_two_rows_and_old_versions_keep_their_order(user: User) -> None:
    dataset = keep(user).dataset
    first = row(dataset, 1)
    for number in range(20):
        add_row(dataset=dataset, by=user, typed=typed(f"new {number}"), below=first)
    assert questions(dataset)[:3] == ["why 1?", "new 19", "new 18"]
    assert questions(dataset, 1) == [f"why {n}?" for n in range(1, 9)]
    assert questions(dataset, 11)[:3] == ["why 1?", "new 9", "new 8"]
    Example.objects.filter(dataset=dataset).delete()
    assert number_of(add_row(dataset=dataset, by=user, typed=typed("only"))) == 1


def test_rows_are_marked_and_tagged_together(user: User) -> None:
    dataset = keep(user).dataset
    chosen = [found.pk for found in list(dataset.rows_there())[:3]]
    assert mark_rows(dataset=dataset, by=user, rows=[*chosen, 10**9], split="held_out") == 3
    chosen = [found.pk for found in dataset.rows_there().filter(split="held_out")]
    assert tag_rows(dataset=dataset, by=user, rows=chosen, tag="hard") == 3
    dataset.refresh_from_db()
    assert [found.tags for found in dataset.rows_there()][:4] == [["hard"]] * 3 + [[]]
    assert [item.split for item in dataset.table().rows][:4] == ["held_out"] * 3 + [""]
    assert [item.split for item in dataset.table(1).rows] == [""] * 8


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        ({"answer": " "}, "Row 1: “answer” is empty"),
        ({"answer": "a", "question": ""}, "Row 1: “question” is empty"),
        ({"answer": "a", "question": "x" * 10_001}, "has 10,001 characters; the limit is 10,000"),
        ({"answer": "a\0", "question": "x"}, "broken character"),
    ],
)
def test_a_row_with_a_fault_is_refused(user: User, cells: dict[str, str], said: str) -> None:
    dataset = keep(user).dataset
    with pytest.raises(FileFaultError, match=said):
        change_row(row=row(dataset, 1), by=user, typed=Typed(cells))
    dataset.refresh_from_db()
    assert dataset.version == 1


def test_a_list_of_answers_stays_one(user: User) -> None:
    text = "".join(f'{{"question": "why {n}?", "answer": ["a", "b"]}}\n' for n in range(4))
    dataset = keep(user, text).dataset
    change_row(row=row(dataset, 1), by=user, typed=Typed({"question": "who?", "answer": '["x", "y"]'}))
    assert dataset.rows_there().get(input="who?").accepted == ["x", "y"]


def test_the_weights_column_is_the_weight(user: User) -> None:
    dataset = keep(user, "input,weight,expected\na,2,x\nb,,x\nc,1,x\nd,1,x\n").dataset
    change_row(row=row(dataset, 1), by=user, typed=Typed({"input": "a", "weight": "3", "expected": "x"}))
    assert [found.weight for found in dataset.rows_there()] == [3, 1, 1, 1]


def test_reading_again_makes_the_next_version(user: User) -> None:
    dataset = keep(user).dataset
    change_row(row=row(dataset, 1), by=user, typed=typed("by hand"))
    begun = read_again(dataset=dataset, by=user, table=read_table(CSV.replace("why", "who")))
    assert (begun.version, questions(dataset)[0], questions(dataset, 2)[0]) == (3, "who 1?", "by hand")


def test_an_optimization_keeps_its_version(user: User) -> None:
    dataset = keep(user).dataset
    session = start_optimization(
        by=user, workspace=user.personal_workspace, choices=Choices(prompt="{{question}}", dataset=dataset)
    )
    change_row(row=row(dataset, 1), by=user, typed=typed("later"))
    session.refresh_from_db()
    assert session.dataset_version == 1
    assert task_of(session).items[0].input == "why 1?"
    dataset.refresh_from_db()
    again = Choices(prompt="{{question}}", dataset=dataset)
    later = start_optimization(by=user, workspace=user.personal_workspace, choices=again)
    assert (later.dataset_version, task_of(later).items[0].input) == (2, "later")


def test_who_edits_a_changed_row_is_told_and_sees_what_stands_there(user: User) -> None:
    dataset = keep(user).dataset
    before = row(dataset, 2)
    change_row(row=before, by=user, typed=typed("first"))
    with pytest.raises(RowChangedError) as caught:
        change_row(row=before, by=user, typed=typed("second"))
    assert caught.value.now
    assert caught.value.now.texts["question"] == "first"
    gone = row(dataset, 3)
    delete_rows(dataset=dataset, by=user, rows=[gone.pk])
    with pytest.raises(RowChangedError) as caught:
        change_row(row=gone, by=user, typed=typed("second"))
    assert caught.value.now is None


def test_nobody_changes_a_deleted_dataset(user: User) -> None:
    dataset = keep(user).dataset
    send_to_trash(by=user, row=dataset)
    with pytest.raises(FileFaultError, match="deleted meanwhile"):
        add_row(dataset=dataset, by=user, typed=typed("late"))


def test_only_who_may_write_changes_a_dataset(user: User, outsider: User) -> None:
    dataset = keep(user).dataset
    found = row(dataset, 1)
    for verb in (
        lambda: change_row(row=found, by=outsider, typed=typed("x")),
        lambda: add_row(dataset=dataset, by=outsider, typed=typed("x")),
        lambda: move_row(row=found, by=outsider, to=2),
        lambda: delete_rows(dataset=dataset, by=outsider, rows=[found.pk]),
        lambda: mark_rows(dataset=dataset, by=outsider, rows=[found.pk], split="search"),
        lambda: tag_rows(dataset=dataset, by=outsider, rows=[found.pk], tag="x"),
        lambda: read_again(dataset=dataset, by=outsider, table=read_table(CSV)),
        lambda: describe_dataset(dataset=dataset, by=outsider, name="x", description=""),
    ):
        with pytest.raises(PermissionDenied):
            verb()


def together(*acts: Callable[[], object]) -> list[object]:
    """What each returned or raised, done at once on connections of their own."""
    results: list[object] = [None] * len(acts)
    barrier = threading.Barrier(len(acts))

    def do(number: int) -> None:
        try:
            barrier.wait(10)
            results[number] = acts[number]()
        except Exception as error:
            results[number] = error
        finally:
            connection.close()

    threads = [threading.Thread(target=do, args=[number]) for number in range(len(acts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return results


@pytest.mark.django_db(transaction=True)
def test_of_two_editors_of_a_row_one_is_told_and_other_rows_do_not_mind() -> None:
    user = factories.make_user("two@example.com")
    dataset = keep(user).dataset
    one, other = row(dataset, 1), row(dataset, 2)
    results = together(
        lambda: change_row(row=one, by=user, typed=typed("first")),
        lambda: change_row(row=one, by=user, typed=typed("second")),
        lambda: change_row(row=other, by=user, typed=typed("other")),
    )
    assert sum(isinstance(result, RowChangedError) for result in results) == 1
    assert isinstance(results[2], Example)
    dataset.refresh_from_db()
    assert (dataset.version, dataset.rows_there().count()) == (3, 8)
    assert dataset.versions.aggregate(Max("number"))["number__max"] == 3


@pytest.mark.django_db(transaction=True)
def test_equal_uploads_at_once_are_one_dataset() -> None:
    user = factories.make_user("equal@example.com")
    results = together(*[lambda: keep(user)] * 4)
    assert [result.new for result in results if isinstance(result, Kept)].count(True) == 1
    assert Dataset.objects.count() == 1


def test_a_dataset_of_another_workspace_is_not_told(user: User, outsider: User, workspace: Workspace) -> None:
    dataset = keep(user).dataset
    assert list(Dataset.objects.visible_to(user)) == [dataset]
    assert not Dataset.objects.visible_to(outsider).exists()
