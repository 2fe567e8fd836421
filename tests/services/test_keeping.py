"""Outputs that become rows of a dataset."""

from __future__ import annotations

import time

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from optimizer import briefing
from optimizer.files import Assignment, read_table
from optimizer.models import Dataset, OptimizationSession, User, Workspace
from optimizer.services.choices import Choices
from optimizer.services.datasets import create_dataset
from optimizer.services.feedback import rate_output
from optimizer.services.keeping import Output, keep_outputs, keep_right_outputs, own_dataset, values_of
from optimizer.services.optimizations import start_optimization
from tests import factories

ROWS = "Abteilung,question,id,expected\n" + "".join(f"red,why {n}?,{n},so\n" for n in range(4))
PROMPT = "For {{team}} answer {{question}}."


@pytest.fixture
def session(user: User) -> OptimizationSession:
    """With rows of its own, whose columns were mapped by hand."""
    chosen = Assignment(variables=(("team", "Abteilung"),))
    choices = Choices(prompt=PROMPT, table=read_table(ROWS), assignment=chosen)
    return start_optimization(by=user, workspace=user.personal_workspace, choices=choices)


def answered(session: OptimizationSession, text: str, output: str) -> Output:
    candidate = session.candidates.first() or factories.make_candidate(session)
    return Output(factories.make_evaluation(candidate, input=text, output=output, expected=""), output)


def cells(dataset: Dataset) -> list[dict[str, str]]:
    dataset.refresh_from_db()
    return [dict(row.cells) for row in dataset.table().rows]


def test_a_corrected_output_changes_the_answer_of_its_row_in_the_next_version(
    session: OptimizationSession, user: User
) -> None:
    output = answered(session, "team: red\nquestion: why 2?", "wrong")
    corrected = Output(output.evaluation, " because ")
    kept = keep_outputs(session=session, outputs=[corrected], by=user, dataset=own_dataset(session))
    assert str(kept) == f"Row 3 of “{session.dataset}” has another answer now, in version 2."
    assert cells(kept.dataset)[2] == {
        "Abteilung": "red", "question": "why 2?", "id": "2", "expected": "because"
    }  # fmt: skip
    session.refresh_from_db()
    assert briefing.task_of(session).items[2].expected == "so"  # its own version stays as it was
    again = keep_outputs(session=session, outputs=[corrected], by=user, dataset=own_dataset(session))
    assert (again.there, again.dataset.version) == (1, 2)
    assert "says so already" in str(again)


def test_outputs_of_written_inputs_begin_a_dataset_with_a_column_for_each_variable(
    user: User, workspace: Workspace
) -> None:
    prompt = factories.make_prompt(workspace, original=PROMPT)
    session = factories.make_session(workspace, prompt=prompt, status="completed")
    outputs = [
        answered(session, f"team: red {n}\nquestion: why?\nquestion: {n}", f"yes {n}") for n in range(3)
    ]
    for output in outputs[:2]:
        rate_output(evaluation=output.evaluation, by=user, right=True)
    kept = keep_right_outputs(session=session, by=user, dataset=own_dataset(session))
    assert (kept.added, kept.dataset.name) == (2, f"Outputs of “{prompt.title}”")
    assert cells(kept.dataset)[1] == {
        "team": "red 1", "question": "why?\nquestion: 1", "expected": "yes 1"
    }  # fmt: skip
    more = keep_outputs(session=session, outputs=outputs[2:], by=user, dataset=None)
    assert (more.dataset, more.number, more.dataset.version) == (kept.dataset, 3, 2)


def test_another_dataset_takes_the_texts_by_its_own_columns(session: OptimizationSession, user: User) -> None:
    table = read_table("team,question,label\n" + "".join(f"a{n},b,c\n" for n in range(4)))
    other = create_dataset(workspace=user.personal_workspace, by=user, name="Other", table=table).dataset
    rows = factories.make_session(user.personal_workspace, prompt=session.prompt, status="completed")
    output = answered(rows, "team: blue\nquestion: how?", "so")
    keep_outputs(session=rows, outputs=[output], by=user, dataset=other)
    assert cells(other)[-1] == {"team": "blue", "question": "how?", "label": "so"}
    numbers = create_dataset(
        workspace=user.personal_workspace, by=user, name="n",
        table=read_table("a,b,c,expected\n" + "".join(f"{n},2,3,4\n" for n in range(4))),
    ).dataset  # fmt: skip
    with pytest.raises(ValidationError, match=r"That dataset has no column for \{\{team"):
        keep_outputs(session=rows, outputs=[output], by=user, dataset=numbers)
    numbers.refresh_from_db()
    assert numbers.version == 1


def test_what_cannot_be_kept_is_told(session: OptimizationSession, user: User, outsider: User) -> None:
    output = answered(session, "team: red\nquestion: why 2?", "")
    with pytest.raises(ValidationError, match="An empty answer"):
        keep_outputs(session=session, outputs=[output], by=user, dataset=None)
    with pytest.raises(ValidationError, match="You have not marked"):
        keep_right_outputs(session=session, by=user, dataset=None)
    with pytest.raises(PermissionDenied):
        keep_outputs(session=session, outputs=[output], by=outsider, dataset=None)


def test_values_are_told_apart_at_once(session: OptimizationSession) -> None:
    session.prompt.original = "{{a}} {{b}} {{c}} {{d}}"
    assert values_of(session, "a: 1\nb: 2\nb: 3\nc: \nd: 4\n5") == {
        "a": "1", "b": "2\nb: 3", "c": "", "d": "4\n5"
    }  # fmt: skip
    for text in ("a: x" + "\nb: \nc: " * 1_100, "x\na: \nb: \nc: \nd: "):
        begun = time.process_time()
        with pytest.raises(ValidationError, match="cannot be told apart"):
            values_of(session, text)
        assert time.process_time() - begun < 1
