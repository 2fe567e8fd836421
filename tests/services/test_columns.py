"""Rows with their columns, from the form to what is sent."""

from __future__ import annotations

import json

import pytest

from optimizer import briefing
from optimizer.engine import TaskRefusedError
from optimizer.files import Assignment, read_table
from optimizer.models import Dataset, Example, OptimizationSession, User, Workspace
from optimizer.services.choices import Choices, last_assignment
from optimizer.services.datasets import create_dataset
from optimizer.services.optimizations import start_optimization
from tests import factories

ROWS = "team,question,weight,expected\n" + "".join(f"red,why {n}?,{n + 1},so\n" for n in range(6))
PROMPT = "For {{team}} answer {{question}}."


@pytest.fixture
def session(user: User) -> OptimizationSession:
    return start_optimization(
        by=user, workspace=user.personal_workspace, choices=Choices(prompt=PROMPT, table=read_table(ROWS))
    )


def test_a_dataset_keeps_all_columns_and_gives_them_back(session: OptimizationSession) -> None:
    dataset = Dataset.objects.get()
    assert dataset.table() == read_table(ROWS)
    assert Example.objects.filter(dataset=dataset).first().input == "why 0?"  # type: ignore[union-attr]


def test_the_engine_gets_a_value_for_each_variable(session: OptimizationSession) -> None:
    item = briefing.task_of(session).items[1]
    assert item.values == (("team", "red"), ("question", "why 1?"))
    assert (item.expected, item.weight) == ("so", 2.0)


def test_saved_rows_fill_the_variables_of_another_prompt(session: OptimizationSession, user: User) -> None:
    again = Choices(prompt="{{question}}", dataset=Dataset.objects.get())
    assert (
        briefing.task_of(start_optimization(by=user, workspace=user.personal_workspace, choices=again))
        .items[0]
        .input
        == "why 0?"
    )


def test_rows_that_do_not_fill_the_prompt_refuse_the_run(session: OptimizationSession) -> None:
    session.prompt.original = "{{nothing}}"
    with pytest.raises(TaskRefusedError, match="No column fills"):
        briefing.task_of(session)
    session.literals = ["nothing"]
    assert briefing.task_of(session).items[0].input == "why 0?"


def test_rows_that_were_kept_without_columns_still_run(workspace: Workspace) -> None:
    dataset = factories.make_dataset(workspace)
    prompt = factories.make_prompt(workspace, original="Is {{text}} good?")
    task = briefing.task_of(factories.make_session(workspace, prompt=prompt, dataset=dataset))
    assert task.items[0].values == (("text", "Review 0"),)
    assert task.items[0].expected == "positive"


def test_lists_of_answers_reach_the_engine_but_for_the_json_grader(user: User, workspace: Workspace) -> None:
    rows = [{"input": f"question {n}", "answer": ["Rome", "Roma"]} for n in range(4)]
    table = read_table(json.dumps(rows))
    dataset = create_dataset(workspace=workspace, by=user, name="x", table=table).dataset
    for grader, answers in {"exact": ("Rome", "Roma"), "json": ('["Rome","Roma"]',)}.items():
        session = factories.make_session(workspace, dataset=dataset, grader=grader)
        assert briefing.task_of(session).items[0].answers == answers


def test_a_dataset_keeps_its_rows_in_order_under_a_trimmed_name(user: User, workspace: Workspace) -> None:
    table = read_table(ROWS)
    dataset = create_dataset(workspace=workspace, by=user, name="  Mail ", table=table).dataset
    assert (dataset.name, dataset.created_by) == ("Mail", user)
    assert [row.weight for row in dataset.table().rows] == [1, 2, 3, 4, 5, 6]


def test_columns_chosen_by_hand_are_kept_with_the_session_and_reach_the_engine(user: User) -> None:
    table = read_table("Abteilung,Frage,expected\n" + "".join(f"rot {n},warum {n}?,so\n" for n in range(6)))
    chosen = Assignment(variables=(("team", "Abteilung"), ("question", "Frage")))
    choices = Choices(prompt=PROMPT, table=table, assignment=chosen)
    session = start_optimization(by=user, workspace=user.personal_workspace, choices=choices)
    session.refresh_from_db()
    assert session.mapping == {"variables": {"team": "Abteilung", "question": "Frage"}}
    item = briefing.task_of(session).items[1]
    assert item.values == (("team", "rot 1"), ("question", "warum 1?"))
    assert session.dataset is not None
    assert last_assignment(session.dataset, None) == chosen


def test_another_answer_column_of_saved_rows_reaches_the_engine(
    session: OptimizationSession, user: User
) -> None:
    chosen = Assignment(expected="team", variables=(("name", "question"),))
    again = Choices(prompt="{{name}}", dataset=Dataset.objects.get(), assignment=chosen)
    item = briefing.task_of(
        start_optimization(by=user, workspace=user.personal_workspace, choices=again)
    ).items[0]
    assert (item.input, item.expected) == ("why 0?", "red")
