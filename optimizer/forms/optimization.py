"""What is typed to start an optimization, on the page or in the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import uuid4

from django import forms
from django.core.exceptions import ValidationError

from optimizer.brief import SETTINGS, Group, completed, objections
from optimizer.briefing import binding_of, prompt_of
from optimizer.engine.components import Components, original_of
from optimizer.engine.variables import variables
from optimizer.files import Table
from optimizer.files.binding import Binding
from optimizer.files.rows import FEWEST_ROWS, too_few
from optimizer.forms.examples import OPTIONS_OF, PLACES, ExamplesForm
from optimizer.forms.fields import LongText, NamesField, pane
from optimizer.forms.settings import Laid, circumstances, laid_out, setting_fields
from optimizer.models import OptimizationSession, PromptTemplate, SessionStatus, User
from optimizer.services.choices import Choices, found_by

LARGEST_KEY = 2**63 - 1
NOTHING_FOUND = {
    SessionStatus.FAILED: "failed",
    SessionStatus.CANCELLED: "was stopped before it found anything better",
}
NO_ROWS = "A search that starts from an earlier result needs rows with answers. Add rows, or start without that result."


def _hidden_number() -> forms.IntegerField:
    return forms.IntegerField(min_value=1, max_value=LARGEST_KEY, required=False, widget=forms.HiddenInput)


class OptimizationForm(ExamplesForm):
    """Depends on no request: `OptimizationForm(data, files=None, user=user)`. What is left out takes its default."""

    prompt = LongText(
        widget=pane(7, "Paste the prompt you use today"),
        error_messages={"required": "Write or paste the prompt to improve."},
    )
    system_text = LongText(
        widget=pane(3, "Who the model is, and what holds for every message"), required=False
    )
    literals = NamesField(required=False)
    context = LongText(widget=pane(2, "What it is for, who reads the answers, what matters"), required=False)
    show_inputs = forms.BooleanField(required=False)
    submit_key = forms.UUIDField(required=False, widget=forms.HiddenInput, initial=uuid4)
    template = _hidden_number()
    inputs_of = _hidden_number()
    continues = _hidden_number()
    offered = _hidden_number()  # what it may continue, also when that is not chosen

    def __init__(self, *bound: Any, user: User, initial: Mapping[str, Any] | None = None) -> None:
        self.user = user
        self.binding: Binding | None = None  # how the rows fill the prompt, once there are both
        defaults = {setting.name: setting.default for setting in SETTINGS}
        super().__init__(*bound, user=user, initial={**defaults, **(initial or {})}, more=setting_fields())

    @property
    def settings_errors(self) -> bool:
        """Whether the folded part of the page holds an error."""
        return any(setting.folded and setting.name in self.errors for setting in SETTINGS)

    @property
    def settings(self) -> dict[str, Any]:
        """The run's settings, complete. Call it on what was read without an error."""
        return completed({setting.name: self.cleaned_data.get(setting.name) for setting in SETTINGS})

    @property
    def sends_apart(self) -> bool:
        """Whether the prompt is the system message, apart from the rows. Call it on a valid form."""
        return self.sent().sends_apart

    def sent(self) -> Components:
        """The prompt as a run would send it, as far as it can be read. TaskRefusedError if no run could."""
        given = self.cleaned_data
        prompt, literals = given.get("prompt") or "", given.get("literals") or ()
        return prompt_of(prompt, literals, self.settings, system_text=given.get("system_text") or "")

    def written(self) -> Components:
        """The prompt as it is, as far as it can be read."""
        given = self.cleaned_data
        literals = tuple(given.get("literals") or ())
        return original_of(given.get("prompt") or "", literals, given.get("system_text") or "")

    @property
    def what_changes(self) -> Laid:
        """What the search changes, which stands beside the system text."""
        (setting,) = [setting for setting in SETTINGS if setting.name == "part"]
        return Laid(setting, self["part"])

    def laid_out(self) -> list[tuple[Group, list[Laid]]]:
        """The folded settings, for the page."""
        return list(laid_out(self))

    def clean(self) -> dict[str, Any]:
        chosen = super().clean()
        if self.table and chosen.get("prompt"):
            self.binding = binding_of(self.table, self.written().whole, chosen.get("literals") or ())
            self._check_binding(self.binding, self.table)
        self._check_settings(chosen)
        if chosen.get("continues") and not self.place and self.errors.keys().isdisjoint(PLACES):
            self.add_error("rows", NO_ROWS)
        return chosen

    def _check_settings(self, chosen: dict[str, Any]) -> None:
        """Settings that conflict with the prompt or the model are reported at their fields."""
        written = self.written()
        facts = circumstances(
            self.settings["target_model"], written.variables, system_text=bool(written.beside)
        )
        if facts.unheard and "system_text" not in self.errors:
            self.add_error("system_text", facts.unheard)
        if "system_text" in self.errors:
            return
        for setting, why in objections(self.settings, facts):
            self.add_error(setting.name, why)

    def _check_binding(self, binding: Binding, table: Table) -> None:
        """Every variable has a column, and every row something for the prompt."""
        if binding.fault:
            self.add_error(
                self._part_with(binding.nameless) if binding.nameless else self.place, binding.fault
            )
        elif gaps := binding.gaps(table):
            self.add_error(self.place, gaps[0])
        elif (different := len({binding.shown(row) for row in table.rows})) < FEWEST_ROWS:
            self.add_error(self.place, too_few(different))

    def _part_with(self, names: Sequence[str]) -> str:
        """The field of the text that has these variables."""
        return "prompt" if names[0] in variables(self.cleaned_data["prompt"]) else "system_text"

    def clean_template(self) -> PromptTemplate | None:
        """Where the prompt came from. It only helps to find feedback: a template that is gone is no reason to
        refuse."""
        visible = PromptTemplate.objects.visible_to(self.user)
        template: PromptTemplate | None = visible.filter(pk=self.cleaned_data["template"]).first()
        return template

    def clean_inputs_of(self) -> tuple[str, ...]:
        """The test inputs of an earlier session. They are shown first: a session that is gone is no reason to
        refuse."""
        visible = OptimizationSession.objects.visible_to(self.user)
        session: OptimizationSession | None = visible.filter(pk=self.cleaned_data["inputs_of"]).first()
        return tuple(session.inputs or ()) if session else ()

    def clean_continues(self) -> OptimizationSession | None:
        """The session whose result the search starts from. It must be there, have ended, and have found something."""
        number = self.cleaned_data["continues"]
        if number is None:
            return None
        visible = OptimizationSession.objects.visible_to(self.user)
        session: OptimizationSession | None = visible.filter(pk=number).first()
        if session is None:
            raise ValidationError(f"There is no optimization {number} that you may start from.")
        if session.is_active:
            raise ValidationError(f"Optimization {number} has not ended. Wait for its result, or stop it.")
        if not found_by(session):
            why = NOTHING_FOUND.get(SessionStatus(session.status), "found nothing better than its original")
            raise ValidationError(f"Optimization {number} {why}, so there is nothing to start from.")
        return session

    def choices(self) -> Choices:
        """What was asked for, complete. Call it on a valid form."""
        chosen = self.cleaned_data
        return Choices(
            prompt=chosen["prompt"],
            system_text=chosen["system_text"],
            context=chosen["context"],
            literals=chosen["literals"],
            table=None if chosen["dataset"] else self.table,
            dataset=chosen["dataset"],
            template=chosen["template"],
            grader=chosen["grader"] or "exact",
            grader_options=self.grader_options,
            settings=self.settings,
            show_inputs=chosen["show_inputs"],
            inputs=chosen["inputs_of"],
            continues=chosen["continues"],
            submit_key=chosen["submit_key"],
        )


def initial_of(session: OptimizationSession) -> dict[str, Any]:
    """The form's values that would run this session again."""
    prompt, continues = session.prompt, session.continues
    given = {
        "literals": session.literals, "grader": session.grader,
        "prompt": prompt.original, "system_text": prompt.system_text, "context": prompt.context,
        "dataset": session.dataset_id,
        "template": prompt.template_id, "show_inputs": session.inputs_requested or session.inputs is not None,
        "inputs_of": session.pk if session.inputs else None,
        "continues": continues.pk if continues and not continues.deleted_at else None,
    }  # fmt: skip
    return session.settings | _options_of(session) | given


def _options_of(session: OptimizationSession) -> dict[str, Any]:
    """The grader's options as the form's fields hold them."""
    names = OPTIONS_OF.get(session.grader, {})
    options = {name: session.grader_options.get(option) for name, option in names.items()}
    share = options.get("threshold")
    return options | ({"threshold": float(share)} if share else {})
