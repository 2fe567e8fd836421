"""What a terminal shows of a result: the prompt on standard output, everything else on standard error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings

from optimizer.counts import counted
from optimizer.engine import figures
from optimizer.models import Candidate, Chosen, OptimizationSession, SessionStatus
from optimizer.models.across import Cell
from optimizer.models.finalists import Finalist
from optimizer.models.fronts import front_summaries
from optimizer.services.advice import grader_advice
from optimizer.services.estimates import forecast_comparison
from optimizer.verdicts import (
    about_interval,
    comparison_of,
    gain,
    headline,
    next_step,
    scores,
    usable_outputs,
    word,
)
from promptevolver.embedded.services.home import Home
from promptevolver.product import served_url

TOLD_OF_PARTS = {
    "text": "This is the text. The system text was sent as the system message, and stays as it is.",
    "system": "This is the system text, which was sent as the system message. The text stays as it is.",
    "both": "The system text was sent as the system message, and the text with each row as a user message.",
}


def result_text(session: OptimizationSession) -> str:
    """What is handed over: the original, unless something better is. Two parts: those that the search might change."""
    text, system_text = handed_over(session)
    if session.part == "both":
        return f"System text:\n{system_text}\n\nText:\n{text}"
    return system_text if session.part == "system" else text


def handed_over(session: OptimizationSession) -> tuple[str, str]:
    """The text and the system text, "" for a prompt that has none."""
    prompt = session.prompt
    return prompt.optimized or prompt.original, prompt.optimized_system_text or prompt.system_text


def found_of(session: OptimizationSession) -> Candidate | None:
    """The winner of the search; None if that is the original."""
    found: Candidate | None = session.candidates.filter(is_best=True, number__gt=0).first()
    return found


def result_lines(session: OptimizationSession) -> Iterator[str]:
    """The verdict first, what was measured, and what to do with it."""
    verdict = word(session)
    yield f"{verdict}. {headline(session)}" if verdict else headline(session)
    measured = [gain(session), about_interval(session), _scores(session), _usable(session)]
    yield from filter(None, measured)
    if step := next_step(session):
        yield f"Next: {step}"
    yield from _finalists(session)
    yield from _models(session)
    if advice := grader_advice(session):
        yield str(advice)
    found = found_of(session)
    if found and session.hands_over_best and found.marker:
        yield found.where_the_answer_is
    if found and session.hands_over_best and found.constraint:
        yield f"The answer is constrained to {found.constraint.words}: send it as “format” from --json."
    if found and session.hands_over_best and found.is_system_message:
        yield "The prompt was sent as the system message, and each row as the user message."
    if session.prompt.system_text:
        yield TOLD_OF_PARTS[session.part]
    if found and session.hands_over_best and found.in_turns:
        yield "The prompt was measured as chat turns, not as one text. --json holds them under “messages”."
    if session.comparable:
        yield from _offer_comparison(session)
    if session.status == SessionStatus.CANCELLED and session.verdict:
        yield f"Continue the search: ./manage.py optimize --resume {session.pk}"
    yield f"Its page: {page_of(session)}"


def _finalists(session: OptimizationSession) -> Iterator[str]:
    """Both finalists with what they cost, if there are two."""
    if len(session.finalists) < 2:
        return
    for finalist in session.finalists:
        in_use = (
            " In use; the page offers the other." if finalist.is_result and session.hands_over_best else ""
        )
        yield f"{finalist.title}: {', '.join(_measured(finalist))}.{in_use}"


def _models(session: OptimizationSession) -> Iterator[str]:
    """A line for each model, and the best for all."""
    table = session.model_table
    if table is None:
        return
    for row in table.rows:
        cells = "; ".join(map(_cell, row.cells)) or f"not measured. {row.missing}"
        yield f"With {row.model}: {cells}"
        yield from (f"{row.model}: {note}" for note in row.notes if not row.is_target)
    if table.best:
        yield f"Best for all of them, by the mean of the scores: {table.best}."


def _cell(cell: Cell) -> str:
    told = [f"{cell.title} {cell.score}", cell.difference]
    told += [f"{counted(cell.too_long, 'row')} too long"] if cell.too_long else []
    return ", ".join(filter(None, told)) + (" (best)" if cell.is_best else "")


def _measured(finalist: Finalist) -> Iterator[str]:
    yield figures.percent(finalist.comparison["best"]) if finalist.comparison else "not compared"
    if finalist.usable_outputs is not None:
        yield f"{figures.percent(finalist.usable_outputs)} usable outputs"
    if finalist.answer_tokens is not None:
        yield f"{finalist.answer_tokens:,.0f} tokens an answer"
    if finalist.answer_seconds is not None:
        yield f"{finalist.answer_seconds:.1f} seconds an answer"


def finalist_summaries(session: OptimizationSession) -> list[dict[str, Any]]:
    """The finalists as `--json` lists them."""
    candidates = {candidate.number: candidate for candidate in session.candidates.all()}
    return [_finalist_summary(one, candidates[one.number]) for one in session.finalists]


def _finalist_summary(finalist: Finalist, candidate: Candidate) -> dict[str, Any]:
    comparison = finalist.comparison
    return {
        "kind": finalist.kind.value,
        "number": finalist.number,
        "prompt": candidate.text,
        "system_text": candidate.system_text or None,
        "messages": candidate.messages,
        "format": candidate.format,
        "examples_per_input": candidate.components.get("nearest") or None,
        "score": comparison and comparison["best"],
        "interval": [comparison["low"], comparison["high"]] if comparison else None,
        "verdict": finalist.verdict or None,
        "usable_outputs": finalist.usable_outputs,
        "answer_tokens": finalist.answer_tokens,
        "answer_seconds": finalist.answer_seconds,
        "in_use": finalist.is_result and candidate.session.hands_over_best,
    }


def _scores(session: OptimizationSession) -> str:
    kind = (session.score_kind or "score").capitalize()
    if pair := scores(session):
        return f"{kind}: {pair.before} with the original, {pair.after} with the best found."
    if not session.comparable:
        return ""
    told = [f"{figures.percent(score)} {of}" for score, of in searched(session).values()]
    ends = (
        f"{told[0]} rows with the original, {told[1]} rows with the best so far"
        if len(told) == 2
        else "".join(told)
    )
    return f"{kind} on search rows; not compared on held-out rows: {ends}."


def _usable(session: OptimizationSession) -> str:
    """Shares of outputs that a program can use as they are, for answers in JSON."""
    pair = usable_outputs(session)
    return (
        f"Usable outputs: {pair.before} with the original, {pair.after} with the best found." if pair else ""
    )


def searched(session: OptimizationSession) -> dict[str, tuple[float, str]]:
    """Scores of the original and the best on search rows, and on how many."""
    original, found = session.candidates.filter(number=0).first(), found_of(session)
    ends = {"original": original, "best": found}
    return {
        name: (candidate.score, f"of {candidate.scored_items}")
        for name, candidate in ends.items()
        if candidate and candidate.score is not None
    }


def _offer_comparison(session: OptimizationSession) -> Iterator[str]:
    cost = forecast_comparison(session)
    yield f"Compare it: ./manage.py optimize --resume {session.pk} --compare-only"
    if cost:
        yield f"That takes: {cost}"


def page_of(session: OptimizationSession) -> str:
    """Its address while the site is served; else its path."""
    path = f"/optimizations/{session.pk}/"
    base = served_url(Home(settings.HOME)) if settings.HOME else ""
    return f"{base}{path}" if base else f"{path} of the site that `make run` serves"


def summary(session: OptimizationSession) -> dict[str, Any]:
    """What `--json` prints."""
    return _came_to(session) | _scored(session) | _took(session)


def _came_to(session: OptimizationSession) -> dict[str, Any]:
    """How it ended, and the prompt that is handed over."""
    found = found_of(session) if session.hands_over_best else session.candidates.filter(number=0).first()
    text, system_text = handed_over(session)
    return {
        "session": session.pk,
        "started_from": session.continues_id,
        "status": session.status,
        "finish_reason": session.error_message or session.finish_reason,
        "verdict": session.verdict or None,
        "handed_over": (Chosen.BEST if session.hands_over_best else Chosen.ORIGINAL).value,
        "original": session.prompt.original,
        "original_system_text": session.prompt.system_text or None,
        "optimized": text,
        "optimized_system_text": system_text or None,
        "messages": found.messages if found else [],
        "format": found.format if found else None,
        "kept_original": None if session.kept_original is None else not session.hands_over_best,
        "improvements": session.results.get("improvements", []) if session.hands_over_best else [],
    }


def _scored(session: OptimizationSession) -> dict[str, Any]:
    """Scores, the comparison and the finalists."""
    comparison = comparison_of(session)
    return {
        "quality_score": session.quality_score,
        "score_kind": session.score_kind,
        "baseline_score": session.baseline_score,
        "best_score": session.best_score,
        "interval": [comparison["low"], comparison["high"]] if comparison else None,
        "interval_note": about_interval(session) or None,
        "comparison": comparison,
        "finalists": finalist_summaries(session),
        "front": front_summaries(session.candidates.defer("components", "messages", "text", "system_text")),
        "other_models": session.results.get("other_models"),
        "judge": session.judge,
        "headroom": session.results.get("headroom"),
        "search_scores": {name: score for name, (score, _) in searched(session).items()},
        "metrics": session.results.get("metrics"),
    }


def _took(session: OptimizationSession) -> dict[str, Any]:
    """What was asked for, and what that cost."""
    return {
        "calls": session.calls,
        "calls_reused": session.calls_reused,
        "prompt_tokens": session.prompt_tokens,
        "completion_tokens": session.completion_tokens,
        "settings": session.settings,
        "estimate": session.estimate,
        "seconds": round((session.processing_time_ms or 0) / 1000, 1),
    }
