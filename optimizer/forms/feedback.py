"""What is said about a result, or about one output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from optimizer.forms.fields import LongText
from optimizer.models import Chosen, Feedback

SUGGESTIONS = 20
VERDICTS = {"right": True, "wrong": False, "none": None}


class FeedbackForm(forms.Form):
    """One opinion. What was not sent stays as it is; an empty rating takes it back."""

    rating = forms.IntegerField(min_value=1, max_value=5, required=False)
    is_helpful = forms.NullBooleanField()
    comment = LongText(required=False)
    suggestions = LongText(required=False)

    def __init__(self, data: Mapping[str, Any] | None = None, *, given: Feedback | None = None) -> None:
        """A refused form shows the whole opinion, including what was not sent."""
        self.given = given or Feedback()
        kept = self._kept()
        super().__init__(None if data is None else kept | {name: data[name] for name in data}, initial=kept)

    def _kept(self) -> dict[str, Any]:
        given = self.given
        lines = "\n".join(given.suggestions)
        return {
            "rating": given.rating, "is_helpful": given.is_helpful, "comment": given.comment, "suggestions": lines
        }  # fmt: skip

    def clean_suggestions(self) -> list[str]:
        lines = [line.strip("-• \t") for line in self.cleaned_data["suggestions"].splitlines()]
        suggestions = [line for line in lines if line]
        if len(suggestions) > SUGGESTIONS:
            raise ValidationError(f"These are {len(suggestions)} suggestions; keep the best {SUGGESTIONS}.")
        return suggestions


class FinalistForm(forms.Form):
    """Which finalist a person uses, by its number."""

    number = forms.IntegerField(min_value=1, max_value=1_000_000)


class ChoiceForm(forms.Form):
    """Which text a person uses."""

    choice = forms.TypedChoiceField(choices=Chosen.choices, coerce=Chosen)


class VerdictForm(forms.Form):
    """Whether one output is right. "none" takes the verdict back."""

    verdict = forms.ChoiceField(choices=[(name, name) for name in VERDICTS])

    def clean_verdict(self) -> bool | None:
        return VERDICTS[self.cleaned_data["verdict"]]
