"""What is typed to start an optimization, on the page or in the terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from uuid import uuid4

from django import forms
from django.core.exceptions import ValidationError
from django.forms import BoundField

from optimizer.brief import SETTINGS, Group, completed, objections
from optimizer.briefing import binding_of, prompt_of
from optimizer.engine.components import Components, original_of
from optimizer.engine.variables import in_braces
from optimizer.files import Assignment, Table
from optimizer.files.binding import Binding
from optimizer.files.faults import shortened
from optimizer.files.rows import FEWEST_ROWS, too_few
from optimizer.forms.examples import OPTIONS_OF, PLACES, ExamplesForm
from optimizer.forms.fields import LongText, NamesField, pane
from optimizer.forms.mapping import typed_of
from optimizer.forms.settings import Laid, circumstances, laid_out, setting_fields
from optimizer.models import OptimizationSession, PromptTemplate, SessionStatus, TemplateVersion, User
from optimizer.services.choices import Choices, found_by, last_assignment
from optimizer.services.preferences import preference_of

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
    version = _hidden_number()  # of the template
    inputs_of = _hidden_number()
    continues = _hidden_number()
    offered = _hidden_number()  # what it may continue, also when that is not chosen

    def __init__(self, *bound: Any, user: User, initial: Mapping[str, Any] | None = None) -> None:
        self.user = user
        self.binding: Binding | None = None  # how the rows fill the prompt, once there are both
        self.good = self.bad = 0  # rows with something for the prompt, and with nothing
        defaults = {setting.name: setting.default for setting in SETTINGS} | preference_of(user).defaults
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

    @property
    def roles(self) -> list[BoundField]:
        """The fields that name the column of each role."""
        return [self[name] for name in ("expected_column", "input_column", "weight_column")]

    def laid_out(self) -> list[tuple[Group, list[Laid]]]:
        """The folded settings, for the page."""
        return list(laid_out(self))

    def clean(self) -> dict[str, Any]:
        chosen = super().clean()
        if self.table and chosen.get("prompt"):
            self._forget_columns_of_other_rows(self.table)
            self._bind(self.table, chosen)
        self._check_settings(chosen)
        if chosen.get("continues") and not self.place and self.errors.keys().isdisjoint(PLACES):
            self.add_error("rows", NO_ROWS)
        return chosen

    def _bind(self, table: Table, chosen: Mapping[str, Any]) -> None:
        """How the rows fill the prompt. Rows with nothing for it are left out if that is wished."""
        self.binding = binding_of(table, self.written().whole, chosen.get("literals") or (), self.assigned)
        if chosen.get("keep_good") and self.place != "dataset" and (empty := self.binding.empty_rows(table)):
            left = [row for number, row in enumerate(table.rows, 1) if number not in empty]
            faults = (*table.faults, *self.binding.gaps(table))
            self.table = table = replace(table, rows=tuple(left), faults=faults)
        self._check_binding(self.binding, table)

    def last_assignment(self) -> Assignment:
        """The columns that were chosen the last time that these saved rows met this template."""
        dataset = self.cleaned_data.get("dataset")
        return last_assignment(dataset, self.cleaned_data.get("template")) if dataset else Assignment()

    def _forget_columns_of_other_rows(self, table: Table) -> None:
        """A page sends what was chosen for earlier rows. A terminal sends what is meant, also if it is wrong."""
        if "mapping_of" in self.data:
            there = tuple(pair for pair in self.assigned.variables if pair[1] in table.columns)
            self.assigned = replace(self.assigned, variables=there)

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
            self.add_error("mapping" if binding.nameless or binding.refused else self.place, binding.fault)
        elif empty := binding.empty(table):
            self.add_error("mapping", [f"{in_braces(name)}: {why}" for name, why in empty.items()])
        elif overlong := binding.overlong(table, self.written().whole):
            self.add_error(self.place, overlong)
        elif gaps := binding.gaps(table):
            self.good, self.bad = len(table.rows) - len(gaps), len(gaps)
            self.add_error(self.place, shortened(gaps))
        elif (different := len({binding.shown(row) for row in table.rows})) < FEWEST_ROWS:
            self.add_error(self.place, too_few(different))

    def clean_template(self) -> PromptTemplate | None:
        """Where the prompt came from. It only helps to find feedback: a template that is gone is no reason to
        refuse."""
        visible = PromptTemplate.objects.visible_to(self.user)
        template: PromptTemplate | None = visible.filter(pk=self.cleaned_data["template"]).first()
        return template

    def _version(self) -> TemplateVersion | None:
        """The version of the template that the prompt came from."""
        template, number = self.cleaned_data["template"], self.cleaned_data["version"]
        return template.versions.filter(number=number).first() if template and number else None

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
            assignment=self.assigned,
            table=None if chosen["dataset"] else self.table,
            dataset=chosen["dataset"],
            template=chosen["template"],
            template_version=self._version(),
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
    version = prompt.template_version
    given = {
        "literals": session.literals, "grader": session.grader,
        "prompt": prompt.original, "system_text": prompt.system_text, "context": prompt.context,
        "dataset": session.dataset_id,
        "template": prompt.template_id, "version": version.number if version else None,
        "show_inputs": session.inputs_requested or session.inputs is not None,
        "inputs_of": session.pk if session.inputs else None,
        "continues": continues.pk if continues and not continues.deleted_at else None,
    }  # fmt: skip
    columns = typed_of(session.assignment) | {"mapping_of": str(session.dataset_id or "")}
    return session.settings | _options_of(session) | columns | given


def _options_of(session: OptimizationSession) -> dict[str, Any]:
    """The grader's options as the form's fields hold them."""
    names = OPTIONS_OF.get(session.grader, {})
    options = {name: session.grader_options.get(option) for name, option in names.items()}
    share = options.get("threshold")
    return options | ({"threshold": float(share)} if share else {})
