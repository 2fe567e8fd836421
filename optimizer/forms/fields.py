"""Text as people type it, and as it may be kept."""

from __future__ import annotations

import re
import unicodedata
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from optimizer.files.faults import UNSTORABLE
from optimizer.models.base import TEXT_MAX
from optimizer.models.templates import TAG_MAX, TAGS_MAX

LARGEST = 2**31 - 1  # number in a column
STEERING = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u202a-\\u202e\\u2066-\\u2069]")

DECOMPOSED = 2  # characters that one may consist of


class LongText(forms.CharField):
    """Text of up to 10,000 characters: trimmed, NFC, with one kind of line end, and storable."""

    widget = forms.Textarea

    def __init__(self, *, limit: int = TEXT_MAX, **options: Any) -> None:
        super().__init__(**options)
        self.limit = limit
        self.validators = []  # Django's own validators refuse NUL in words for programmers

    def to_python(self, value: Any) -> str:
        text = str(super().to_python(value) or "").replace("\r\n", "\n").replace("\r", "\n")
        if len(text) > DECOMPOSED * self.limit:
            return text  # too long in any form; normalizing takes time that grows with its square
        return unicodedata.normalize("NFC", text)

    def validate(self, value: str) -> None:
        super().validate(value)
        refuse_unstorable(value)
        if len(value) > self.limit:
            over = f"{len(value):,} characters long; at most {self.limit:,} are allowed"
            raise ValidationError(f"This is {over}. Shorten it by {len(value) - self.limit:,}.")


class NamesField(forms.Field):
    """Any number of names, from all fields of that name."""

    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> tuple[str, ...]:
        return tuple(
            dict.fromkeys(str(name).strip("{} ")[:100] for name in value or () if str(name).strip("{} "))
        )

    def validate(self, value: tuple[str, ...]) -> None:
        for name in value:
            refuse_unstorable(name)


class PercentField(forms.FloatField):
    """A percentage as people type it; 0 to 1 inside."""

    def __init__(self, *, low: float = 0, **options: Any) -> None:
        self.low = low
        super().__init__(**options)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {**super().widget_attrs(widget), "min": f"{self.low:g}", "max": "100"}

    def to_python(self, value: Any) -> float | None:  # type: ignore[override]
        typed = super().to_python(value.rstrip("% ") if isinstance(value, str) else value)
        return None if typed is None else typed / 100

    def validate(self, value: float | None) -> None:
        super().validate(value)  # type: ignore[arg-type]
        if value is not None and not self.low / 100 <= value <= 1:
            raise ValidationError(f"Write a percentage from {self.low:g} to 100.")

    def prepare_value(self, value: Any) -> Any:
        return f"{value * 100:g}" if isinstance(value, float) else value


class ShortText(forms.CharField):
    """One line that can be stored."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.validators = [refuse_unstorable, *self.validators[:-1]]


class Line(LongText):
    """One line of text without what steers a terminal or turns its direction; spaces in a row count as one."""

    def __init__(self, *, limit: int, placeholder: str = "", **options: Any) -> None:
        super().__init__(limit=limit, widget=forms.TextInput, **options)
        self.widget.attrs |= {"placeholder": placeholder, "autocomplete": "off"}

    def to_python(self, value: Any) -> str:
        return " ".join(super().to_python(value).split())

    def validate(self, value: str) -> None:
        super().validate(value)
        refuse_steering(value)


class TagsField(Line):
    """Words between commas. Each stands once, whatever its case."""

    def __init__(self, **options: Any) -> None:
        super().__init__(limit=TEXT_MAX, placeholder="mail, German", **options)

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list | tuple) else value

    def clean(self, value: Any) -> tuple[str, ...]:
        typed = (tag.strip() for tag in str(super().clean(value)).split(","))
        tags = tuple({tag.casefold(): tag for tag in typed if tag}.values())
        for tag in tags:
            if len(tag) > TAG_MAX:
                raise ValidationError(
                    f"The tag “{tag[:TAG_MAX]}…” is {len(tag)} characters long; at most {TAG_MAX} are allowed."
                )
        if len(tags) > TAGS_MAX:
            raise ValidationError(f"These are {len(tags)} tags; keep the best {TAGS_MAX}.")
        return tags


def refuse_steering(text: str) -> None:
    """ValidationError for control characters, as of terminals, and for those that turn the direction of text."""
    if found := STEERING.search(text):
        raise ValidationError(
            f"There is a control character (U+{ord(found[0]):04X}) at position {found.end():,}. Remove it."
        )


def pane(rows: int, placeholder: str) -> forms.Textarea:
    """A text area with an example of what to write."""
    return forms.Textarea(attrs={"rows": rows, "placeholder": placeholder})


def refuse_unstorable(text: str) -> None:
    """ValidationError for what no database or model takes: NUL, and halves of characters."""
    found = UNSTORABLE.search(text)
    if found and found.group() == "\0":
        raise ValidationError(
            f"There is a NUL character at position {found.end():,}. Remove it and try again."
        )
    if found:
        raise ValidationError(
            f"The character at position {found.end():,} is broken (half of a surrogate pair). Type it again."
        )
