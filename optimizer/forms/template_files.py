"""Files of templates, as they are uploaded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from optimizer.counts import counted
from optimizer.files.folders import MOST_FILES, Found, found_in, is_template, too_large
from optimizer.files.template_reading import MOST_BYTES

ACCEPT = ".md,.markdown,.txt,.prompt,.json,.zip"


class _Files(forms.ClearableFileInput):
    allow_multiple_selected = True


class _FilesField(forms.FileField):
    """Any number of files."""

    def clean(self, data: Any, initial: Any = None) -> list[Any]:
        return [one for one in (data if isinstance(data, list | tuple) else [data]) if one]


class ImportForm(forms.Form):
    """Single files, or all of a folder."""

    chosen = _FilesField(required=False, widget=_Files(attrs={"accept": ACCEPT}))
    folder = _FilesField(required=False, widget=_Files(attrs={"webkitdirectory": True}))
    copies = forms.BooleanField(required=False)

    def __init__(self, *bound: Any) -> None:
        super().__init__(*bound)
        self.uploads: Sequence[Any] = ()

    def clean(self) -> dict[str, Any]:
        typed = super().clean() or self.cleaned_data
        self.uploads = [*typed["chosen"], *self._of_folder(typed["folder"])]
        if not self.uploads:
            seen = (
                "The folder holds no .md or .json files." if typed["folder"] else "Choose files or a folder."
            )
            raise ValidationError(seen)
        if len(self.uploads) > MOST_FILES:
            raise ValidationError(
                f"These are {counted(len(self.uploads), 'file')}; at most {MOST_FILES} are read at once."
            )
        return typed

    @staticmethod
    def _of_folder(given: Sequence[Any]) -> list[Any]:
        """A folder holds other things too."""
        return [one for one in given if is_template(one.name or "")]

    def found(self) -> Iterator[Found]:
        """What each file holds, one after the other. Call it on a valid form."""
        for upload in self.uploads:
            if (upload.size or 0) > MOST_BYTES:
                yield too_large(upload.name, upload.size)
            else:
                yield from found_in(upload.name, upload.read())
