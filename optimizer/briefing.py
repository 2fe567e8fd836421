"""What a session asks of the engine, in the engine's own words."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import fields
from typing import Any

from django.conf import settings

from optimizer import engine
from optimizer.brief import PRESETS, in_force
from optimizer.engine import starts
from optimizer.engine.calls import THINKING_TOKENS
from optimizer.engine.components import Components, Shot, first_of, original_of
from optimizer.engine.constraint import constraint_of
from optimizer.engine.events import Outcome
from optimizer.engine.program import program_of
from optimizer.engine.reasoning import Reasoning
from optimizer.engine.task import FEWEST_CALLS
from optimizer.engine.variables import variables
from optimizer.files import Assignment, FileFaultError, Table, reassigned
from optimizer.files.binding import Binding, bind
from optimizer.llm.base import Reply
from optimizer.models import Candidate, LLMCall, OptimizationSession, Split


def binding_of(
    table: Table, prompt: str, literals: Collection[str] = (), assigned: Assignment | None = None
) -> Binding:
    """How the table's columns fill the whole prompt, as a person chose or as their names say."""
    variables = original_of(prompt, tuple(literals)).variables
    return bind(table, variables, dict(assigned.variables) if assigned else None)


def table_of(session: OptimizationSession) -> Table | None:
    """The rows of the session, with the columns that a person chose for it. TaskRefusedError if they do not fit."""
    if session.dataset is None:
        return None
    try:
        return reassigned(session.dataset.table(session.dataset_version), session.assignment)
    except FileFaultError as error:
        raise engine.TaskRefusedError(str(error)) from error


def items_of(table: Table, binding: Binding, grader: str) -> tuple[engine.Item, ...]:
    """The table's rows as the engine takes them."""
    items = []
    for row in table.rows:
        expected, *also = table.answers(row, as_list=grader == "json")
        items.append(
            engine.Item(
                binding.shown(row),
                expected,
                row.weight,
                values=binding.values(row),
                also=tuple(also),
                split=row.split,
            )
        )
    return tuple(items)


def task_of(session: OptimizationSession, table: Table | None = None) -> engine.Task:
    """The session's task, with these rows or else those of the dataset's version that it uses.

    Raises TaskRefusedError if they do not fill its prompt."""
    table = table or table_of(session)
    items: tuple[engine.Item, ...] = ()
    if table:
        binding = binding_of(table, session.prompt.whole, session.literals, session.assignment)
        if binding.fault:
            raise engine.TaskRefusedError(binding.fault)
        items = items_of(table, binding, session.grader)
    return engine.Task(
        prompt=session.prompt.original,
        system_text=session.prompt.system_text,
        context=session.prompt.context,
        literals=tuple(session.literals),
        items=items,
        inputs=tuple(session.inputs or ()),
        grader=session.grader,
        grader_options=tuple(session.grader_options.items()),
        rated=tuple(engine.Rated(**row) for row in session.rated or ()),
        evidence=tuple(said["text"] for said in session.evidence_given),
        priors=tuple(engine.Prior(**prior) for prior in session.priors or ()),
        turns=session.turns,
        hears_system=session.hears_system,
        thinks=session.thinks,
        starts=tuple(map(components_of, session.starts)),
        seen=tuple(items[row].input for row in session.seen if row < len(items)),
        **_those_of(engine.Task, session.settings),
    )


def prompt_of(
    prompt: str, literals: Collection[str], settings: Mapping[str, Any], *, system_text: str = ""
) -> Components:
    """The prompt as a run with these settings sends it. TaskRefusedError if it cannot be sent that way."""
    chosen = _those_of(engine.Task, settings)
    return first_of(engine.Task(prompt, system_text=system_text, literals=tuple(literals), **chosen))


def config_of(session: OptimizationSession) -> engine.Config:
    """How hard to search for the session. Its preset decides what it leaves open."""
    chosen = _those_of(engine.Config, session.settings)
    before = session.spent_before
    tokens = chosen.get("max_tokens")
    return engine.Config(
        **chosen
        | {
            "max_calls": max(FEWEST_CALLS, chosen["max_calls"] - before["calls"]),
            "max_tokens": tokens and max(1, tokens - before["prompt_tokens"] - before["completion_tokens"]),
            "styles": PRESETS[session.preset].styles,
            "window": session.window,
        }
    )


def _those_of(kind: type[engine.Task] | type[engine.Config], settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings that are fields of the engine's Task, or of its Config."""
    names = {field.name for field in fields(kind)}
    return {name: value for name, value in in_force(settings).items() if name in names}


def seen_by(session: OptimizationSession) -> frozenset[str]:
    """The inputs of rows that its search saw, or the one that it started from. Raises as `task_of` does."""
    asked = task_of(session), config_of(session), session.seed
    return starts.seen_by(*asked, cross_fitted=bool(session.cross_fitted))


def contender_of(session: OptimizationSession) -> engine.Contender:
    """The best of a stopped search, and what the search rows show about it and the original."""
    best = session.candidates.get(is_best=True)
    return engine.Contender(
        number=best.number,
        components=components_of(best.components),
        outcomes=_on_search_rows(best),
        original_outcomes=_on_search_rows(session.candidates.get(number=0)),
        cross_fitted=bool(session.cross_fitted),
    )


def _on_search_rows(candidate: Candidate) -> tuple[Outcome, ...]:
    rows = candidate.evaluations.filter(split=Split.VALIDATION)
    names = [field.name for field in fields(Outcome)]
    return tuple(Outcome(*(getattr(row, name) for name in names)) for row in rows)


def components_of(stored: Mapping[str, Any]) -> Components:
    """A candidate's components, from how they are stored."""
    shots = tuple(_shot_of(shot) for shot in stored["shots"])
    reasoning = Reasoning(**stored["reasoning"]) if stored.get("reasoning") else None
    names = stored.get("variables", variables(stored["instruction"]))
    return Components(
        **{
            **stored,
            "shots": shots,
            "keywords": tuple(stored["keywords"]),
            "variables": tuple(names),
            "reasoning": reasoning,
            "constraint": constraint_of(stored.get("constraint")),
        }
    )


def program_for(session: OptimizationSession) -> str:
    """The prompt that is handed over, as a Python program. ValueError where there is none, or none can be made."""
    found = session.candidates.filter(is_best=True).first() if session.hands_over_best else None
    candidate = found or session.candidates.filter(number=0).first()
    if candidate is None:
        raise ValueError("There is no prompt yet.")
    components = components_of(candidate.components)
    thoughts = THINKING_TOKENS if session.thinks else 0
    return program_of(
        components,
        model=session.target_model,
        max_tokens=session.max_tokens + thoughts,
        window=session.window or settings.OLLAMA_CONTEXT,
    )


def _shot_of(stored: Mapping[str, Any]) -> Shot:
    values = tuple((name, text) for name, text in stored.get("values", ()))
    return Shot(**{**stored, "values": values})


def paid_for(session: OptimizationSession, keys: Collection[str]) -> dict[str, Reply]:
    """The session's replies, by the keys of their requests."""
    rows = LLMCall.objects.filter(session=session, key__in=list(keys))
    return {
        row.key: Reply(
            row.response,
            row.finish_reason,
            row.prompt_tokens,
            row.completion_tokens,
            row.duration_ms,
            row.host,
            row.busy_ms,
            row.load_ms,
            at_ms=row.at_ms,
        )
        for row in rows
    }
