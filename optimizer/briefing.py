"""What a session asks of the engine, in the engine's own words."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from optimizer import engine
from optimizer.engine.components import Components, Shot
from optimizer.engine.events import Outcome
from optimizer.engine.task import FEWEST_CALLS
from optimizer.llm.base import Reply
from optimizer.models import Candidate, LLMCall, OptimizationSession, Split

Row = tuple[str, str, float]  # input, expected, weight


def task_of(session: OptimizationSession, rows: Iterable[Row] | None = None) -> engine.Task:
    """The session's task, with these rows, else those of its dataset."""
    if rows is None:
        examples = session.dataset.examples if session.dataset else None
        rows = examples.values_list("input", "expected", "weight") if examples else ()
    return engine.Task(
        prompt=session.prompt.original,
        context=session.prompt.context,
        target_model=session.target_model,
        optimizer_model=session.optimizer_model,
        items=tuple(engine.Item(*row) for row in rows),
        inputs=tuple(session.inputs or ()),
        grader=session.grader,
        grader_options=tuple(session.grader_options.items()),
        rated=tuple(engine.Rated(**row) for row in session.rated or ()),
        evidence=tuple(said["text"] for said in session.evidence_given),
        priors=tuple(engine.OperatorPrior(**prior) for prior in session.priors or ()),
    )


def config_of(session: OptimizationSession) -> engine.Config:
    """How hard to search for the session. What it leaves open, its preset says."""
    preset = engine.PRESETS[session.preset]
    before = session.spent_before
    tokens = session.token_budget
    return engine.Config(
        iterations=session.iterations,
        rounds=session.rounds,
        styles=preset.styles,
        temperature=session.temperature,
        answer_tokens=session.max_tokens,
        max_calls=max(FEWEST_CALLS, (session.max_calls or preset.max_calls) - before["calls"]),
        max_tokens=tokens and max(1, tokens - before["prompt_tokens"] - before["completion_tokens"]),
        max_minutes=session.max_minutes,
        target_score=1.0 if session.target_score is None else session.target_score,
        patience=session.patience or preset.patience,
        only_proven=session.only_proven,
    )


def contender_of(session: OptimizationSession) -> engine.Contender:
    """The best of a stopped search, and what is known of it and of the original on search rows."""
    best = session.candidates.get(is_best=True)
    return engine.Contender(
        number=best.number,
        components=components_of(best.components),
        outcomes=_on_search_rows(best),
        original_outcomes=_on_search_rows(session.candidates.get(number=0)),
    )


def _on_search_rows(candidate: Candidate) -> tuple[Outcome, ...]:
    rows = candidate.evaluations.filter(split=Split.VALIDATION)
    return tuple(Outcome(row.item, row.input, row.expected, row.output, row.score, row.why) for row in rows)


def components_of(stored: Mapping[str, Any]) -> Components:
    """A candidate's components, from how they are stored."""
    shots = tuple(Shot(**shot) for shot in stored["shots"])
    return Components(**{**stored, "shots": shots, "keywords": tuple(stored["keywords"])})


def paid_for(session: OptimizationSession, keys: Collection[str]) -> dict[str, Reply]:
    """By key of its request, each of the replies that the session has."""
    rows = LLMCall.objects.filter(session=session, key__in=list(keys))
    return {
        row.key: Reply(
            row.response, row.finish_reason, row.prompt_tokens, row.completion_tokens, row.duration_ms
        )
        for row in rows
    }
