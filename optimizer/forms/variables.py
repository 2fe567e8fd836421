"""The variables of a template: how they are declared, and the form that they make."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from optimizer import installed
from optimizer.files.declared import (
    KINDS,
    LONGEST_HELP,
    LONGEST_NAME,
    MOST_VARIABLES,
    NO,
    YES,
    Declared,
    faults,
)
from optimizer.forms.fields import LongText, ShortText, pane

MAY_STAY_EMPTY = {"text", "long_text"}
NO_MODEL = "No model server has listed its models yet. Start Ollama; this page finds it within a minute."
Errors = dict[str, str]


class UseForm(forms.Form):
    """A field for each variable of a version, and the model that the filled text is sent to."""

    def __init__(self, *bound: Any, declared: Sequence[Declared]) -> None:
        super().__init__(*bound)
        self.declared = {field_name(one): one for one in declared}
        for name, one in self.declared.items():
            self.fields[name] = _field(one)
        self.fields["model"] = _model_field()
        for name, field in self.fields.items():
            field.widget.attrs["aria-describedby"] = f"id_{name}_about"

    @property
    def asked(self) -> list[tuple[forms.BoundField, Declared]]:
        """The field of each variable, with what is declared of it."""
        return [(self[name], one) for name, one in self.declared.items()]

    @property
    def values(self) -> dict[str, str]:
        """What fills each variable. Call it on a valid form."""
        return {one.name: self.cleaned_data[name] for name, one in self.declared.items()}

    def clean(self) -> dict[str, Any]:
        typed = super().clean() or self.cleaned_data
        for name, one in self.declared.items():
            if name in typed and (fault := one.fault_of(typed[name])):
                self.add_error(name, fault)
        return typed


def field_name(one: Declared) -> str:
    """The name of a variable's field: no other field is called so."""
    return f"value-{one.name}"


def _field(one: Declared) -> forms.Field:
    required = one.kind not in MAY_STAY_EMPTY
    said: Errors = {"required": "This needs a value."}
    options: dict[str, Any] = {"required": required, "initial": one.default, "error_messages": said}
    match one.kind:
        case "long_text":
            return LongText(widget=pane(3, ""), **options)
        case "choice":
            return _choice(one.choices, **options)
        case "yes_no":
            return _choice((YES, NO), **options)
        case "date":
            return LongText(widget=forms.DateInput(attrs={"type": "date"}), **options)
        case "number":
            return LongText(widget=forms.TextInput(attrs={"inputmode": "decimal"}), **options)
        case _:
            return LongText(widget=forms.TextInput(attrs={"autocomplete": "off"}), **options)


def _choice(choices: Iterable[str], **options: Any) -> forms.Field:
    """A list to choose from; what is not in it is reported by its variable."""
    offered = [("", "Choose…"), *((choice, choice) for choice in choices)]
    return LongText(widget=forms.Select(choices=offered), **options)


def _model_field() -> forms.ChoiceField:
    names = installed.models()
    chosen = installed.target("")
    return forms.ChoiceField(
        choices=[(name, name) for name in dict.fromkeys([chosen, *names]) if name],
        initial=chosen,
        error_messages={
            "required": "Choose a model." if names else NO_MODEL,
            "invalid_choice": "“%(value)s” is not installed here. Choose another model."
            if names
            else NO_MODEL,
        },
    )


class DeclaredForm(forms.Form):
    """What is declared of one variable. Its name comes from the text."""

    name = ShortText(max_length=LONGEST_NAME, widget=forms.HiddenInput)
    kind = forms.ChoiceField(choices=list(KINDS.items()), error_messages={"invalid_choice": "Choose a kind."})
    default = LongText(required=False, widget=pane(1, ""))
    help = ShortText(max_length=LONGEST_HELP, required=False)
    choices = LongText(required=False, widget=pane(2, "formal\nfriendly"))

    def clean_choices(self) -> tuple[str, ...]:
        lines = (line.strip() for line in self.cleaned_data["choices"].split("\n"))
        return tuple(dict.fromkeys(line for line in lines if line))

    def clean(self) -> dict[str, Any]:
        typed = super().clean() or self.cleaned_data
        if self.errors:
            return typed
        if typed["kind"] != "choice":
            typed["choices"] = ()  # they may stand there from another kind that was tried
        if fault := self.declared.fault:
            self.add_error("choices" if "choice" in fault else "default", fault)
        return typed

    @property
    def declared(self) -> Declared:
        """The declaration. Call it on what was read without an error."""
        names = ("name", "kind", "default", "help", "choices")
        return Declared(**{name: self.cleaned_data[name] for name in names})


class _Declarations(forms.BaseFormSet):  # type: ignore[type-arg]
    def clean(self) -> None:
        if not any(self.errors) and (said := faults(kept_of(self))):
            raise ValidationError(said)


def kept_of(forms: forms.BaseFormSet[Any]) -> list[Declared]:
    """Those that were not removed. Call it on what was read without an error."""
    return [form.declared for form in forms.forms if not form.cleaned_data.get("DELETE")]


DeclarationForms = forms.formset_factory(
    DeclaredForm,
    formset=_Declarations,
    extra=0,
    can_delete=True,
    max_num=MOST_VARIABLES,
    absolute_max=MOST_VARIABLES,
    validate_max=True,
)


def initial_declarations(declared: Iterable[Declared]) -> list[dict[str, Any]]:
    """The values of the forms for these."""
    return [{**one.stored(), "choices": "\n".join(one.choices)} for one in declared]
