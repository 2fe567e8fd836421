"""What is typed to start an optimization, on the page or in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from django import forms
from django.conf import settings
from django.core.cache import cache
from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.db.models import QuerySet

from optimizer.engine.graders import fault
from optimizer.engine.task import FEWEST_CALLS, PRESETS
from optimizer.forms.fields import LongText, ShortText, refuse_unclosed
from optimizer.models import Dataset, OptimizationSession, Preset, PromptTemplate, User
from optimizer.services.datasets import parse_rows
from optimizer.services.optimizations import COLUMNS, Choices

GRADERS = {
    "": "Choose for me",
    "exact": "Exact match",
    "contains": "Contains the expected text",
    "regex": "Matches the expected pattern",
    "numeric": "Same number",
    "json": "Same JSON",
    "choice": "Same choice (A, B, C)",
    "rubric": "Judged by a model",
}
BIGGEST_SEED = 2**63 - 1
FOLDED = {
    "target_model", "optimizer_model", "iterations", "rounds", "temperature", "max_tokens", "max_calls", "seed"
}  # fmt: skip
DEFAULTS: dict[str, Any] = {"preset": Preset.BALANCED, "temperature": 0.8, "max_tokens": 256, "seed": 0}


ROWS_LIKE = "input,expected\nThe tea arrived cold.,negative\nWonderful scones!,positive"


def _pane(rows: int, placeholder: str) -> forms.Textarea:
    return forms.Textarea(attrs={"rows": rows, "placeholder": placeholder})


def _model_input() -> forms.TextInput:
    return forms.TextInput(attrs={"list": "models", "autocomplete": "off", "spellcheck": "false"})


class OptimizationForm(forms.Form):
    """Depends on no request: `OptimizationForm(data, files=None, user=user)`. What is left out takes its default."""

    prompt = LongText(
        widget=_pane(7, "Paste the prompt you use today"),
        error_messages={"required": "Write or paste the prompt to improve."},
    )
    context = LongText(widget=_pane(2, "What it is for, who reads the answers, what matters"), required=False)
    preset = forms.ChoiceField(choices=Preset.choices, required=False)
    rows = LongText(widget=_pane(5, ROWS_LIKE), required=False, limit=settings.DATASET_MAX_BYTES)
    rows_file = forms.FileField(required=False)
    dataset = forms.ModelChoiceField(Dataset.objects.none(), required=False, empty_label="None")
    grader = forms.ChoiceField(choices=list(GRADERS.items()), required=False)
    iterations = forms.IntegerField(min_value=1, max_value=20, required=False)
    rounds = forms.IntegerField(min_value=1, max_value=20, required=False)
    temperature = forms.FloatField(min_value=0, max_value=2, required=False)
    max_tokens = forms.IntegerField(min_value=1, max_value=32768, required=False)
    target_model = ShortText(widget=_model_input(), max_length=200, required=False)
    optimizer_model = ShortText(widget=_model_input(), max_length=200, required=False)
    max_calls = forms.IntegerField(min_value=FEWEST_CALLS, max_value=2**31 - 1, required=False)
    seed = forms.IntegerField(min_value=-BIGGEST_SEED, max_value=BIGGEST_SEED, required=False)
    submit_key = forms.UUIDField(required=False, widget=forms.HiddenInput, initial=uuid4)
    template = forms.IntegerField(
        min_value=1, max_value=BIGGEST_SEED, required=False, widget=forms.HiddenInput
    )

    def __init__(
        self,
        data: Mapping[str, Any] | None = None,
        files: Any = None,
        *,
        user: User,
        initial: Mapping[str, Any] | None = None,
    ) -> None:
        self.user = user
        super().__init__(
            data, files, initial={**DEFAULTS, "seed": None, **(initial or {})}, use_required_attribute=False
        )
        self.fields["dataset"].queryset = datasets_of(user)  # type: ignore[attr-defined]
        for name, field in self.fields.items():
            field.widget.attrs["aria-describedby"] = f"id_{name}_about"

    @property
    def settings_errors(self) -> bool:
        """Whether the folded part of the page holds an error."""
        return bool(FOLDED & self.errors.keys())

    def clean_prompt(self) -> str:
        prompt: str = self.cleaned_data["prompt"]
        refuse_unclosed(prompt)
        return prompt

    def clean_rows(self) -> tuple[tuple[str, str], ...]:
        rows: str = self.cleaned_data["rows"]
        return tuple(parse_rows(rows)) if rows else ()

    def clean_rows_file(self) -> tuple[tuple[str, str], ...]:
        file: UploadedFile[bytes] | None = self.cleaned_data["rows_file"]
        return tuple(parse_rows(_content(file), file.name or "")) if file else ()

    def clean_target_model(self) -> str:
        return known_model(self.cleaned_data["target_model"])

    def clean_optimizer_model(self) -> str:
        return known_model(self.cleaned_data["optimizer_model"])

    def clean_template(self) -> PromptTemplate | None:
        """Where the prompt came from. It only helps to find feedback: one that is gone is no reason to refuse."""
        visible = PromptTemplate.objects.visible_to(self.user)
        template: PromptTemplate | None = visible.filter(pk=self.cleaned_data["template"]).first()
        return template

    def clean(self) -> dict[str, Any]:
        chosen = self.cleaned_data
        if sum(bool(chosen.get(name)) for name in ("rows", "rows_file", "dataset")) > 1:
            self.add_error(
                "rows",
                "There are examples in more than one place. Keep the pasted, the file or the saved ones.",
            )
        self._check_answers(chosen.get("grader") or "exact", chosen)
        return chosen

    def _check_answers(self, grader: str, chosen: Mapping[str, Any]) -> None:
        """An answer that the grader cannot use is said at its field, with its row."""
        for name in ("rows", "rows_file"):
            for number, (_, expected) in enumerate(chosen.get(name) or (), 1):
                if reason := fault(grader, expected):
                    self.add_error(
                        name, f"Row {number}: the {grader} grader cannot use “{expected[:40]}”: {reason}."
                    )
                    return

    def choices(self) -> Choices:
        """What was asked for, complete. Call it on a valid form."""
        chosen = {name: _or_default(name, value) for name, value in self.cleaned_data.items()}
        preset = PRESETS[chosen["preset"]]
        chosen["iterations"] = chosen["iterations"] or preset.iterations
        chosen["rounds"] = chosen["rounds"] or preset.rounds
        chosen["grader"] = chosen["grader"] or "exact"
        return Choices(
            prompt=chosen["prompt"],
            context=chosen["context"],
            rows=chosen["rows"] or chosen["rows_file"],
            dataset=chosen["dataset"],
            template=chosen["template"],
            **{name: chosen[name] for name in COLUMNS},
        )


def _or_default(name: str, value: Any) -> Any:
    return DEFAULTS.get(name, value) if value in (None, "") else value


def _content(file: UploadedFile[bytes]) -> bytes:
    limit = settings.DATASET_MAX_BYTES
    if (file.size or 0) > limit:
        size = f"{(file.size or 0) / 2**20:.0f} MB"
        raise ValidationError(
            f"The file has {size}; at most {limit // 2**20} MB are allowed. Take a part of the rows."
        )
    content: bytes = file.read()
    return content


def datasets_of(user: User) -> QuerySet[Dataset]:
    """The newest datasets to choose from; any visible one is accepted."""
    return Dataset.objects.visible_to(user).order_by("-created_at", "-id")


def models_available() -> list[str]:
    """Names that the model server last told the worker; empty when nothing is known yet."""
    return list(cache.get("models") or [])


def known_model(name: str) -> str:
    """The name, unless the server is known not to have it. `:latest` may be left out, as with Ollama."""
    available = models_available()
    if name and available and name not in available and f"{name}:latest" not in available:
        raise ValidationError(
            f"There is no model “{name}” on the server. It has: {', '.join(available[:20])}."
        )
    return name


def initial_of(session: OptimizationSession) -> dict[str, Any]:
    """The form's values that would run this session again."""
    same = {name: getattr(session, name) for name in COLUMNS if name != "submit_key"}
    prompt = session.prompt
    return same | {
        "prompt": prompt.original,
        "context": prompt.context,
        "dataset": session.dataset_id,
        "template": prompt.template_id,
    }
