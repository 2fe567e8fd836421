"""Test inputs, as a person wants them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.datastructures import MultiValueDict

from optimizer.counts import there_are
from optimizer.engine.inputs import lacking
from optimizer.engine.variables import read_values
from optimizer.forms.fields import LongText

FEWEST, MOST = 2, 50


class InputsForm(forms.Form):
    """Any number of fields named `input`; empty ones do not count. If no inputs were written, none need be given."""

    def __init__(
        self, data: MultiValueDict[str, str], *, written: Sequence[str], variables: Sequence[str] = ()
    ) -> None:
        """`variables` are those of the prompt; each input fills all of them."""
        super().__init__(data)
        self.variables = variables
        self.written = written
        self.typed = data.getlist("input")

    def clean(self) -> dict[str, Any]:
        texts = [_checked(number, text) for number, text in enumerate(self.typed, 1)]
        for number, text in enumerate(texts, 1):
            if text:
                self._check_values(number, text)
        inputs = list(dict.fromkeys(text for text in texts if text))
        if not inputs and not self.written:
            return {"inputs": []}
        if not FEWEST <= len(inputs) <= MOST:
            raise ValidationError(
                f"{there_are(len(inputs), 'different input')}. Keep from {FEWEST} to {MOST}: "
                "some to choose by, some to measure on."
            )
        return {"inputs": inputs}

    def _check_values(self, number: int, text: str) -> None:
        """Every variable has a value, and each value can be stored."""
        values = read_values(text, self.variables)
        if values is None:
            raise ValidationError(f"Input {number}: {lacking(self.variables)}")
        for value in values.values():
            _checked(number, value)


def _checked(number: int, text: str) -> str:
    try:
        return str(LongText(required=False).clean(text))
    except ValidationError as error:
        raise ValidationError(f"Input {number}: {' '.join(error.messages)}") from error
