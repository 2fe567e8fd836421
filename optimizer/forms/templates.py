"""What is typed into a template: its text, its details, its labels."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from optimizer.engine.variables import PLACES
from optimizer.forms.fields import LARGEST, Line, LongText, TagsField, pane
from optimizer.models import PromptTemplate, TemplateVersion
from optimizer.models.templates import CATEGORY_MAX, DESCRIPTION_MAX, NAME_MAX
from optimizer.models.versions import LABEL_MAX, NOTE_MAX
from optimizer.services.templates import Details, Written

SHOWN = 40  # characters of a fault
NESTED = re.compile(r"\{\{[^{}\n]*\0[^{}\n]*\}?\}?")
BROKEN = re.compile(r"\{\{[ \t]*\w[^{}\n]*(?:\}\}?)?")


def variable_fault(text: str) -> str:
    """What is wrong with the first variable that is nested in another or never closed; "" if nothing is."""
    blanked = PLACES.sub(lambda found: ("\0" if found["name"] else " ") * len(found[0]), text)
    if found := NESTED.search(blanked):
        return f"{_shown(text, found)} has a variable inside another. Write each one by itself, as in {{{{name}}}}."
    if found := BROKEN.search(blanked):
        ends = found[0].endswith("}}")
        why = "is no variable: a name has letters, digits and _ only" if ends else "is never closed with }}"
        return f"{_shown(text, found)} {why}. Write it as in {{{{name}}}}."
    return ""


def _shown(text: str, found: re.Match[str]) -> str:
    line = text.count("\n", 0, found.start()) + 1
    part = text[found.start() : found.end()].strip()
    return f"Line {line}: “{part if len(part) <= SHOWN else part[: SHOWN - 1] + '…'}”"


class _Described(forms.Form):
    """Each field names the place where its errors stand."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        for name, field in self.fields.items():
            field.widget.attrs["aria-describedby"] = f"id_{name}_about"


class VersionForm(_Described):
    """A version's text. `base` is the number of the version that it was written from."""

    text = LongText(
        widget=pane(12, "Summarise {{article}} for {{reader}} in three sentences."),
        error_messages={"required": "Write the text of the prompt."},
    )
    system_text = LongText(required=False, widget=pane(3, "You are a careful editor."))
    note = Line(limit=NOTE_MAX, required=False, placeholder="What is different, and why")
    base = forms.IntegerField(min_value=0, max_value=LARGEST, required=False, widget=forms.HiddenInput)
    as_text = forms.BooleanField(required=False)
    asks_about_braces = False

    def clean(self) -> dict[str, Any]:
        """Braces that look like a variable, but are none, are asked about once."""
        typed = super().clean() or self.cleaned_data
        for name in ("text", "system_text"):
            fault = variable_fault(typed.get(name) or "")
            if fault and not typed.get("as_text"):
                self.add_error(name, fault)
                self.asks_about_braces = True
        return typed

    @property
    def written(self) -> Written:
        """The version. Call it on a valid form."""
        return Written(*(self.cleaned_data[name] for name in ("text", "system_text", "note")))


class DetailsForm(_Described):
    """All that is not versioned. `edition` says which state of it was shown."""

    name = Line(limit=NAME_MAX, error_messages={"required": "Give the template a name."})
    category = Line(limit=CATEGORY_MAX, required=False, placeholder="Support")
    tags = TagsField(required=False)
    description = LongText(
        limit=DESCRIPTION_MAX, required=False, widget=pane(2, "What it is for, and when to use it")
    )
    edition = forms.IntegerField(min_value=1, max_value=LARGEST, required=False, widget=forms.HiddenInput)

    def __init__(self, *args: Any, categories: list[str] | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        self.categories = categories or []
        self.fields["category"].widget.attrs["list"] = "categories"

    def details(self, template: PromptTemplate | None = None) -> Details:
        """Them, with the variables that the template declares. Call it on a valid form."""
        given = {name: self.cleaned_data[name] for name in ("name", "category", "tags", "description")}
        return Details(**given, variables=template.variables if template else ())


class NewTemplateForm(DetailsForm, VersionForm):
    """A template with its first version."""

    field_order = ["name", "category", "tags", "description", "text", "system_text", "note"]


class LabelForm(_Described):
    """A label, and the number of the version that it should point at; none to take it off."""

    name = Line(limit=LABEL_MAX, error_messages={"required": "Write a label: one word, as production."})
    number = forms.IntegerField(
        min_value=1,
        max_value=LARGEST,
        required=False,
        error_messages={"invalid": "Write the number of a version."},
    )

    def clean_name(self) -> str:
        name = str(self.cleaned_data["name"]).lower()
        if " " in name:
            raise ValidationError(f"A label is one word. Try “{name.replace(' ', '-')}”.")
        return name


class ResultForm(_Described):
    """How a result is saved: as the next version of the template that it came from, or as a template."""

    name = Line(limit=NAME_MAX, required=False)
    note = Line(limit=NOTE_MAX, required=False)
    base = forms.IntegerField(min_value=0, max_value=LARGEST, required=False, widget=forms.HiddenInput)


def initial_details(template: PromptTemplate) -> Mapping[str, Any]:
    """The form's values for a template."""
    names = ("name", "category", "tags", "description", "edition")
    return {name: getattr(template, name) for name in names}


def initial_version(version: TemplateVersion | None) -> Mapping[str, Any]:
    """The form's values for the version after this one."""
    if version is None:
        return {"base": 0}
    return {"text": version.text, "system_text": version.system_text, "base": version.number}
