"""Which column fills which variable, as a person says."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from optimizer.files import Assignment
from optimizer.forms.fields import refuse_unstorable


class MappingField(forms.Field):
    """Columns by variable, from any number of `variable=column`. An empty column leaves the choice to the names."""

    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> dict[str, str]:
        pairs = [str(one).partition("=") for one in value or ()]
        if wrong := next((name for name, mark, _ in pairs if not mark), ""):
            raise ValidationError(
                f"“{wrong[:40]}” is not a pair. Write VARIABLE=COLUMN, such as team=Department."
            )
        return {name.strip("{} "): column for name, _, column in pairs}

    def validate(self, value: dict[str, str]) -> None:
        for pair in value.items():
            for text in pair:
                refuse_unstorable(text)


def typed_of(assignment: Assignment) -> dict[str, Any]:
    """What the form's fields hold for these choices."""
    return {
        "expected_column": assignment.expected,
        "input_column": assignment.input,
        "weight_column": assignment.weight,
        "mapping": [f"{variable}={column}" for variable, column in assignment.variables],
    }
