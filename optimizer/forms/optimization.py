"""What is typed to start an optimization, on the page or in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from django import forms
from django.core.exceptions import ValidationError

from optimizer import installed
from optimizer.briefing import binding_of
from optimizer.engine.task import FEWEST_CALLS, PRESETS
from optimizer.files import Table
from optimizer.files.binding import Binding
from optimizer.files.rows import FEWEST_ROWS, too_few
from optimizer.forms.examples import OPTIONS_OF, ExamplesForm
from optimizer.forms.fields import LongText, NamesField, PercentField, ShortText, pane
from optimizer.llm.facts import only_embeds
from optimizer.models import OptimizationSession, Preset, PromptTemplate, User
from optimizer.services.choices import COLUMNS, Choices

BIGGEST_SEED = 2**63 - 1
LONGEST_RUN = 7 * 24 * 60  # minutes
FEWEST_TOKENS = 1_000
FOLDED = {
    "target_model", "optimizer_model", "iterations", "rounds", "temperature", "max_tokens", "max_calls",
    "token_budget", "max_minutes", "target_score", "patience", "only_proven", "seed",
}  # fmt: skip
DEFAULTS: dict[str, Any] = {"preset": Preset.BALANCED, "temperature": 0.8, "max_tokens": 256, "seed": 0}


def _model_input() -> forms.TextInput:
    return forms.TextInput(attrs={"list": "models", "autocomplete": "off", "spellcheck": "false"})


def _hidden_number() -> forms.IntegerField:
    return forms.IntegerField(min_value=1, max_value=BIGGEST_SEED, required=False, widget=forms.HiddenInput)


class OptimizationForm(ExamplesForm):
    """Depends on no request: `OptimizationForm(data, files=None, user=user)`. What is left out takes its default."""

    prompt = LongText(
        widget=pane(7, "Paste the prompt you use today"),
        error_messages={"required": "Write or paste the prompt to improve."},
    )
    literals = NamesField(required=False)
    context = LongText(widget=pane(2, "What it is for, who reads the answers, what matters"), required=False)
    preset = forms.ChoiceField(choices=Preset.choices, required=False)
    iterations = forms.IntegerField(min_value=1, max_value=20, required=False)
    rounds = forms.IntegerField(min_value=1, max_value=20, required=False)
    temperature = forms.FloatField(min_value=0, max_value=2, required=False)
    max_tokens = forms.IntegerField(min_value=1, max_value=32768, required=False)
    target_model = ShortText(widget=_model_input(), max_length=200, required=False)
    optimizer_model = ShortText(widget=_model_input(), max_length=200, required=False)
    max_calls = forms.IntegerField(min_value=FEWEST_CALLS, max_value=2**31 - 1, required=False)
    token_budget = forms.IntegerField(min_value=FEWEST_TOKENS, max_value=2**63 - 1, required=False)
    max_minutes = forms.FloatField(min_value=0.1, max_value=LONGEST_RUN, required=False)
    target_score = PercentField(low=1, required=False)
    patience = forms.IntegerField(min_value=1, max_value=1000, required=False)
    seed = forms.IntegerField(min_value=-BIGGEST_SEED, max_value=BIGGEST_SEED, required=False)
    only_proven = forms.BooleanField(required=False)
    show_inputs = forms.BooleanField(required=False)
    submit_key = forms.UUIDField(required=False, widget=forms.HiddenInput, initial=uuid4)
    template = _hidden_number()
    inputs_of = _hidden_number()

    def __init__(self, *bound: Any, user: User, initial: Mapping[str, Any] | None = None) -> None:
        self.user = user
        self.binding: Binding | None = None  # how the rows fill the prompt, once there are both
        super().__init__(*bound, user=user, initial={**DEFAULTS, "seed": None, **(initial or {})})

    @property
    def settings_errors(self) -> bool:
        """Whether the folded part of the page holds an error."""
        return bool(FOLDED & self.errors.keys())

    def clean(self) -> dict[str, Any]:
        chosen = super().clean()
        if self.table and chosen.get("prompt"):
            self.binding = binding_of(self.table, chosen["prompt"], chosen.get("literals") or ())
            self._check_binding(self.binding, self.table)
        return chosen

    def _check_binding(self, binding: Binding, table: Table) -> None:
        """Every variable has a column, and every row something for the prompt."""
        if binding.fault:
            self.add_error("prompt" if binding.nameless else self.place, binding.fault)
        elif gaps := binding.gaps(table):
            self.add_error(self.place, gaps[0])
        elif (different := len({binding.shown(row) for row in table.rows})) < FEWEST_ROWS:
            self.add_error(self.place, too_few(different))

    def clean_target_model(self) -> str:
        return known_model(self.cleaned_data["target_model"])

    def clean_optimizer_model(self) -> str:
        return known_model(self.cleaned_data["optimizer_model"])

    def clean_template(self) -> PromptTemplate | None:
        """Where the prompt came from. It only helps to find feedback: one that is gone is no reason to refuse."""
        visible = PromptTemplate.objects.visible_to(self.user)
        template: PromptTemplate | None = visible.filter(pk=self.cleaned_data["template"]).first()
        return template

    def clean_inputs_of(self) -> tuple[str, ...]:
        """The test inputs of an earlier session. They are shown first: one that is gone is no reason to refuse."""
        visible = OptimizationSession.objects.visible_to(self.user)
        session: OptimizationSession | None = visible.filter(pk=self.cleaned_data["inputs_of"]).first()
        return tuple(session.inputs or ()) if session else ()

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
            literals=chosen["literals"],
            table=None if chosen["dataset"] else self.table,
            dataset=chosen["dataset"],
            template=chosen["template"],
            grader_options=self.grader_options,
            show_inputs=chosen["show_inputs"],
            inputs=chosen["inputs_of"],
            **{name: chosen[name] for name in COLUMNS},
        )


def _or_default(name: str, value: Any) -> Any:
    return DEFAULTS.get(name, value) if value in (None, "") else value


def known_model(name: str) -> str:
    """The name, unless the server is known not to have it. `:latest` may be left out, as with Ollama."""
    if name and (facts := installed.facts(name)) and not facts.completes:
        raise ValidationError(only_embeds(name))
    available = installed.models()
    if name and available and name not in available and f"{name}:latest" not in available:
        raise ValidationError(
            f"There is no model “{name}” on the server. It has: {', '.join(available[:20])}."
        )
    return name


def initial_of(session: OptimizationSession) -> dict[str, Any]:
    """The form's values that would run this session again."""
    same = {name: getattr(session, name) for name in COLUMNS if name != "submit_key"}
    prompt = session.prompt
    given = {
        "literals": session.literals,
        "prompt": prompt.original, "context": prompt.context, "dataset": session.dataset_id,
        "template": prompt.template_id, "show_inputs": session.inputs_requested or session.inputs is not None,
        "inputs_of": session.pk if session.inputs else None,
    }  # fmt: skip
    return same | _options_of(session) | given


def _options_of(session: OptimizationSession) -> dict[str, Any]:
    """The grader's options as the form's fields hold them."""
    names = OPTIONS_OF.get(session.grader, {})
    options = {name: session.grader_options.get(option) for name, option in names.items()}
    share = options.get("threshold")
    return options | ({"threshold": float(share)} if share else {})
