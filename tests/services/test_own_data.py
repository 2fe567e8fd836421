"""The archive of what one person created."""

from __future__ import annotations

import io
import json
import tracemalloc
from typing import Any
from zipfile import ZipFile

import pytest
from django.db import connection
from django.utils import timezone

from optimizer.files.archive import zipped
from optimizer.models import Dataset, Example, User, Workspace
from optimizer.services.own_data import files_of
from optimizer.services.trash import send_to_trash
from tests import factories

OTHERS = "Words of somebody else"
MANY_ROWS = """
INSERT INTO optimizer_example (dataset_id, position, input, expected)
SELECT %s, n, 'Review ' || n, repeat(md5(n::text), 10) FROM generate_series(1, 100000) AS n
"""


def archive_of(user: User) -> dict[str, bytes]:
    data = b"".join(zipped(files_of(user, now=timezone.now())))
    with ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def lines(content: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in content.splitlines()]


def fill(workspace: Workspace, person: User, word: str) -> Dataset:
    """One row of everything, by that person, with that word in each text."""
    own: dict[str, Any] = {"created_by": person, "updated_by": person}
    dataset = factories.make_dataset(workspace, name=f"{word} dataset", **own)
    Example.objects.filter(dataset=dataset).update(input=f"{word} row")
    prompt = factories.make_prompt(workspace, original=f"{word} prompt", context=f"{word} context", **own)
    session = factories.make_session(workspace, prompt=prompt, dataset=dataset, status="completed", **own)
    original = factories.make_candidate(session, text=f"{word} original")
    candidate = factories.make_candidate(session, text=f"{word} candidate")
    candidate.parents.add(original)
    factories.make_evaluation(candidate, output=f"{word} output")
    factories.make_template(workspace, text=f"{word} version", name=f"{word} template", **own)
    factories.make_feedback(session, person, comment=f"{word} comment")
    factories.rate_output(candidate.evaluations.get(), person)
    return dataset


@pytest.fixture
def two(user: User, team_mate: User, workspace: Workspace) -> Dataset:
    """Two people at work in one workspace; what one of them has."""
    fill(workspace, team_mate, OTHERS)
    return fill(workspace, user, "My")


def test_it_has_all_that_one_created(user: User, two: Dataset) -> None:
    found = archive_of(user)
    assert lines(found["prompts.jsonl"])[0]["original"] == "My prompt"
    (session,) = lines(found["optimizations.jsonl"])
    assert session["dataset_id"] == two.pk
    assert [row["text"] for row in lines(found["candidates.jsonl"])] == ["My original", "My candidate"]
    assert lines(found["candidates.jsonl"])[1]["parent_numbers"] == [0]
    (result,) = lines(found["results.jsonl"])
    assert (result["output"], result["session_id"], result["candidate_number"]) == (
        "My output",
        session["id"],
        1,
    )
    assert lines(found["templates.jsonl"])[0]["name"] == "My template"
    assert lines(found["template_versions.jsonl"])[0]["text"] == "My version"
    assert lines(found["datasets.jsonl"])[0]["name"] == "My dataset"
    assert {row["input"] for row in lines(found[f"datasets/{two.pk}.jsonl"])} == {"My row"}
    assert lines(found["feedback.jsonl"])[0]["comment"] == "My comment"
    (verdict,) = lines(found["output_ratings.jsonl"])
    assert (verdict["session_id"], verdict["candidate_number"], verdict["is_right"]) == (
        session["id"],
        1,
        True,
    )
    assert lines(found["preferences.jsonl"])[0]["theme"] == "system"
    (account,) = lines(found["account.jsonl"])
    assert account["email"] == user.email
    assert account["workspaces"][0]["role"] == "owner"


def test_nothing_of_another_person_is_in_it(user: User, team_mate: User, two: Dataset) -> None:
    everything = b"".join(archive_of(user).values()).decode()
    assert OTHERS not in everything
    assert team_mate.email not in everything
    assert "password" not in everything.replace("Your password", "")


def test_what_others_said_stays_with_them(user: User, workspace: Workspace) -> None:
    said = [{"text": OTHERS}]
    factories.make_session(
        workspace,
        created_by=user,
        evidence=said,
        rated=said,
        results={"used_feedback": [OTHERS], "tips": ["Short"]},
    )
    found = archive_of(user)
    assert OTHERS not in b"".join(found.values()).decode()
    assert lines(found["optimizations.jsonl"])[0]["results"] == {"tips": ["Short"]}


def test_what_is_in_the_trash_is_in_it_and_says_so(user: User, two: Dataset) -> None:
    send_to_trash(by=user, row=two)
    (dataset,) = lines(archive_of(user)["datasets.jsonl"])
    assert dataset["deleted_at"]


def test_what_one_left_behind_in_a_workspace_is_not(
    user: User, team_mate: User, workspace: Workspace
) -> None:
    fill(workspace, team_mate, "Secret")
    team_mate.memberships.filter(workspace=workspace).delete()
    found = archive_of(team_mate)
    for name in (
        "prompts.jsonl",
        "optimizations.jsonl",
        "candidates.jsonl",
        "datasets.jsonl",
        "templates.jsonl",
    ):
        assert not found[name]


def test_the_manifest_counts_and_the_readme_names_every_file(user: User, two: Dataset) -> None:
    found = archive_of(user)
    manifest = json.loads(found["manifest.json"])
    assert manifest["objects"]["candidates.jsonl"] == 2
    assert manifest["objects"][f"datasets/{two.pk}.jsonl"] == 8
    assert manifest["objects"].keys() == found.keys() - {"README.txt", "manifest.json"}
    for name in manifest["objects"]:
        assert (name if "/" not in name else "datasets/") in found["README.txt"].decode()


def test_a_hundred_thousand_rows_take_little_memory(user: User, workspace: Workspace) -> None:
    dataset = factories.make_dataset(workspace, rows=0, created_by=user)
    with connection.cursor() as cursor:
        cursor.execute(MANY_ROWS, [dataset.pk])
    tracemalloc.start()
    size = sum(map(len, zipped(files_of(user, now=timezone.now()))))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert size > 500_000
    assert peak < 8_000_000
