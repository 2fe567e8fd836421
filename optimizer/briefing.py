"""What a session asks of the engine, in the engine's own words."""

from __future__ import annotations

from collections.abc import Iterable

from optimizer import engine
from optimizer.engine.task import FEWEST_CALLS
from optimizer.models import OptimizationSession

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
    )
