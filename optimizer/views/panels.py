"""What the tabs of an optimization's page show."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from optimizer import cautions
from optimizer.brief import Kind, in_force, told
from optimizer.engine.crossfit import QUARTER
from optimizer.engine.verdicts import FEWEST_ROWS
from optimizer.models import Candidate, Evaluation, OptimizationSession, SessionStatus, Split
from optimizer.models.fronts import front_of
from optimizer.newest import newest_answer
from optimizer.services.advice import grader_advice
from optimizer.services.estimates import forecast_comparison
from optimizer.verdicts import (
    about_interval,
    comparison_of,
    cross_fitted,
    gain,
    headline,
    next_step,
    scores,
    usable_outputs,
    word,
)
from optimizer.views.charts import chart_of
from optimizer.views.diffs import parts_of
from optimizer.views.marks import Marks, marks_of
from optimizer.views.pace import estimated, span, time_left
from optimizer.views.wording import counted_from, elapsed

TABS = {
    "progress": "Progress",
    "candidates": "Candidates",
    "results": "Results",
    "log": "Log",
    "settings": "Settings",
}
SHOWN_WITH = ("prompt__template", "prompt__template_version", "dataset")  # rows that each tab may name
UNSHOWN = ("prompt__template__words", "prompt__template_version__text")  # long, and not theirs
LATEST = 6
FEWEST_EMPTY = 3  # empty boxes for a person's own inputs, at least; more if a verdict needs them
CANDIDATES = 500
LINES = 300
ROWS = 500

Context = dict[str, Any]


def session_panel(session: OptimizationSession, tab: str) -> Context:
    """The live part of the page. Without a chosen tab: progress while it runs, then the results."""
    shown = tab or ("progress" if session.is_active else "results")
    frame = {"session": session, "tab": tab, "shown": shown, "tabs": TABS, "cautions": cautions.of(session)}
    times = {"elapsed": elapsed(session), "counted_from": counted_from(session)}
    return frame | times | SECTIONS[shown](session)


def _progress(session: OptimizationSession) -> Context:
    candidates = list(_candidates(session))
    minutes = estimated(session, "minutes")
    return {
        "chart": chart_of(candidates),
        "latest": lines_of(candidates[: -LATEST - 1 : -1], session),
        "count": len(candidates),
        "newest": newest_answer(session.pk) if session.is_active else None,
        "expected_time": span(*minutes) if minutes else "",
        "time_left": time_left(session),
        "most_tokens": in_force(session.settings).get("max_tokens"),
        "hosts": session.hosts_asked,
        "empty_inputs": range(max(FEWEST_EMPTY, 2 * FEWEST_ROWS - len(session.inputs or ()))),
        "input_like": _input_like(session),
        "tries_quarters": session.is_active and session.stage.startswith(QUARTER),
    }


@dataclass(frozen=True)
class Line:
    """A candidate in a list, with a mark for each row that it was asked for."""

    candidate: Candidate
    marks: Marks | None


def lines_of(candidates: Iterable[Candidate], session: OptimizationSession) -> list[Line]:
    """In the same order."""
    return [Line(candidate, marks_of(candidate, active=session.is_active)) for candidate in candidates]


def _input_like(session: OptimizationSession) -> str:
    """What to write into an empty box: a value for each variable, if there are several."""
    if len(session.variables) < 2:
        return "Another input"
    return json.dumps(dict.fromkeys(session.variables, "…"), ensure_ascii=False)


def _listed(session: OptimizationSession) -> Context:
    candidates = list(_candidates(session).defer(None).defer("components").prefetch_related("parents"))
    marked = LATEST if session.is_active else CANDIDATES  # a page that changes all the time stays small
    front = [] if session.is_active else front_of(candidates)
    return {"lines": lines_of(candidates, session), "marked": marked, "front": front}


def _candidates(session: OptimizationSession) -> QuerySet[Candidate]:
    return session.candidates.defer("components", "messages").order_by("number")[:CANDIDATES]


def _results(session: OptimizationSession) -> Context:
    """`found` is the winner of the search, None if that is the original; `best` is what is handed over."""
    ends = list(session.candidates.filter(number=0) | session.candidates.filter(is_best=True))
    original = next((candidate for candidate in ends if candidate.number == 0), None)
    found = next((candidate for candidate in ends if candidate.is_best and candidate.number), None)
    if original is None or session.status == SessionStatus.FAILED:
        return {"original": original, "best": None}
    best = found if found and session.hands_over_best else original
    return {
        "original": original,
        "found": found,
        "best": best,
        "advice": grader_advice(session),
        "tokens": session.prompt_tokens + session.completion_tokens,
        "parts": parts_of(original, found),
        "answers": _answers(original, found) if comparison_of(session) else [],
        "saved": list(session.saved_versions.select_related("template").defer("text", "template__words")),
        "answered": _answered(session) if not comparison_of(session) else [],
        "improvements": session.results.get("improvements") if session.hands_over_best else [],
        "metrics": _metrics(session),
        "feedback_used": session.feedback_used,
        "reused": session.calls_reused,
        **_verdict(session),
    }


def _answered(session: OptimizationSession) -> list[Line]:
    """The original and the newest candidates of an unfinished search, as far as they answered."""
    answered = [candidate for candidate in _candidates(session) if candidate.marks]
    newest = answered[: -LATEST - 1 : -1]
    return lines_of([*newest, *(one for one in answered[:1] if one not in newest)], session)


def _verdict(session: OptimizationSession) -> Context:
    return {
        "word": word(session),
        "headline": headline(session),
        "gain": gain(session),
        "about_interval": about_interval(session),
        "cross_fitted": cross_fitted(session),
        "scores": scores(session),
        "usable_outputs": usable_outputs(session),
        "comparison": comparison_of(session),
        "next_step": next_step(session),
        "model_table": session.model_table,
        "to_compare": forecast_comparison(session) if session.comparable else None,
        "few_rows": session.comparable and session.cross_fitted,
    }


@dataclass(frozen=True)
class AnswerPair:
    """One held-out row as the original and the best answered it."""

    before: Evaluation
    after: Evaluation

    @property
    def verdict(self) -> str:
        """In one word, for the eye that scans the table."""
        if self.after.score == self.before.score:
            return "same"
        return "better" if self.after.score > self.before.score else "worse"


def _answers(original: Candidate, found: Candidate | None) -> list[AnswerPair]:
    """Only the original's, if nothing else was found."""
    best = found or original
    rows = Evaluation.objects.filter(candidate__in=[original, best], split=Split.HELD_OUT)[: 2 * ROWS]
    by_candidate: dict[int, dict[int, Evaluation]] = {original.pk: {}, best.pk: {}}
    for row in rows:
        row.candidate = original if row.candidate_id == original.pk else best
        by_candidate[row.candidate_id][row.item] = row
    before, after = by_candidate[original.pk], by_candidate[best.pk]
    return [AnswerPair(row, after[item]) for item, row in before.items() if item in after]


@dataclass(frozen=True)
class Metric:
    """A rating of the prompt's text from 0 to 10, before (when known) and after."""

    name: str
    before: float | None
    after: float


def _metrics(session: OptimizationSession) -> list[Metric]:
    """If the original is kept, there is no before."""
    after = session.results.get("metrics") or {}
    before = (session.results.get("original_metrics") or {}) if session.hands_over_best else {}
    names = ("clarity", "specificity", "engagement")
    return [Metric(name, before.get(name), after[name]) for name in names if name in after]


def _log(session: OptimizationSession) -> Context:
    return {"lines": session.events.order_by("-created_at", "-seq")[:LINES]}


@dataclass(frozen=True)
class SettingLine:
    """A setting of the run in words; `digest` identifies the model behind a name."""

    label: str
    words: str
    digest: str = ""


def _settings(session: OptimizationSession) -> Context:
    asked = [
        SettingLine(setting.label, words, session.id_of(words) if setting.kind is Kind.MODEL else "")
        for setting, words in told(session.settings)
        if setting.name != "part" or session.prompt.system_text
    ]
    return {"asked": asked}


SECTIONS: dict[str, Callable[[OptimizationSession], Context]] = {
    "progress": _progress,
    "candidates": _listed,
    "results": _results,
    "log": _log,
    "settings": _settings,
}
