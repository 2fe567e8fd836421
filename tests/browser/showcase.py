"""Believable rows for pictures: one optimization in each state that a person can meet."""

from __future__ import annotations

import random
from dataclasses import asdict
from datetime import timedelta
from typing import Any

from django.utils import timezone

from optimizer.engine.verdicts import JudgeMeasure
from optimizer.models import OptimizationSession, User, Workspace
from tests import factories

ORIGINAL = "What does this customer think?"
BEST = """You are a careful reader of restaurant reviews.

Read the review and decide whether the customer is satisfied. Weigh the last sentence most: it holds the verdict.

Answer with one word, in lower case: positive or negative.

Review: Scones to remember.
Answer: positive

Review: We waited an hour for cold soup.
Answer: negative"""
REVIEWS = [
    ("The soup was cold and nobody came to ask.", "negative"),
    ("Best scones north of the river. We will be back!", "positive"),
    ("I had hoped for more, given the price.", "negative"),
    ("Took my mother for her birthday; she has not stopped talking about it.", "positive"),
    ("Two hours for a sandwich. Two. Hours.", "negative"),
    ("Small portions, but every bite was worth it.", "positive"),
    ("Friendly staff cannot save a burnt pie.", "negative"),
    ("A quiet corner, good tea, and a cat on the sill: what else?", "positive"),
]
VARIANTS = [
    BEST,
    "Decide whether the customer is satisfied. Answer with one word: positive or negative.",
    "Read the review twice. What verdict would the writer sign? Answer positive or negative.",
    "You are a careful reader of restaurant reviews. Is this customer satisfied?",
]
STYLES = [
    "mutate",
    "mutate",
    "examples as chat turns",
    "critique and synthesize",
    "other examples",
    "answer format",
    "persona",
]


LEADS = {3: 0.46, 6: 0.54, 10: 0.67}  # candidates that were the best for a while


def fill(user: User) -> dict[str, OptimizationSession]:
    """The sessions by the name of their picture."""
    workspace = user.personal_workspace
    _older(workspace)
    return {
        "failed": failed(workspace),
        "kept": kept(workspace),
        "ahead": ahead(workspace),
        "stopped": stopped(workspace),
        "done": done(workspace, user),
        "queued": session_of(workspace, "Summarise {{article}} for {{reader}} in three sentences.", 4),
        "inputs": session_of(
            workspace,
            "Answer this letter to the editor.",
            5,
            inputs_requested=True,
            inputs=[
                "The bridge is closed again.",
                "Thank you for the recipe!",
                "Why no crossword on Sundays?",
            ],
        ),
        "running": running(workspace),
        "doubtful": doubtful(workspace),
        "few-rows": few_rows(workspace),
        "long": long(workspace),
        "zero": zero(workspace),
    }


def doubtful(workspace: Workspace) -> OptimizationSession:
    """A running one without rows, whose judge failed when it was measured."""
    measure = JudgeMeasure(pairs=6, readable=0.94, position_bias=0.88, consistent=0.33)
    session = session_of(
        workspace, "Answer this letter to the editor.", 2.1, status="processing", stage="Scoring candidates",
        stage_done=3, stage_total=24, calls=41, prompt_tokens=9_204, completion_tokens=3_977, judge_model="gemma3:1b",
        started_at=timezone.now() - timedelta(seconds=66), processing_time_ms=66_000,
        judge={**asdict(measure), "trusted": measure.trusted, "told": str(measure)},
    )  # fmt: skip
    _candidates(session, count=4, best=2)
    return session


def few_rows(workspace: Workspace) -> OptimizationSession:
    """One with so few rows that each quarter of them was compared by a search of its own."""
    comparison = {
        "rows": 24, "better": 11, "worse": 2, "same": 11, "baseline": 0.2917, "best": 0.6667,
        "difference": 0.375, "low": 0.125, "high": 0.625, "p_value": 0.022,
    }  # fmt: skip
    session = session_of(
        workspace, "Which form does this applicant need?", 75, status="completed", kept_original=False,
        started_at=timezone.now() - timedelta(minutes=74), finished_at=timezone.now() - timedelta(minutes=69),
        processing_time_ms=305_000, calls=577, prompt_tokens=88_120, completion_tokens=9_906, iterations_completed=2,
        finish_reason="The last 2 rounds brought nothing better than the best so far.", score_kind="accuracy",
        quality_score=66.67, baseline_score=0.2917, best_score=0.6667, verdict="better",
        dataset=factories.make_dataset(workspace, 24),
        results={"comparison": comparison, "caveats": [], "winner": 2, "ahead": True, "folds": 4},
    )  # fmt: skip
    _ends(session, 0.3, 0.75)
    return session


def long(workspace: Workspace) -> OptimizationSession:
    """A best of 9,000 characters, with its examples as chat turns."""
    original = "\n".join(
        f"Rule {n}: answer in {n % 7 + 2} words, and never about the weather." for n in range(110)
    )
    best = "\n".join(
        f"Rule {n}: use {n % 7 + 2} words. Name no weather. Be polite, brief and exact." for n in range(125)
    )
    session = session_of(
        workspace, original, 20, status="completed", dataset=factories.make_dataset(workspace, 20),
        finish_reason="All 3 iterations are done.", kept_original=False, score_kind="accuracy",
        baseline_score=0.25, best_score=0.75, quality_score=75,
        results={name: told for name, told in RESULTS.items() if name != "other_models"},
    )  # fmt: skip
    factories.make_candidate(session, text=original, number=0)
    turns = [("user", "Is it far?"), ("assistant", "Two miles."), ("user", "{{input}}")]
    messages = [{"role": role, "content": f"{best}\n\n{text}"} for role, text in turns]
    text = f"{best}\n\nInput: Is it far?\nOutput: Two miles.\n\nInput: {{{{input}}}}\nOutput:"
    factories.make_candidate(
        session, text=text, number=5, is_best=True, score=0.75, scored_items=8, messages=messages
    )
    return session


def zero(workspace: Workspace) -> OptimizationSession:
    """Every answer is wrong for the grader, though most hold what was expected."""
    session = session_of(
        workspace, "Is this customer satisfied? Say positive or negative.", 25, status="completed", grader="exact",
        dataset=factories.make_dataset(workspace, 20), finish_reason="4 rounds brought nothing better.",
        kept_original=True, score_kind="accuracy", baseline_score=0.0, best_score=0.0, quality_score=0,
        results={"caveats": ["The best found did no better than the original on held-out rows."]},
    )  # fmt: skip
    original = factories.make_candidate(session, number=0, is_best=True)
    for item, (text, expected) in enumerate(REVIEWS):
        output = f"I would say that this one is {expected}." if item % 4 else "Hard to say."
        factories.make_evaluation(
            original, item=item, input=text, expected=expected, output=output, score=0.0
        )
    return session


def session_of(workspace: Workspace, prompt: str, minutes: float, **fields: Any) -> OptimizationSession:
    created = timezone.now() - timedelta(minutes=minutes)
    return factories.make_session(
        workspace,
        prompt=factories.make_prompt(workspace, original=prompt),
        created_at=created,
        target_model="llama3.2:3b",
        optimizer_model="qwen3:8b",
        **fields,
    )


def running(workspace: Workspace) -> OptimizationSession:
    session = session_of(
        workspace, ORIGINAL, 1.2, status="processing", stage="Scoring candidates", stage_done=26, stage_total=40,
        iterations_completed=1, calls=412, prompt_tokens=61_240, completion_tokens=8_316,
        started_at=timezone.now() - timedelta(seconds=71), processing_time_ms=71_000,
        dataset=factories.make_dataset(workspace, 64),
    )  # fmt: skip
    _candidates(session, count=17, best=14)
    return session


def done(workspace: Workspace, user: User) -> OptimizationSession:
    earlier = OptimizationSession.objects.order_by("created_at").first()
    session = session_of(
        workspace, ORIGINAL, 38, status="completed", dataset=factories.make_dataset(workspace, 64),
        iterations_completed=3, calls=968, prompt_tokens=148_113, completion_tokens=19_870,
        started_at=timezone.now() - timedelta(minutes=37), finished_at=timezone.now() - timedelta(minutes=34.4),
        processing_time_ms=156_000,
        finish_reason="All 3 iterations are done.", kept_original=False, score_kind="accuracy",
        baseline_score=0.40625, best_score=0.75, quality_score=75, verdict="better", results=RESULTS,
        estimate={"calls": [420, 1_260], "tokens": [70_000, 210_000], "minutes": [1.3, 3.9], "model": "llama3.2:3b"},
        evidence=[{"text": EARLIER_SAID, "session": earlier and earlier.pk, "tier": "prompt"}],
    )  # fmt: skip
    _candidates(session, count=32, best=27)
    _answers(session, user)
    for _ in range(128):
        factories.make_call(session, reused=True)
    factories.make_feedback(session, user, rating=4, is_helpful=True)
    return session


EARLIER_SAID = "3 of 5 stars. Right most of the time, but it explains itself. One word is enough."
BETTER = {
    "rows": 32, "better": 12, "worse": 1, "same": 19, "baseline": 0.40625, "best": 0.75,
    "difference": 0.34375, "low": 0.15625, "high": 0.53125, "p_value": 0.0034,
}  # fmt: skip


def finalist(
    number: int, kind: str, comparison: dict[str, Any], *, tokens: float, seconds: float
) -> dict[str, Any]:
    """A finalist that is proven better, as it is stored."""
    best = comparison["best"]
    columns = {
        "verdict": "better", "kept_original": False, "quality_score": 100 * best,
        "baseline_score": comparison["baseline"], "best_score": best,
    }  # fmt: skip
    results = {"comparison": comparison, "winner": number, "ahead": True, "improvements": []}
    return {
        "number": number, "kind": kind, "answer_tokens": tokens, "answer_seconds": seconds,
        "columns": columns, "results": results,
    }  # fmt: skip


def with_model(model: str, *scores: float, best: int | None = None, missing: str = "") -> dict[str, Any]:
    """The original and both finalists with one model, as that is stored."""
    prompts = [
        {
            "number": number, "score": score, "difference": score - scores[0], "answer_tokens": None, "too_long": 0,
            "low": score - scores[0] - 0.1875, "high": score - scores[0] + 0.1875,
        }
        for number, score in zip((0, 27, 21), scores, strict=False)
    ]  # fmt: skip
    return {"model": model, "prompts": prompts, "best": best, "missing": missing, "notes": []}


RESULTS = {
    "improvements": [
        "Rewrote the instruction: it now says what to decide, and on which sentence to decide it.",
        "Set the answer format: one word, in lower case.",
        "Added 2 examples from your rows, in the text.",
        "Gave the model a role: a careful reader of restaurant reviews.",
    ],
    "metrics": {"clarity": 9, "specificity": 8, "engagement": 6},
    "original_metrics": {"clarity": 5, "specificity": 2, "engagement": 6},
    "comparison": BETTER,
    "winner": 27,
    "finalists": [
        finalist(27, "answer_only", BETTER, tokens=412.0, seconds=0.6),
        finalist(21, "reasons_first", BETTER | {"better": 14, "same": 17, "best": 0.8125, "difference": 0.40625},
                 tokens=1_386.0, seconds=3.4),
    ],
    "rejected": {"a variable was lost": 2, "the same as an earlier candidate": 5},
    "caveats": [],
    "ahead": True,
    "other_models": {
        "best": 21,
        "models": [
            with_model("llama3.2:3b", 0.40625, 0.75, 0.8125, best=21),
            with_model("qwen3:8b", 0.6875, 0.875, 0.84375, best=27),
            with_model("gemma3:1b", missing="No held-out row fits into its context window."),
        ],
    },
    "used_feedback": [EARLIER_SAID],
}  # fmt: skip


def kept(workspace: Workspace) -> OptimizationSession:
    comparison = {
        "rows": 24, "better": 1, "worse": 8, "same": 15, "baseline": 0.875, "best": 0.5833,
        "difference": -0.2917, "low": -0.5, "high": -0.0833, "p_value": 0.04,
    }  # fmt: skip
    session = session_of(
        workspace, "Translate {{sentence}} into German. Answer with the translation only.", 190, status="completed",
        started_at=timezone.now() - timedelta(minutes=189), finished_at=timezone.now() - timedelta(minutes=186),
        processing_time_ms=180_000, calls=530, prompt_tokens=70_112, completion_tokens=12_020, iterations_completed=3,
        finish_reason="The last 4 rounds brought nothing better than the best so far.", kept_original=True,
        score_kind="accuracy", baseline_score=0.875, best_score=0.5833, quality_score=87.5, verdict="worse",
        dataset=factories.make_dataset(workspace, 60),
        results={"comparison": comparison, "caveats": [], "winner": 2},
    )  # fmt: skip
    _ends(session, 0.7917, 0.8333)
    return session


def ahead(workspace: Workspace) -> OptimizationSession:
    comparison = {
        "rows": 6, "better": 4, "worse": 1, "same": 1, "baseline": 0.1667, "best": 0.6667,
        "difference": 0.5, "low": -0.1667, "high": 1.0, "p_value": 0.38,
    }  # fmt: skip
    session = session_of(
        workspace, "Which team answers this message?", 60, status="completed", kept_original=False,
        started_at=timezone.now() - timedelta(minutes=59), finished_at=timezone.now() - timedelta(minutes=57),
        processing_time_ms=95_000, calls=214, prompt_tokens=31_400, completion_tokens=4_120, iterations_completed=1,
        finish_reason="The target score is reached on the search rows.", score_kind="accuracy", quality_score=66.67,
        baseline_score=0.1667, best_score=0.6667, verdict="too_few_rows",
        dataset=factories.make_dataset(workspace, 15),
        results={"comparison": comparison, "caveats": [], "winner": 2, "ahead": True},
    )  # fmt: skip
    _ends(session, 0.2, 1.0)
    return session


def stopped(workspace: Workspace) -> OptimizationSession:
    session = session_of(
        workspace, "Is this sentence grammatical? Explain the rule.", 90, status="cancelled", kept_original=False,
        started_at=timezone.now() - timedelta(minutes=89), finished_at=timezone.now() - timedelta(minutes=88),
        processing_time_ms=61_000, calls=187, prompt_tokens=24_410, completion_tokens=3_020,
        finish_reason="Stopped by you; the best so far is kept. It was not compared on held-out rows.",
        score_kind="accuracy", dataset=factories.make_dataset(workspace, 64), results={"improvements": []},
    )  # fmt: skip
    _ends(session, 0.5417, 0.875)
    return session


def _ends(session: OptimizationSession, before: float, after: float) -> None:
    """An original, one that lost, and the best found, with answers where they were compared."""
    original = session.prompt.original
    ends = [
        factories.make_candidate(
            session, number=number, text=text, components={"instruction": text, "shots": [], "keywords": []},
            score=score, scored_items=24, dropped=number == 1, is_best=number == 2, operator=operator,
        )
        for number, text, score, operator in (
            (0, original, before, "original"),
            (1, f"{original} Think first.", before - 0.1, "mutate"),
            (2, f"{original}\n\nAnswer in one line, without an explanation.", after, "critique and synthesize"),
        )
    ]  # fmt: skip
    comparison = session.results.get("comparison") or {"rows": 0}
    for item in range(comparison["rows"]):
        text, expected = REVIEWS[item % len(REVIEWS)]
        gained, lost = item < comparison["better"], item >= comparison["rows"] - comparison["worse"]
        for candidate, right in ((ends[0], not gained), (ends[2], not lost)):
            said = expected if right else "I am not sure."
            factories.make_evaluation(
                candidate, item=item, input=text, expected=expected, output=said, score=float(right)
            )


def failed(workspace: Workspace) -> OptimizationSession:
    return session_of(
        workspace, "Extract every date from the letter as JSON.", 400, status="failed", error_code="truncated",
        error_message="The prompt takes 5,310 tokens; the window of llama3.2:3b is 4,096.\n"
        "Set OLLAMA_CONTEXT_LENGTH=8192 for Ollama, or shorten the examples, then try again.",
        finish_reason="Failed.", started_at=timezone.now() - timedelta(minutes=400),
    )  # fmt: skip


def _older(workspace: Workspace) -> None:
    prompts = [
        (
            "Write a polite reply to this complaint, and offer a refund only if it is due.",
            "completed",
            0.5,
            0.71,
        ),
        ("Which department should answer this mail?", "completed", 0.62, 0.91),
        ("Find the bug in this function.", "cancelled", None, None),
        ("Is this sentence grammatical? Explain the rule.", "completed", 0.55, 0.6),
    ]
    for day, (prompt, status, baseline, best) in enumerate(prompts * 6, 1):
        session_of(
            workspace, prompt, 1440 * day, status=status, baseline_score=baseline, best_score=best,
            verdict="better" if best else "", kept_original=False if best else None,
        )  # fmt: skip


def _candidates(session: OptimizationSession, count: int, best: int) -> None:
    dice = random.Random(7)
    made = [factories.make_candidate(session, text=ORIGINAL, score=0.375, scored_items=24, number=0)]
    for number in range(1, count):
        unscored = session.is_active and number > count - 3
        leads = number in LEADS or number == best
        score = LEADS.get(number, 0.79 if number == best else round(dice.uniform(0.2, 0.45) * 24) / 24)
        dropped = not leads and not unscored and number % 4 != 1
        rows = 8 if dropped else 24
        candidate = factories.make_candidate(
            session, number=number, text=VARIANTS[number % 4], operator=STYLES[number % len(STYLES)], dropped=dropped,
            is_best=number == best, score=None if unscored else score,
            scored_items=0 if unscored else rows,
            marks=_marks(dice, score, rows, 3 + number % 3 if unscored else rows),
            live_score=score, live_items=3 + number % 3 if unscored else rows,
            answer_tokens=60 + 37 * (number % 11), answer_ms=200 + 90 * (number % 11),
        )  # fmt: skip
        candidate.parents.add(made[-1 - number % 2] if len(made) > 1 else made[0])
        if candidate.is_best:
            candidate.text = BEST
            candidate.components |= {"constraint": {"labels": ["positive", "negative"], "schema": ""}}
            candidate.save()
        made.append(candidate)
        factories.make_event(
            session, seq=number, kind="noted", data={"text": f"Candidate {number} scored {score:.0%}."}
        )


def _marks(dice: random.Random, score: float, rows: int, answered: int) -> str:
    """A mark for each row, of which so many are answered."""
    right = round(score * answered)
    marks = ["+"] * right + ["-"] * (answered - right)
    dice.shuffle(marks)
    return "".join(marks) + "." * (rows - answered)


def _answers(session: OptimizationSession, user: User) -> None:
    original, best = session.candidates.get(number=0), session.candidates.get(is_best=True)
    for item in range(32):
        text, expected = REVIEWS[item % len(REVIEWS)]
        before, after = item % 5 < 2, item % 4 != 3
        row = {"item": item, "input": text, "expected": expected}
        wrong = f"The customer seems to think that {text[:40].lower()}…"
        why = "" if before else "the judge gave 2 of 10"
        factories.make_evaluation(
            original, output=expected if before else wrong, score=float(before), why=why, **row
        )
        other = "negative" if expected == "positive" else "positive"
        answer = factories.make_evaluation(
            best, output=expected if after else other, score=float(after), **row
        )
        if item < 6:
            factories.rate_output(answer, user, right=after)
