"""Rows for tests, each with what the database insists on and nothing more."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from django.utils import timezone

from optimizer.files import table_of_pairs
from optimizer.models import (
    ACTIVE,
    Candidate,
    Dataset,
    DatasetVersion,
    Evaluation,
    Example,
    Feedback,
    LLMCall,
    Membership,
    OperatorPrior,
    OptimizationSession,
    OutputRating,
    Prompt,
    PromptTemplate,
    Role,
    SessionEvent,
    Split,
    TemplateVersion,
    User,
    Workspace,
)
from optimizer.services.datasets import create_dataset

PASSWORD = "correct horse battery"
_numbers = itertools.count(1)


def make_user(email: str = "", **fields: Any) -> User:
    """With their preferences and personal workspace, as in the product."""
    return User.objects.create_user(email or f"person{next(_numbers)}@example.com", PASSWORD, **fields)


def join(workspace: Workspace, user: User, role: str = Role.EDITOR) -> Membership:
    return Membership.objects.create(workspace=workspace, user=user, role=role)


def make_prompt(workspace: Workspace, **fields: Any) -> Prompt:
    return Prompt.objects.create(
        workspace=workspace, **{"original": "What does this customer think?"} | fields
    )


def make_session(workspace: Workspace, **fields: Any) -> OptimizationSession:
    """Pending, of a new prompt; one whose status says that it ended also has the time."""
    fields.setdefault("prompt", None)
    fields["prompt"] = fields["prompt"] or make_prompt(workspace)
    if fields.get("status", ACTIVE[0]) not in ACTIVE:
        fields.setdefault("finished_at", timezone.now())
    return OptimizationSession.objects.create(workspace=workspace, **fields)


def make_candidate(session: OptimizationSession, **fields: Any) -> Candidate:
    text = fields.setdefault("text", "What does this customer think? Answer with one word.")
    fields.setdefault("number", session.candidates.count())
    defaults = {
        "operator": "original",
        "components": {"instruction": text},
        "messages": [{"role": "user", "content": text}],
    }
    return Candidate.objects.create(session=session, **defaults | fields)


def make_evaluation(candidate: Candidate, **fields: Any) -> Evaluation:
    fields.setdefault("item", candidate.evaluations.count())
    defaults = {"split": Split.HELD_OUT, "input": "Lovely tea.", "expected": "positive", "output": "positive"}
    return Evaluation.objects.create(candidate=candidate, **defaults | {"score": 1.0} | fields)


def make_call(session: OptimizationSession, **fields: Any) -> LLMCall:
    fields.setdefault("key", f"key{next(_numbers)}")
    defaults = {
        "purpose": "score",
        "model": "smollm2:135m",
        "request": {},
        "response": "positive",
        "finish_reason": "stop",
        "prompt_tokens": 20,
        "completion_tokens": 2,
        "duration_ms": 90,
    }
    return LLMCall.objects.create(session=session, **defaults | fields)


def make_event(session: OptimizationSession, **fields: Any) -> SessionEvent:
    fields.setdefault("seq", session.events.count())
    return SessionEvent.objects.create(session=session, **{"kind": "stage"} | fields)


def make_feedback(session: OptimizationSession, user: User, **fields: Any) -> Feedback:
    return Feedback.objects.create(session=session, user=user, **{"rating": 4} | fields)


def rate_output(evaluation: Evaluation, user: User, right: bool = True, **fields: Any) -> OutputRating:
    return OutputRating.objects.create(evaluation=evaluation, user=user, is_right=right, **fields)


def make_prior(workspace: Workspace, **fields: Any) -> OperatorPrior:
    defaults = {"model": "smollm2:135m", "operator": "mutate", "wins": 3, "tries": 9}
    return OperatorPrior.objects.create(workspace=workspace, **defaults | fields)


def make_dataset(workspace: Workspace, rows: int = 8, **fields: Any) -> Dataset:
    defaults = {"name": "Reviews", "row_count": rows}
    dataset = Dataset.objects.create(workspace=workspace, **defaults | fields)
    DatasetVersion.objects.create(
        dataset=dataset,
        number=1,
        change="Pasted",
        columns=dataset.columns,
        roles=dataset.roles,
        row_count=rows,
    )
    Example.objects.bulk_create(
        Example(dataset=dataset, position=n, input=f"Review {n}", expected=["positive", "negative"][n % 2])
        for n in range(rows)
    )
    return dataset


def keep_rows(workspace: Workspace, user: User, rows: Sequence[tuple[str, str]]) -> Dataset:
    """A dataset of inputs and expected answers, made as the product makes them."""
    return create_dataset(workspace=workspace, by=user, name="numbers", table=table_of_pairs(rows)).dataset


def make_template(workspace: Workspace, text: str = "Summarise {{text}}.", **fields: Any) -> PromptTemplate:
    """With its first version."""
    defaults = {"name": "Summary", "category": "writing", "newest": 1}
    template = PromptTemplate.objects.create(workspace=workspace, **defaults | fields)
    TemplateVersion.objects.create(template=template, number=1, text=text)
    PromptTemplate.objects.filter(pk=template.pk).find_again()
    return template


def make_version(template: PromptTemplate, text: str, **fields: Any) -> TemplateVersion:
    """The next one."""
    template.newest += 1
    template.save(update_fields=["newest"])
    return TemplateVersion.objects.create(template=template, number=template.newest, text=text, **fields)
