"""The part of a form that holds rows with answers, and how outputs are graded against them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet

from optimizer.counts import there_are
from optimizer.engine.checks import warnings_of_answers
from optimizer.engine.graders import RUBRIC, fault, folded, graded, told
from optimizer.engine.task import Grade
from optimizer.engine.thinking import without_thinking
from optimizer.files import Assignment, FileFaultError, Limits, Row, Table, read_table, reassigned
from optimizer.forms.fields import LongText, PercentField, ShortText, pane
from optimizer.forms.mapping import MappingField
from optimizer.models import Dataset, User
from optimizer.models.base import TEXT_MAX

GRADER_WORDS = {
    "": "Choose for me",
    "exact": "Exact match",
    "contains": "Contains the expected text",
    "words": "Same words in any order",
    "regex": "Matches the expected pattern",
    "numeric": "Same number",
    "json": "Same JSON",
    "choice": "Same choice (A, B, C)",
    "rubric": "Judged by a model",
}
OPTIONS_OF = {
    "numeric": {"tolerance": "tolerance"},
    "choice": {"choice_list": "choices"},
    "rubric": {"rubric": "rubric", "threshold": "threshold"},
}  # by grader: fields, and what the engine calls them
ROWS_LIKE = "input,expected\nThe tea arrived cold.,negative\nWonderful scones!,positive"
MOST_CHOICES = 100
PLACES = ("rows", "rows_file", "dataset")
ITS_LOG = "Try another answer or another grader; the server's log has the details."

log = logging.getLogger(__name__)


class ExamplesForm(forms.Form):
    """Rows, pasted, uploaded or saved, with the grader and its options."""

    rows = LongText(widget=pane(5, ROWS_LIKE), required=False, limit=settings.DATASET_MAX_BYTES, strip=False)
    rows_file = forms.FileField(required=False, allow_empty_file=True)
    no_header = forms.BooleanField(required=False)
    keep_good = forms.BooleanField(required=False)
    expected_column = ShortText(strip=False, max_length=TEXT_MAX, required=False)
    input_column = ShortText(strip=False, max_length=TEXT_MAX, required=False)
    weight_column = ShortText(strip=False, max_length=TEXT_MAX, required=False)
    mapping = MappingField(required=False)
    # The saved rows that the chosen columns are of, "" for pasted rows and files. A choice for other rows is void.
    mapping_of = ShortText(required=False, widget=forms.HiddenInput)
    dataset = forms.ModelChoiceField(Dataset.objects.none(), required=False, empty_label="None")
    grader = forms.ChoiceField(choices=list(GRADER_WORDS.items()), required=False)
    rubric = LongText(
        widget=pane(3, "Polite, names the product, no longer than two sentences"), required=False
    )
    threshold = PercentField(low=1, required=False)
    tolerance = forms.FloatField(min_value=0, required=False)
    choice_list = LongText(widget=pane(3, "positive\nnegative"), required=False)

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        files: Any = None,
        *,
        user: User,
        initial: Mapping[str, Any] | None = None,
        more: Mapping[str, forms.Field] | None = None,
    ) -> None:
        """`more` are further fields, by name."""
        super().__init__(data, files, initial=dict(initial or {}), use_required_attribute=False)
        self.fields.update(more or {})
        self.table: Table | None = None
        self.assigned = Assignment()  # the columns that were chosen by hand
        self.fault: FileFaultError | None = None  # why there is no table, and what a person may choose
        self.fields["dataset"].queryset = datasets_of(user)  # type: ignore[attr-defined]
        for name, field in self.fields.items():
            field.widget.attrs["aria-describedby"] = f"id_{name}_about"

    def clean_rows(self) -> str:
        rows: str = self.cleaned_data["rows"]
        return rows if rows.strip() else ""

    @property
    def place(self) -> str:
        """The field that the rows come from, "" if there are none."""
        return next((name for name in PLACES if self.cleaned_data.get(name)), "")

    def read(self) -> Table | None:
        """The rows with their columns, wherever they come from. Their faults are shown at their field."""
        chosen, place = self.cleaned_data, self.place
        if not place:
            return None
        try:
            if place == "dataset":
                dataset: Dataset = chosen["dataset"]
                return reassigned(dataset.table(), self.assigned)
            return self._read_text(chosen[place])
        except FileFaultError as fault:
            self.fault = fault
            self.add_error(place, ValidationError(fault.messages))
            return None

    def _read_text(self, source: str | UploadedFile[bytes]) -> Table:
        content, name = (source, "") if isinstance(source, str) else (content_of(source), source.name or "")
        said = self.cleaned_data
        assignment = replace(
            self.assigned,
            first_row_is_data=bool(said.get("no_header")),
            keep_good=bool(said.get("keep_good")),
        )
        return read_table(content, name, limits=limits(), assignment=assignment)

    def _assigned(self) -> Assignment:
        """The columns that were chosen for these rows, and where nothing was, those of the last time."""
        chosen, before = self.cleaned_data, self.last_assignment()
        dataset = chosen.get("dataset")
        rows = str(dataset.pk) if dataset else ""
        if "mapping_of" in self.data and chosen.get("mapping_of") != rows:
            return before
        said = Assignment(
            expected=chosen.get("expected_column") or "",
            input=chosen.get("input_column") or "",
            weight=chosen.get("weight_column") or "",
        )
        by_variable = dict(before.variables) | (chosen.get("mapping") or {})
        roles = said if "mapping_of" in self.data or said.columns else before
        return replace(
            roles, variables=tuple((name, column) for name, column in by_variable.items() if column)
        )

    def last_assignment(self) -> Assignment:
        """The columns that were chosen for these rows the last time."""
        return Assignment()

    def clean_choice_list(self) -> str:
        lines = [line.strip() for line in self.cleaned_data["choice_list"].splitlines() if line.strip()]
        if len(lines) > MOST_CHOICES:
            raise ValidationError(f"These are {len(lines)} choices; at most {MOST_CHOICES} are allowed.")
        if len(lines) == 1:
            raise ValidationError("One choice leaves nothing to choose. Write at least two, one per line.")
        return "\n".join(dict.fromkeys(lines))

    def clean(self) -> dict[str, Any]:
        chosen = self.cleaned_data
        self._one_place()
        self.assigned = self._assigned()
        self.table = self.read()
        self._forget_options_of_others(chosen.get("grader") or "")
        self._check_answers(chosen.get("grader") or "exact")
        if choices := self.grader_options.get("choices"):
            self._check_choices({folded(choice) for choice in choices.splitlines()})
        return chosen

    def _one_place(self) -> None:
        if sum(bool(self.cleaned_data.get(name)) for name in PLACES) > 1:
            self.add_error(
                "rows",
                "There are rows in more than one place. Keep the pasted rows, the file or the dataset.",
            )

    def _forget_options_of_others(self, grader: str) -> None:
        """The page hides the fields of graders that are not chosen, so their content does not matter."""
        for name in {name for names in OPTIONS_OF.values() for name in names} - OPTIONS_OF.get(
            grader, {}
        ).keys():
            self.errors.pop(name, None)

    def _check_choices(self, choices: set[str]) -> None:
        """Every expected answer must be one of the choices; otherwise no answer could be right."""
        for number, (_, answers) in enumerate(self.answered, 1):
            if choices.isdisjoint(map(folded, answers)):
                self.add_error(
                    "choice_list",
                    f"Row {number} expects “{answers[0][:40]}”, which is not one of the choices.",
                )
                return

    def _check_answers(self, grader: str) -> None:
        """An answer that the grader cannot use is reported at the field of the rows, with its row."""
        for number, (_, answers) in enumerate(self.answered, 1):
            for answer in answers:
                if reason := fault(grader, answer):
                    self.add_error(
                        self.place or "rows",
                        f"Row {number}: the {grader} grader cannot use “{answer[:40]}”: {reason}.",
                    )
                    return

    @property
    def answered(self) -> list[tuple[Row, tuple[str, ...]]]:
        """The rows, if any, each with its right answers as the chosen grader takes them."""
        if self.table is None:
            return []
        as_list = self.cleaned_data.get("grader") == "json"
        return [(row, self.table.answers(row, as_list=as_list)) for row in self.table.rows]

    @property
    def warnings(self) -> list[str]:
        """What the chosen grader cannot tell apart in the expected answers."""
        grader = self.cleaned_data.get("grader") or "exact"
        return warnings_of_answers(grader, [answers[0] for _, answers in self.answered], self.grader_options)

    @property
    def grader_options(self) -> dict[str, str]:
        """The chosen grader's options that were given, as the engine takes them."""
        names = OPTIONS_OF.get(self.cleaned_data.get("grader") or "", {})
        given = {option: self.cleaned_data.get(name) for name, option in names.items()}
        return {option: str(value) for option, value in given.items() if value not in (None, "")}


class TrialForm(ExamplesForm):
    """An output, to be graded against one of the rows."""

    try_row = forms.IntegerField(min_value=1, required=False)
    try_output = LongText(widget=pane(2, "What a model might answer"), required=False)

    def clean(self) -> dict[str, Any]:
        chosen = super().clean()
        if self.errors:
            return chosen
        if chosen["grader"] == RUBRIC:
            self.add_error("grader", "A model judges by the rubric, once the optimization runs.")
        count = len(self.answered)
        if count == 0:
            self.add_error("rows", "There is no row to try it on. Add rows first.")
        elif (chosen["try_row"] or 1) > count:
            self.add_error("try_row", f"{there_are(count, 'row')}. Choose one of them.")
        return chosen

    def graded(self) -> tuple[Row, Grade | None]:
        """The row, and the grade of the output: None if the grader fails, and the form then says so. Call it on a
        valid form."""
        chosen = self.cleaned_data
        row, answers = self.answered[(chosen["try_row"] or 1) - 1]
        output = without_thinking(chosen["try_output"])
        grader = chosen["grader"] or "exact"
        options = told(grader, (answer for _, some in self.answered for answer in some))
        try:
            options |= self.grader_options
            grades = [graded(grader, output, answer, options) for answer in answers]
            return row, max(grades, key=lambda grade: grade.score)
        except Exception:
            log.exception("the %s grader failed", grader)
            self.add_error("try_output", f"The {grader} grader failed on this answer. {ITS_LOG}")
            return row, None


def content_of(file: UploadedFile[bytes]) -> bytes:
    """The file's bytes. FileFaultError if it is too large."""
    limit = settings.DATASET_MAX_BYTES
    if (file.size or 0) > limit:
        raise FileFaultError(
            f"The file is {(file.size or 0) / 2**20:.1f} MB large; the limit is {limit / 2**20:g} MB. "
            "Leave some rows out."
        )
    file.seek(0)  # two forms may read it
    content: bytes = file.read()
    return content


def limits() -> Limits:
    """How much is read of a file."""
    return Limits(settings.DATASET_MAX_BYTES, settings.DATASET_MAX_ROWS, TEXT_MAX)


def datasets_of(user: User) -> QuerySet[Dataset]:
    """The newest datasets to choose from; any visible one is accepted."""
    return Dataset.objects.visible_to(user).order_by("-created_at", "-id")
