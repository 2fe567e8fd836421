"""What a person asks for when an optimization is started."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from optimizer.brief import completed
from optimizer.briefing import binding_of, items_of, seen_by
from optimizer.engine import TaskRefusedError
from optimizer.engine.graders import RUBRIC
from optimizer.engine.variables import whole
from optimizer.files import Assignment, Table, reassigned
from optimizer.models import Dataset, OptimizationSession, PromptTemplate, TemplateVersion


@dataclass(frozen=True)
class Choices:
    """What a person asked for, complete and checked. A `table` makes a new dataset; `dataset` is one that exists.
    `literals` are names in double braces that are text. `assignment` says which columns were chosen by hand. The prompt
    comes from that version of a template. The search starts from what the session that it `continues` found."""

    prompt: str
    system_text: str = ""
    context: str = ""
    literals: tuple[str, ...] = ()
    assignment: Assignment = field(default_factory=Assignment)
    table: Table | None = None
    dataset: Dataset | None = None
    template: PromptTemplate | None = None
    template_version: TemplateVersion | None = None
    grader: str = "exact"
    grader_options: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(
        default_factory=dict
    )  # of the run; what is left out takes its default
    show_inputs: bool = False
    inputs: tuple[str, ...] = ()  # shown instead of new ones
    submit_key: UUID | None = None
    continues: OptimizationSession | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "settings", completed(self.settings))

    @property
    def judged(self) -> bool:
        """Whether a model judges the outputs."""
        return self.grader == RUBRIC or not (self.dataset or self.table)

    def examples(self) -> Table | None:
        """The rows, wherever they come from."""
        return reassigned(self.dataset.table(), self.assignment) if self.dataset else self.table

    def starts(self) -> list[dict[str, Any]]:
        """The components of the prompts that the search starts from."""
        return found_by(self.continues) if self.continues else []

    def seen(self) -> list[int]:
        """The numbers of the rows that the session that it continues has seen."""
        table = self.examples()
        if not (self.continues and table):
            return []
        prompt = whole(self.system_text, self.prompt)
        binding = binding_of(table, prompt, self.literals, self.assignment)
        if binding.fault:
            return []  # the run is refused anyway
        items = items_of(table, binding, self.grader)
        try:
            seen = seen_by(self.continues)
        except TaskRefusedError:  # its rows cannot be read any more: it may have seen all
            return list(range(len(items)))
        return [number for number, item in enumerate(items) if item.input in seen]


def last_assignment(dataset: Dataset, template: PromptTemplate | None) -> Assignment:
    """The columns that were chosen when these rows last met this template, as far as they are still there."""
    sessions = OptimizationSession.objects.in_workspaces([dataset.workspace_id]).filter(
        dataset=dataset, prompt__template=template
    )
    last: OptimizationSession | None = sessions.order_by("-pk").first()
    found = last.assignment if last else Assignment()
    return found if found.columns <= {*dataset.columns, "input", "expected"} else Assignment()


def found_by(session: OptimizationSession) -> list[dict[str, Any]]:
    """The components of what it found: of its finalists, or of the best so far if it was stopped."""
    numbers = [finalist.number for finalist in session.finalists]
    found = (
        session.candidates.filter(number__in=numbers) if numbers else session.candidates.filter(is_best=True)
    )
    return [candidate.components for candidate in found.exclude(number=0)]
