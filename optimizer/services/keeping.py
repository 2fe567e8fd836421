"""Outputs of an optimization that become rows of a dataset."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q

from optimizer.briefing import binding_of, table_of
from optimizer.counts import counted
from optimizer.engine import TaskRefusedError
from optimizer.engine.variables import in_braces
from optimizer.files import FileFaultError, Row, Table
from optimizer.files.binding import bind
from optimizer.files.rows import row_of
from optimizer.models import Dataset, Evaluation, Example, OptimizationSession, OutputRating, User
from optimizer.services.access import require_writer
from optimizer.services.dataset_rows import limits, number_of
from optimizer.services.datasets import create_dataset
from optimizer.services.revisions import Revision, example_of

ANSWERS = ("expected", "expected_output", "expected_answer")  # names for the answer's column of new datasets
NONE_RIGHT = "You have not marked an output as right yet. Press “Right” beside those that are."


@dataclass(frozen=True)
class Output:
    """An output, and the answer that is right for its input: the output itself, or as a person corrected it."""

    evaluation: Evaluation
    answer: str


@dataclass(frozen=True)
class Kept:
    """Where outputs went: how many rows were `added`, how many have another answer now, how many were there already.
    `number` is the row of the last of them."""

    dataset: Dataset
    added: int = 0
    changed: int = 0
    there: int = 0
    number: int = 0

    def __str__(self) -> str:
        """The same in words."""
        if self.added + self.changed + self.there == 1:
            return f"Row {self.number:,} of “{self.dataset}” {self._happened}, in version {self.dataset.version}."
        told = [(self.added, "added"), (self.changed, "changed"), (self.there, "there already")]
        words = ", ".join(f"{counted(count, 'row')} {what}" for count, what in told if count)
        return f"{words} in “{self.dataset}”, version {self.dataset.version}."

    @property
    def _happened(self) -> str:
        return "is new" if self.added else "has another answer now" if self.changed else "says so already"


def keep_right_outputs(*, session: OptimizationSession, by: User, dataset: Dataset | None) -> Kept:
    """The outputs that this person marked as right, the best prompt's first. ValidationError if there are none."""
    right = OutputRating.objects.filter(user=by, is_right=True, evaluation__candidate__session=session)
    rated = right.select_related("evaluation__candidate").order_by("-evaluation__candidate__is_best", "pk")
    outputs = [Output(rating.evaluation, rating.evaluation.output) for rating in rated]
    if not outputs:
        raise ValidationError(NONE_RIGHT)
    return keep_outputs(session=session, outputs=outputs, by=by, dataset=dataset)


@transaction.atomic
def keep_outputs(
    *, session: OptimizationSession, outputs: Sequence[Output], by: User, dataset: Dataset | None
) -> Kept:
    """Rows with these answers, in the next version of a dataset, or else in one for this session's outputs.

    A row that is there already, with another answer, takes this one. ValidationError if an answer cannot be kept."""
    require_writer(user=by, workspace_id=session.workspace_id)
    target = dataset or _begun_before(session)
    rows = _rows_of(session, outputs)
    try:
        return _added(session, target, rows, by) if target else _begun(session, rows, by)
    except FileFaultError as fault:
        raise ValidationError(fault.messages) from fault


def own_dataset(session: OptimizationSession) -> Dataset | None:
    """Where its outputs go unless another dataset is chosen: its rows, or those that were begun with its outputs."""
    if session.dataset and not session.dataset.deleted_at:
        return session.dataset
    return _begun_before(session)


def _begun_before(session: OptimizationSession) -> Dataset | None:
    begun = Dataset.objects.in_workspaces([session.workspace_id]).filter(name=_name(session))
    found: Dataset | None = begun.order_by("-pk").first()
    return found


def _name(session: OptimizationSession) -> str:
    return f"Outputs of “{session.prompt.title}”"[:100].strip()


def _rows_of(session: OptimizationSession, outputs: Iterable[Output]) -> list[tuple[dict[str, str], str]]:
    """The texts of each output's row by column, with its answer; the first output of each input counts."""
    rows: dict[str, tuple[dict[str, str], str]] = {}
    known = _known(session)
    for output in outputs:
        answer = output.answer.strip()
        if not answer:
            raise ValidationError("An empty answer cannot be kept. Write what should come out.")
        text = output.evaluation.input
        if text not in rows:
            cells = known.get(text)
            rows[text] = (dict(cells) if cells else values_of(session, text), answer)
    return list(rows.values())


def _known(session: OptimizationSession) -> dict[str, Mapping[str, str]]:
    """The texts of the session's rows by column, without their answers, by what is shown of them."""
    try:
        table = table_of(session)
    except TaskRefusedError:
        return {}
    if table is None:
        return {}
    binding = binding_of(table, session.prompt.whole, session.literals, session.assignment)
    answers = set(table.columns) - set(table.others)
    return {
        binding.shown(row): {name: text for name, text in row.cells.items() if name not in answers}
        for row in table.rows
    }


def values_of(session: OptimizationSession, text: str) -> dict[str, str]:
    """By variable, the values that were shown as this text."""
    names = session.variables
    if len(names) < 2:
        return {(names[0] if names else "input"): text}
    values, rest = list[str](), f"\n{text}"
    for name in names:
        value, mark, rest = rest.partition(f"\n{name}: ")
        if not mark or (value and not values):
            raise ValidationError(
                "The input's values cannot be told apart. Add the row on the dataset's page."
            )
        values.append(value)
    return dict(zip(names, (*values[1:], rest), strict=True))


def _begun(session: OptimizationSession, rows: Sequence[tuple[dict[str, str], str]], by: User) -> Kept:
    """A new dataset with these rows."""
    columns = tuple(rows[0][0])
    expected = next(name for name in (*ANSWERS, "__expected") if name not in columns)
    header = Table((*columns, expected), (), expected=expected, input=columns[0] if len(columns) == 1 else "")
    read = [_row(header, cells, answer) for cells, answer in rows]
    kept = create_dataset(
        workspace=session.workspace, by=by, name=_name(session), table=header.with_rows(read)
    )
    return Kept(kept.dataset, added=len(rows), number=len(rows))


def _row(header: Table, cells: Mapping[str, str], answer: str) -> Row:
    texts = dict(cells) | {header.expected: answer}
    return row_of(texts, header, where="The row", limits=limits(), listed=False)


def _added(
    session: OptimizationSession, dataset: Dataset, rows: Sequence[tuple[dict[str, str], str]], by: User
) -> Kept:
    require_writer(user=by, workspace_id=dataset.workspace_id)
    revision = Revision(dataset, by)
    header = revision.dataset.header()
    kept, last = Kept(revision.dataset), None
    for cells, answer in rows:
        fitting = _fitting(header, cells)
        there = _there(revision, header, fitting)
        if there and answer in (there.expected, *there.accepted):
            kept, last = replace(kept, there=kept.there + 1), there
            continue
        last = _placed(revision, header, fitting, answer, there)
        kept = replace(kept, changed=kept.changed + 1) if there else replace(kept, added=kept.added + 1)
    if kept.added or kept.changed:
        revision.keep(f"{counted(len(rows), 'row')} from outputs of optimization {session.pk}")
    else:
        kept.dataset.version -= 1  # nothing was kept
    return replace(kept, number=number_of(last) if last else 0)


def _fitting(header: Table, cells: Mapping[str, str]) -> dict[str, str]:
    """The texts by the columns of that dataset: by their names, or as a prompt's variables would find them."""
    if set(cells) <= set(header.others):
        return dict(cells)
    if len(cells) == 1 and header.input:
        return {header.input: next(iter(cells.values()))}
    binding = bind(replace(header, rows=()), tuple(cells))
    if binding.fault:
        names = ", ".join(in_braces(name) for name in cells if not binding.column_of(name))
        raise ValidationError(f"That dataset has no column for {names}. Choose another one.")
    return {column: cells[name] for name, column in binding.variables}


def _there(revision: Revision, header: Table, cells: Mapping[str, str]) -> Example | None:
    """The row with these texts, if there is one."""
    same = Q(cells__contains=dict(cells))
    if set(cells) == {"input"}:
        same |= Q(cells={}, input=cells["input"])  # stored without columns
    found: Example | None = revision.rows.filter(same).first()
    return found


def _placed(
    revision: Revision, header: Table, cells: Mapping[str, str], answer: str, there: Example | None
) -> Example:
    """The row, new or in the place of the one that is there."""
    row = _row(header, (there.texts if there else {}) | dict(cells), answer)
    position = there.position if there else revision.place_at_end()
    example = example_of(revision.dataset, header, row, position=position)
    if there:
        example.tags, example.split, example.weight = there.tags, there.split, there.weight
        revision.end([there.pk])
    else:
        revision.dataset.row_count += 1
    revision.add([example])
    return example
