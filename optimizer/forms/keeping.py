"""An output that becomes a row: its answer, and the dataset that it goes to."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms

from optimizer.forms.examples import datasets_of
from optimizer.forms.fields import LongText, pane
from optimizer.models import Dataset, User


class KeepForm(forms.Form):
    """The answer, and the dataset; none is one for the run's outputs."""

    answer = LongText(widget=pane(4, "What should come out"), required=False)
    dataset = forms.ModelChoiceField(Dataset.objects.none(), required=False)

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, user: User, initial: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(data, initial=dict(initial or {}), use_required_attribute=False)
        self.fields["dataset"].queryset = datasets_of(user)  # type: ignore[attr-defined]
