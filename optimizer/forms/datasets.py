"""What is typed about a dataset: its name, where its rows come from, how a file is read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile

from optimizer.files import Assignment, FileFaultError, Source, Table, read_table
from optimizer.files.delimited import DELIMITER_WORDS
from optimizer.files.text import ENCODINGS
from optimizer.forms.examples import ROWS_LIKE, content_of, limits
from optimizer.forms.fields import LongText, ShortText, pane
from optimizer.models import Dataset
from optimizer.models.base import TEXT_MAX

LONGEST_NAME = 100
RECOGNISED = [("", "As recognised")]
NO_ROWS = "Paste rows, or choose a file."


class DescriptionForm(forms.Form):
    """What a dataset is called, and what it is for."""

    name = ShortText(
        max_length=LONGEST_NAME,
        error_messages={
            "required": "Give the dataset a name.",
            "max_length": "This is %(show_value)d characters long; at most %(limit_value)d are allowed.",
        },
    )
    description = LongText(widget=pane(2, "What the rows are, and where they come from"), required=False)


class ReadingForm(forms.Form):
    """How a file is read, where that was not recognised as it should be. What it reads is its `table`."""

    encoding = forms.ChoiceField(choices=[*RECOGNISED, *ENCODINGS.items()], required=False)
    delimiter = forms.ChoiceField(choices=[*RECOGNISED, *DELIMITER_WORDS.items()], required=False)
    no_header = forms.BooleanField(required=False)
    expected_column = ShortText(strip=False, max_length=TEXT_MAX, required=False)
    input_column = ShortText(strip=False, max_length=TEXT_MAX, required=False)
    keep_good = forms.BooleanField(required=False)

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        files: Any = None,
        *,
        source: Source | None = None,
        initial: Mapping[str, Any] | None = None,
        columns: Sequence[str] = (),
    ) -> None:
        """`columns` are those that are known to be in the source."""
        super().__init__(data, files, initial=dict(initial or {}), use_required_attribute=False)
        self.source = source
        self.table: Table | None = None
        self.fault: FileFaultError | None = None
        self.known = tuple(columns)

    @property
    def assignment(self) -> Assignment:
        """What was said. Call it on what was read without an error."""
        said = self.cleaned_data
        return Assignment(
            expected=said.get("expected_column") or "",
            input=said.get("input_column") or "",
            first_row_is_data=bool(said.get("no_header")),
            encoding=said.get("encoding") or "",
            delimiter=said.get("delimiter") or "",
            keep_good=bool(said.get("keep_good")),
        )

    @property
    def columns(self) -> tuple[str, ...]:
        """Those that were found, to choose from."""
        read = self.table or self.fault
        return (read.columns if read else ()) or self.known

    def clean(self) -> dict[str, Any]:
        if self.source and not self.errors:
            self.read("", self.source.content, self.source.name)
        return self.cleaned_data

    def read(self, place: str, content: bytes | str, name: str) -> None:
        """The table, or its faults at that field."""
        try:
            self.table = read_table(content, name, limits=limits(), assignment=self.assignment)
        except FileFaultError as fault:
            self.fault = fault
            self.add_error(place or None, ValidationError(fault.messages))


def initial_reading(source: Source, header: Table) -> dict[str, Any]:
    """The form's values that read the upload as it was read."""
    return {
        "encoding": source.encoding,
        "delimiter": source.delimiter,
        "no_header": not source.has_header,
        "expected_column": header.expected,
        "input_column": header.input if header.input_chosen else "",
    }


class UploadForm(ReadingForm):
    """A new dataset: a file, or pasted rows."""

    name = ShortText(max_length=LONGEST_NAME, required=False)
    description = LongText(widget=pane(2, "What the rows are, and where they come from"), required=False)
    rows = LongText(widget=pane(6, ROWS_LIKE), required=False, limit=settings.DATASET_MAX_BYTES, strip=False)
    rows_file = forms.FileField(required=False, allow_empty_file=True)

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        pasted, file = given.get("rows") or "", given.get("rows_file")
        if self.errors.keys() & {"rows", "rows_file"}:
            return given
        if pasted.strip() and file:
            self.add_error("rows", "There are pasted rows and a file. Keep one of them.")
        elif file:
            self._read_file(file)
        elif pasted.strip():
            self.read("rows", pasted, "")
        else:
            self.add_error("rows", NO_ROWS)
        return given

    def _read_file(self, file: UploadedFile[bytes]) -> None:
        try:
            content = content_of(file)
        except FileFaultError as fault:
            self.add_error("rows_file", ValidationError(fault.messages))
        else:
            self.read("rows_file", content, file.name or "")

    @property
    def title(self) -> str:
        """The name that was typed, or else that of the file."""
        given = self.cleaned_data
        file = given.get("rows_file")
        return given.get("name") or (PurePath(file.name or "").stem if file else "") or "Pasted rows"


def description_of(dataset: Dataset) -> dict[str, Any]:
    """The form's values of that dataset."""
    return {"name": dataset.name, "description": dataset.description}
