"""What a run came to, as a session stores it: the columns, and the open-ended part in `results`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from optimizer.engine import events, results


def results_of(result: events.Finished, across: events.Across | None = None) -> dict[str, Any]:
    """The open-ended part of a result, as it is stored; with the table of other models if there is one."""
    return {
        "improvements": list(result.improvements),
        "metrics": result.rating and asdict(result.rating),
        "original_metrics": result.original_rating and asdict(result.original_rating),
        "rejected": dict(result.rejected),
        "used_feedback": list(result.used_evidence),
        "operators": [asdict(operator) for operator in result.operators],
        "headroom": asdict(result.headroom),
        "finalists": finalists_of(result),
        "other_models": across and asdict(across.table),
        **proof_of(result),
    }


def finalists_of(result: events.Finished) -> list[dict[str, Any]]:
    """The finalists as they are stored. The ratings are those of the one that is handed over."""
    return [
        finalist_of(finalist, result.rating if finalist.number == result.best else None)
        for finalist in result.finalists
    ]


def finalist_of(finalist: results.Finalist, rating: results.Rating | None) -> dict[str, Any]:
    """A finalist as it is stored: what people see of it, and all that changes if a person chooses it."""
    return {
        "number": finalist.number,
        "kind": finalist.kind.value,
        "answer_tokens": finalist.answer_tokens,
        "answer_seconds": finalist.answer_seconds,
        "columns": columns_of(finalist.proof, finalist.quality_score),
        "results": {
            **measured(finalist.proof),
            "improvements": list(finalist.improvements),
            "caveats": list(finalist.caveats),
            "metrics": rating and asdict(rating),
        },
    }


def proof_of(result: events.Finished | events.Compared) -> dict[str, Any]:
    """What was compared, and what to know about that, as it is stored."""
    return {
        **measured(result.proof),
        "caveats": list(result.caveats),
        "position_bias": result.position_bias,
    }


def measured(proof: results.Proof) -> dict[str, Any]:
    """What was compared, as it is stored."""
    return {
        "winner": proof.winner,
        "ahead": proof.ahead,
        "left_out": proof.left_out,
        "doubtful_judge": proof.doubtful_judge,
        "folds": proof.folds,
        "comparison": proof.comparison and asdict(proof.comparison),
    }


def scores_of(result: events.Finished | events.Compared) -> dict[str, Any]:
    """The columns that say what the comparison came to."""
    return {"score_kind": result.score_kind, **columns_of(result.proof, result.quality_score)}


def columns_of(proof: results.Proof, quality_score: float) -> dict[str, Any]:
    """The columns that depend on the finalist."""
    return {
        "verdict": proof.verdict or "",
        "kept_original": not proof.handed_over,
        "quality_score": quality_score,
        "baseline_score": proof.comparison and proof.comparison.baseline,
        "best_score": proof.comparison and proof.comparison.best,
    }
