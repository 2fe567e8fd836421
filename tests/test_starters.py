"""The starter library: sound, varied, and in the format that everybody imports."""

from __future__ import annotations

import pytest

from optimizer.briefing import binding_of
from optimizer.engine.graders import GRADERS, fault
from optimizer.engine.variables import variables
from optimizer.files import Table, read_table
from optimizer.files.declared import Declared, doubts, unused
from optimizer.files.template_reading import read_templates
from optimizer.files.templates import as_markdown
from optimizer.starters import FOLDER, ROWS, Starter, library

WITH_ROWS = [starter for starter in library() if starter.rows_name]


def table_of(starter: Starter) -> Table:
    return read_table(starter.rows(), f"{starter.slug}.jsonl")


def test_there_are_twenty_with_different_names() -> None:
    assert len({starter.template.name for starter in library()}) == len(library()) == 20
    assert len(WITH_ROWS) == len(ROWS) == len(list(FOLDER.glob("*.jsonl"))) == 5


@pytest.mark.parametrize("starter", library(), ids=lambda starter: starter.slug)
def test_a_starter_is_complete(starter: Starter) -> None:
    template = starter.template
    texts = template.newest.text, template.newest.system_text
    there = [name for text in texts for name in variables(text)]
    assert set(there) == {one.name for one in template.variables}
    assert not unused(template.variables, *texts)
    assert not doubts(template.newest.text)
    assert template.category
    assert template.description
    assert template.tags
    assert not template.notes
    assert read_templates(as_markdown(template).encode(), "again.md") == [template]


@pytest.mark.parametrize("starter", WITH_ROWS, ids=lambda starter: starter.slug)
def test_rows_fit_their_template_and_their_grader(starter: Starter) -> None:
    table = table_of(starter)
    binding = binding_of(table, starter.template.newest.text, ())
    assert not binding.fault
    assert not binding.gaps(table)
    assert not binding.blanks(table)
    assert {name for name, _ in binding.variables} == set(variables(starter.template.newest.text))
    assert all(name == column for name, column in binding.variables)
    assert len(table.rows) >= 60
    assert len({binding.shown(row) for row in table.rows}) == len(table.rows)
    options = {"choices": "\n".join({row.expected for row in table.rows})}
    for row in table.rows:
        assert not fault(starter.grader, row.expected)
        assert GRADERS[starter.grader](row.expected, row.expected, options).score == 1


@pytest.mark.parametrize("starter", WITH_ROWS, ids=lambda starter: starter.slug)
def test_no_answer_is_most_of_them(starter: Starter) -> None:
    answers = [row.expected for row in table_of(starter).rows]
    assert max(map(answers.count, answers)) <= 0.45 * len(answers)


def test_defaults_can_be_sent_as_they_are() -> None:
    declared: list[Declared] = [one for starter in library() for one in starter.template.variables]
    assert {one.kind for one in declared} == {"text", "long_text", "number", "choice", "date", "yes_no"}
    assert not [one.name for one in declared if one.fault]
