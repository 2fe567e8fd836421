"""What is typed of one row, or said of several."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from optimizer.counts import counted
from optimizer.files import Table
from optimizer.files.cells import HEAVIEST
from optimizer.forms.fields import LongText, refuse_unstorable
from optimizer.models import Example, HandSplit
from optimizer.models.datasets import TAG_MAX
from optimizer.services.dataset_rows import Typed

MOST_TAGS = 20
MOST_ROWS = 10_000
MOST_DIGITS = 18
OTHER_COLUMNS = "The dataset has other columns now. See where each text belongs, then add the row again."


class TagsField(forms.CharField):
    """Tags with commas between them."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.validators = []

    def to_python(self, value: Any) -> tuple[str, ...]:  # type: ignore[override]
        parts = (" ".join(part.split()) for part in str(value or "").split(","))
        return tuple(dict.fromkeys(part for part in parts if part))

    def validate(self, value: tuple[str, ...]) -> None:
        if len(value) > MOST_TAGS:
            raise ValidationError(f"These are {counted(len(value), 'tag')}; at most {MOST_TAGS} are allowed.")
        for tag in value:
            refuse_unstorable(tag)
            if len(tag) > TAG_MAX:
                raise ValidationError(f"“{tag[:TAG_MAX]}…” is too long: at most {TAG_MAX} characters a tag.")

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else ", ".join(value or ())


class RowForm(forms.Form):
    """One row: a text for each column of `header`, its weight, its tags, and where it belongs."""

    weight = forms.FloatField(required=False)
    tags = TagsField(required=False)
    split = forms.ChoiceField(choices=HandSplit.choices, required=False)

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, header: Table, row: Example | None = None
    ) -> None:
        self.header, self.new = header, row is None
        super().__init__(data, initial=_initial(header, row), use_required_attribute=False)
        for number, name in enumerate(header.columns):
            cell = LongText(required=False, strip=False, label=name)
            cell.widget.attrs["rows"] = 1
            self.fields[f"cell-{number}"] = cell
        self.fields["cell-0"].widget.attrs["autofocus"] = True
        if header.weight:
            del self.fields["weight"]
        for name, field in self.fields.items():
            field.widget.attrs["aria-describedby"] = f"id_{name}_about"

    @property
    def columns(self) -> str:
        """A digest of the columns: equal as long as the dataset has those that the form shows."""
        return sha256(json.dumps(self.header.columns).encode()).hexdigest()[:16]

    @property
    def cells(self) -> list[forms.BoundField]:
        """The fields of the columns."""
        return [self[f"cell-{number}"] for number in range(len(self.header.columns))]

    def clean(self) -> dict[str, Any]:
        """Refuse a new row that was typed for other columns: its texts would stand in the wrong ones."""
        if self.new and self.data.get("columns", self.columns) != self.columns:
            self.add_error(None, OTHER_COLUMNS)
        return self.cleaned_data

    def clean_weight(self) -> float | None:
        weight: float | None = self.cleaned_data["weight"]
        if weight is not None and not 0 < weight <= HEAVIEST:
            raise ValidationError(f"Write a number above 0, at most {HEAVIEST:,}, or leave it empty.")
        return weight

    @property
    def typed(self) -> Typed:
        """The row. Call it on a valid form."""
        given = self.cleaned_data
        texts = {name: given[f"cell-{number}"] for number, name in enumerate(self.header.columns)}
        return Typed(texts, given.get("weight"), given["tags"], given["split"])


def _initial(header: Table, row: Example | None) -> dict[str, Any]:
    if row is None:
        return {}
    cells = {f"cell-{number}": row.texts.get(name, "") for number, name in enumerate(header.columns)}
    return cells | {"weight": f"{row.weight:g}", "tags": row.tags, "split": row.split}


class RowsField(forms.Field):
    """The numbers of the rows that are chosen; what is no number is left out."""

    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> tuple[int, ...]:
        digits = [
            str(text) for text in value or () if str(text).isdecimal() and len(str(text)) <= MOST_DIGITS
        ]
        return tuple(map(int, digits[:MOST_ROWS]))


class SeveralForm(forms.Form):
    """What is to be done with the rows that are chosen."""

    rows = RowsField(error_messages={"required": "Choose rows first."})
    to = forms.ChoiceField(
        choices=[
            *((f"split:{value}", name) for value, name in HandSplit.choices),
            ("tag", "Tag"),
            ("untag", "Untag"),
            ("delete", "Delete"),
        ],
        error_messages={
            "required": "Choose what to do with the rows.",
            "invalid_choice": "Choose one of the list.",
        },
    )
    tag = TagsField(required=False)

    def clean(self) -> dict[str, Any]:
        given = self.cleaned_data
        if given.get("to") in ("tag", "untag") and len(given.get("tag") or ()) != 1:
            self.add_error("tag", "Write one tag.")
        return given


class JumpForm(forms.Form):
    """Which row a person wants to see, or where one is to stand."""

    to = forms.IntegerField(min_value=1, max_value=2**31 - 1)
