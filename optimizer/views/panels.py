"""What the tabs of an optimization's page show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from optimizer.models import Candidate, Evaluation, OptimizationSession, SessionStatus, Split
from optimizer.progress import live_text
from optimizer.services.advice import grader_advice
from optimizer.views.charts import chart_of
from optimizer.views.diffs import word_diff
from optimizer.views.wording import counted_from, elapsed, headline

TABS = {
    "progress": "Progress",
    "candidates": "Candidates",
    "results": "Results",
    "log": "Log",
    "settings": "Settings",
}
LATEST = 6
CANDIDATES = 500
LINES = 300
ROWS = 500

Context = dict[str, Any]


def session_panel(session: OptimizationSession, tab: str) -> Context:
    """The live part of the page. Without a chosen tab: progress while it runs, then the results."""
    shown = tab or ("progress" if session.is_active else "results")
    frame = {"session": session, "tab": tab, "shown": shown, "tabs": TABS}
    times = {"elapsed": elapsed(session), "counted_from": counted_from(session)}
    return frame | times | SECTIONS[shown](session)


def _progress(session: OptimizationSession) -> Context:
    candidates = list(_candidates(session))
    return {
        "chart": chart_of(candidates),
        "latest": candidates[: -LATEST - 1 : -1],
        "count": len(candidates),
        "text": live_text(session.pk) if session.is_active else "",
    }


def _listed(session: OptimizationSession) -> Context:
    return {"candidates": _candidates(session).defer(None).defer("components").prefetch_related("parents")}


def _candidates(session: OptimizationSession) -> QuerySet[Candidate]:
    return session.candidates.defer("components", "messages").order_by("number")[:CANDIDATES]


def _results(session: OptimizationSession) -> Context:
    ends = list(session.candidates.filter(number=0) | session.candidates.filter(is_best=True))
    original = next((candidate for candidate in ends if candidate.number == 0), None)
    best = next((candidate for candidate in ends if candidate.is_best), original)
    if original is None or best is None or session.status == SessionStatus.FAILED:
        return {"original": original, "best": None}
    return {
        "original": original,
        "best": best,
        "advice": grader_advice(session),
        "headline": headline(session),
        "tokens": session.prompt_tokens + session.completion_tokens,
        "changes": word_diff(original.text, best.text),
        "answers": _answers(original, best),
        "metrics": _metrics(session.results),
        "feedback_used": session.feedback_used,
        "reused": session.calls_reused,
        "comparison": session.results.get("comparison"),
    }


@dataclass(frozen=True)
class Answer:
    """One held-out row as the original and the best answered it."""

    before: Evaluation
    after: Evaluation

    @property
    def verdict(self) -> str:
        """In one word, for the eye that scans the table."""
        if self.after.score == self.before.score:
            return "same"
        return "better" if self.after.score > self.before.score else "worse"


def _answers(original: Candidate, best: Candidate) -> list[Answer]:
    rows = Evaluation.objects.filter(candidate__in=[original, best], split=Split.HELD_OUT)[: 2 * ROWS]
    by_candidate: dict[int, dict[int, Evaluation]] = {original.pk: {}, best.pk: {}}
    for row in rows:
        row.candidate = original if row.candidate_id == original.pk else best
        by_candidate[row.candidate_id][row.item] = row
    before, after = by_candidate[original.pk], by_candidate[best.pk]
    return [Answer(row, after[item]) for item, row in before.items() if item in after]


@dataclass(frozen=True)
class Metric:
    """A rating of the prompt's text from 0 to 10, before (when known) and after."""

    name: str
    before: float | None
    after: float


def _metrics(results: dict[str, Any]) -> list[Metric]:
    after, before = results.get("metrics") or {}, results.get("original_metrics") or {}
    names = ("clarity", "specificity", "engagement")
    return [Metric(name, before.get(name), after[name]) for name in names if name in after]


def _log(session: OptimizationSession) -> Context:
    return {"lines": session.events.order_by("-seq")[:LINES]}


def _settings(session: OptimizationSession) -> Context:
    return {}


SECTIONS: dict[str, Callable[[OptimizationSession], Context]] = {
    "progress": _progress,
    "candidates": _listed,
    "results": _results,
    "log": _log,
    "settings": _settings,
}
