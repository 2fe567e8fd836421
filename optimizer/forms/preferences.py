"""What a person sets for themselves."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import groupby
from typing import Any
from zoneinfo import available_timezones

from django import forms
from django.forms import BoundField

from optimizer.brief import PRESET_TITLES
from optimizer.forms.fields import LongText, ShortText, pane
from optimizer.forms.settings import known_model
from optimizer.models import Preference, Theme

LEARNS = (
    "What you say about a result is sent to the optimizer model: stars, helpful or not, comment, suggestions. This "
    "happens in later optimizations of the same prompt, template or context in your workspace. Ways of rewriting that "
    "did well are tried more often. The judge of a rubric is checked against outputs that you call right or wrong. If "
    "you switch this off, your optimizations learn nothing, and nothing is learned from you."
)
THEMES = [
    (Theme.SYSTEM, "As my system"),
    (Theme.LIGHT, "Light"),
    (Theme.DARK, "Dark"),
]
REGIONS = (
    "Africa", "America", "Antarctica", "Arctic", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific",
)  # fmt: skip
DEFAULT_MODELS = ("default_model", "default_optimizer_model", "default_judge_model")
DEFAULTS = (
    "What a new optimization begins with, here and with ./manage.py optimize. What you choose there, or take over "
    "from an earlier optimization, comes first."
)
SECTIONS = (
    ("Appearance", "", ["theme"]),
    ("New optimizations", DEFAULTS, ["default_context", "default_preset", *DEFAULT_MODELS]),
    ("Times and keys", "", ["time_zone", "shortcuts"]),
    ("Learning", "", ["learn_from_feedback"]),
)  # heading, what to know of it, and fields


def time_zones() -> list[tuple[str, Any]]:
    """The choices: the browser's, UTC, and every place by region."""
    places = sorted(zone for zone in available_timezones() if zone.split("/")[0] in REGIONS and "/" in zone)
    regions = groupby(places, lambda zone: zone.split("/")[0])
    return [
        ("", "As the browser"),
        ("UTC", "UTC"),
        *((region, [(zone, _place(zone)) for zone in zones]) for region, zones in regions),
    ]


def _place(zone: str) -> str:
    """`America/Argentina/Buenos_Aires` reads `Argentina, Buenos Aires`."""
    return zone.partition("/")[2].replace("/", ", ").replace("_", " ")


def _model(label: str, help_text: str) -> ShortText:
    """The name of a model. The form looks for it if it is newly chosen."""
    attrs = {"list": "models", "autocomplete": "off", "spellcheck": "false"}
    return ShortText(
        label=label,
        help_text=help_text,
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs=attrs),
    )


@dataclass(frozen=True)
class Section:
    """Fields that stand together on the page."""

    heading: str
    about: str
    fields: list[BoundField]


class PreferenceForm(forms.ModelForm):  # type: ignore[type-arg]
    """All of a person's preferences, saved together."""

    theme = forms.ChoiceField(label="Theme", choices=THEMES, widget=forms.RadioSelect)
    default_context = LongText(
        label="Context",
        required=False,
        widget=pane(2, "Customer service of a tea shop; answers go out by mail"),
        help_text="What your prompts are for. It is filled in for each new optimization, and can be changed there.",
    )
    default_preset = forms.ChoiceField(
        label="Preset", choices=PRESET_TITLES, help_text="How hard to search, if you choose nothing else."
    )
    default_model = _model("Target model", "Runs the prompt. Empty: the server's default.")
    default_optimizer_model = _model("Optimizer model", "Rewrites the prompt. Empty: the same as the target.")
    default_judge_model = _model(
        "Judge model",
        "Compares outputs if there are no rows, and applies a rubric. Empty: the same as the optimizer.",
    )
    time_zone = forms.ChoiceField(
        label="Time zone",
        required=False,
        choices=time_zones,
        help_text="Dates and exact times are shown in this zone.",
    )

    class Meta:
        model = Preference
        fields = [
            "theme", "default_context", "default_preset", *DEFAULT_MODELS, "time_zone", "shortcuts",
            "learn_from_feedback",
        ]  # fmt: skip
        labels = {"learn_from_feedback": "Learn from my feedback", "shortcuts": "Keyboard shortcuts"}
        help_texts = {
            "learn_from_feedback": LEARNS,
            "shortcuts": "Single keys, such as / to search and 1 to 5 to rate. Switch them off if you type by voice, "
            "or if they get in your way. Ctrl+Enter starts an optimization in any case.",
        }

    def clean(self) -> dict[str, Any]:
        """A model must be there if it is newly chosen. One that went away must not keep anything else from being
        saved."""
        chosen = super().clean() or {}
        for name in DEFAULT_MODELS:
            if name in chosen and name in self.changed_data:
                try:
                    known_model(chosen[name])
                except forms.ValidationError as error:
                    self.add_error(name, error)
        return chosen

    def sections(self) -> Iterator[Section]:
        """The fields as the page lays them out, each in one section."""
        for heading, about, names in SECTIONS:
            yield Section(heading, about, [self[name] for name in names])


class ThemeForm(forms.Form):
    """What the switch in the header sends."""

    theme = forms.ChoiceField(choices=Theme.choices)
