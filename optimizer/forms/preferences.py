"""What a person sets for themselves."""

from __future__ import annotations

from django import forms

from optimizer.models import Preference

LEARNS = (
    "What you say about a result is sent to the optimizer model: stars, helpful or not, comment, suggestions. This "
    "happens in later optimizations of the same prompt, template or context in your workspace. Ways of rewriting that "
    "did well are tried more often. The judge of a rubric is checked against outputs that you call right or wrong. If "
    "you switch this off, your optimizations learn nothing, and nothing is learned from you."
)


class PreferenceForm(forms.ModelForm):  # type: ignore[type-arg]
    class Meta:
        model = Preference
        fields = ["learn_from_feedback"]
        labels = {"learn_from_feedback": "Learn from my feedback"}
        help_texts = {"learn_from_feedback": LEARNS}
