"""The part of a form that holds rows with answers, and how outputs are graded against them."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet

from optimizer.counts import there_are
from optimizer.engine.graders import RUBRIC, fault, folded, graded, without_thinking
from optimizer.engine.task import Grade
from optimizer.forms.fields import LongText, PercentField, pane
from optimizer.models import Dataset, User
from optimizer.services.datasets import Row, parse_rows, rows_of

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
ITS_LOG = "Try another answer or another grader; the server's log has the details."

log = logging.getLogger(__name__)


class ExamplesForm(forms.Form):
    """Rows, pasted, uploaded or saved, with the grader and its options."""

    rows = LongText(widget=pane(5, ROWS_LIKE), required=False, limit=settings.DATASET_MAX_BYTES)
    rows_file = forms.FileField(required=False)
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
    ) -> None:
        super().__init__(data, files, initial=dict(initial or {}), use_required_attribute=False)
        self.fields["dataset"].queryset = datasets_of(user)  # type: ignore[attr-defined]
        for name, field in self.fields.items():
            field.widget.attrs["aria-describedby"] = f"id_{name}_about"

    def clean_rows(self) -> tuple[Row, ...]:
        rows: str = self.cleaned_data["rows"]
        return tuple(parse_rows(rows)) if rows else ()

    def clean_rows_file(self) -> tuple[Row, ...]:
        file: UploadedFile[bytes] | None = self.cleaned_data["rows_file"]
        return tuple(parse_rows(_content(file), file.name or "")) if file else ()

    def clean_choice_list(self) -> str:
        lines = [line.strip() for line in self.cleaned_data["choice_list"].splitlines() if line.strip()]
        if len(lines) > MOST_CHOICES:
            raise ValidationError(f"These are {len(lines)} choices; at most {MOST_CHOICES} are allowed.")
        if len(lines) == 1:
            raise ValidationError("One choice is none. Write at least two, one a line.")
        return "\n".join(dict.fromkeys(lines))

    def clean(self) -> dict[str, Any]:
        chosen = self.cleaned_data
        if sum(bool(chosen.get(name)) for name in ("rows", "rows_file", "dataset")) > 1:
            self.add_error(
                "rows",
                "There are examples in more than one place. Keep the pasted, the file or the saved ones.",
            )
        self._forget_options_of_others(chosen.get("grader") or "")
        self._check_answers(chosen.get("grader") or "exact", chosen)
        if choices := self.grader_options.get("choices"):
            self._check_choices({folded(choice) for choice in choices.splitlines()})
        return chosen

    def _forget_options_of_others(self, grader: str) -> None:
        """What stands in the fields of graders that are not chosen, and not shown, does not matter."""
        for name in {name for names in OPTIONS_OF.values() for name in names} - OPTIONS_OF.get(
            grader, {}
        ).keys():
            self.errors.pop(name, None)

    def _check_choices(self, choices: set[str]) -> None:
        """Every expected answer is one of the choices, or no answer could be right."""
        for number, row in enumerate(self.examples(), 1):
            if folded(row.expected) not in choices:
                self.add_error(
                    "choice_list", f"Row {number} expects “{row.expected[:40]}”, which is not among these."
                )
                return

    def _check_answers(self, grader: str, chosen: Mapping[str, Any]) -> None:
        """An answer that the grader cannot use is said at its field, with its row."""
        for name in ("rows", "rows_file", "dataset"):
            found = chosen.get(name)
            rows = rows_of(found) if isinstance(found, Dataset) else found or ()
            for number, row in enumerate(rows, 1):
                if reason := fault(grader, row.expected):
                    self.add_error(
                        name, f"Row {number}: the {grader} grader cannot use “{row.expected[:40]}”: {reason}."
                    )
                    return

    @property
    def grader_options(self) -> dict[str, str]:
        """Those of the chosen grader that were given, as the engine takes them."""
        names = OPTIONS_OF.get(self.cleaned_data.get("grader") or "", {})
        given = {option: self.cleaned_data.get(name) for name, option in names.items()}
        return {option: str(value) for option, value in given.items() if value not in (None, "")}

    def examples(self) -> tuple[Row, ...]:
        """The rows, wherever they are."""
        chosen = self.cleaned_data
        if dataset := chosen.get("dataset"):
            return rows_of(dataset)
        return chosen.get("rows") or chosen.get("rows_file") or ()


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
        count = len(self.examples())
        if count == 0:
            self.add_error("rows", "There is no row to try it on. Add examples first.")
        elif (chosen["try_row"] or 1) > count:
            self.add_error("try_row", f"{there_are(count, 'row')}. Choose one of them.")
        return chosen

    def graded(self) -> tuple[Row, Grade | None]:
        """The row, and the grade of the output: None where the grader fails, as the form then says. Call it on a valid
        form."""
        chosen = self.cleaned_data
        row = self.examples()[(chosen["try_row"] or 1) - 1]
        options = {"choices": "\n".join(dict.fromkeys(row.expected for row in self.examples()))}
        output = without_thinking(chosen["try_output"])
        grader = chosen["grader"] or "exact"
        try:
            return row, graded(grader, output, row.expected, options | self.grader_options)
        except Exception:
            log.exception("the %s grader failed", grader)
            self.add_error("try_output", f"The {grader} grader failed on this answer. {ITS_LOG}")
            return row, None


def _content(file: UploadedFile[bytes]) -> bytes:
    limit = settings.DATASET_MAX_BYTES
    if (file.size or 0) > limit:
        size = f"{(file.size or 0) / 2**20:.0f} MB"
        raise ValidationError(
            f"The file has {size}; at most {limit // 2**20} MB are allowed. Take a part of the rows."
        )
    file.seek(0)  # two forms may read it
    content: bytes = file.read()
    return content


def datasets_of(user: User) -> QuerySet[Dataset]:
    """The newest datasets to choose from; any visible one is accepted."""
    return Dataset.objects.visible_to(user).order_by("-created_at", "-id")
