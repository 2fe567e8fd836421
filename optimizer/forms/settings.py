"""A run's settings as form fields, and as a page lays them out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.forms import BoundField

from optimizer import installed
from optimizer.brief import SETTINGS, Circumstances, Group, Kind, Setting
from optimizer.brief.setting import no_objection
from optimizer.forms.fields import PercentField, ShortText
from optimizer.llm.facts import only_embeds


class ModelField(ShortText):
    """The name of a model, unless the servers are known not to have it. `:latest` may be left out, as with Ollama."""

    def __init__(self) -> None:
        attrs = {"list": "models", "autocomplete": "off", "spellcheck": "false"}
        super().__init__(widget=forms.TextInput(attrs=attrs), max_length=200, required=False)

    def clean(self, value: Any) -> str:
        return known_model(super().clean(value))


class ModelsField(ShortText):
    """Names of models, separated by commas: each as in a `ModelField`, and each once."""

    def __init__(self, *, most: int) -> None:
        self.most = most
        attrs = {
            "autocomplete": "off",
            "spellcheck": "false",
            "placeholder": "One name, or several with commas",
        }
        super().__init__(widget=forms.TextInput(attrs=attrs), max_length=1000, required=False)

    def prepare_value(self, value: Any) -> Any:
        return value if isinstance(value, str) else ", ".join(value or ())

    def clean(self, value: Any) -> list[str]:
        text = super().clean(self.prepare_value(value))
        names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
        if len(names) > self.most:
            raise ValidationError(f"These are {len(names)} models. Keep at most {self.most}.")
        return [ModelField().clean(name) for name in names]


def known_model(name: str) -> str:
    """The name. ValidationError if the servers do not have the model, or it cannot answer a prompt."""
    if name and (facts := installed.facts(name)) and not facts.completes:
        raise ValidationError(only_embeds(name))
    available = installed.models()
    if name and available and name not in available and f"{name}:latest" not in available:
        raise ValidationError(
            f"There is no model “{name}” on the server. It has: {', '.join(available[:20])}."
        )
    return name


def setting_fields() -> dict[str, forms.Field]:
    """A field for each setting. All may be left out."""
    return {setting.name: _field(setting) for setting in SETTINGS}


def _field(setting: Setting) -> forms.Field:
    low, high = setting.low, setting.high
    match setting.kind:
        case Kind.WHOLE:
            return forms.IntegerField(min_value=int(low or 0), max_value=int(high or 0), required=False)
        case Kind.NUMBER:
            return forms.FloatField(min_value=low, max_value=high, required=False)
        case Kind.SHARE:
            return PercentField(low=100 * (low or 0), required=False)
        case Kind.SWITCH:
            return forms.BooleanField(required=False)
        case Kind.MODEL:
            return ModelField()
        case Kind.MODELS:
            return ModelsField(most=int(high or 0))
        case Kind.CHOICE:
            return forms.ChoiceField(choices=list(setting.choices.items()), required=False)


@dataclass(frozen=True)
class Laid:
    """A setting with its field on a page."""

    setting: Setting
    field: BoundField
    refusal: str = ""  # why the target model does not take it

    @property
    def label(self) -> str:
        return f"{self.setting.label}, in %" if self.setting.kind is Kind.SHARE else self.setting.label

    @property
    def depends(self) -> bool:
        """Whether other fields decide that this switch is offered."""
        return self.is_switch and self.setting.objection is not no_objection

    @property
    def is_switch(self) -> bool:
        return self.setting.kind is Kind.SWITCH

    @property
    def help(self) -> str:
        """What it is, what it may be, and what it means to leave it empty."""
        if self.refusal:
            return self.refusal
        told = [self.setting.help, self.setting.bounds(100 if self.setting.kind is Kind.SHARE else 1)]
        if self.setting.when_empty:
            told.append(f"Empty: {self.setting.when_empty}")
        return ". ".join(sentence[:1].upper() + sentence[1:] for sentence in told if sentence)


def laid_out(form: forms.Form) -> Iterator[tuple[Group, list[Laid]]]:
    """The folded settings by group, each in order. A switch that the target model does not take is not offered."""
    groups = dict.fromkeys(setting.group for setting in SETTINGS if setting.group)
    written = bool(str(form["system_text"].value() or "").strip())
    facts = circumstances(str(form["target_model"].value() or ""), system_text=written)
    for group in groups:
        yield (
            group,
            [_laid(setting, form[setting.name], facts) for setting in SETTINGS if setting.group is group],
        )


def _laid(setting: Setting, field: BoundField, facts: Circumstances) -> Laid:
    refusal = setting.objection(True, facts) if setting.kind is Kind.SWITCH else ""
    if refusal and not field.value():
        field.field.disabled = True
    return Laid(setting, field, refusal)


def circumstances(
    target_model: str, variables: tuple[str, ...] = (), *, system_text: bool = False
) -> Circumstances:
    """What settings may conflict with, as far as is known about the model that would run the prompt."""
    target = installed.target(target_model)
    facts = installed.facts(target)
    return Circumstances(variables, facts is None or facts.roles.system, target, system_text)


def by_preset(preset: str) -> dict[str, Any]:
    """What that preset says, by setting."""
    return {setting.name: setting.by_preset[preset] for setting in SETTINGS if setting.by_preset}
