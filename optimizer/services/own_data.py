"""Everything that one person created, as the files of an archive. Rows are read one after another, however many."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import F, Model, OuterRef, Q, QuerySet

from optimizer.models import (
    Candidate,
    Dataset,
    Evaluation,
    Example,
    Feedback,
    OptimizationSession,
    OutputRating,
    Preference,
    Prompt,
    PromptTemplate,
    TemplateVersion,
    User,
)

Rows = Iterable[dict[str, Any]]
AT_ONCE = 200  # rows in memory
OF_OTHERS = {"created_by", "updated_by", "deleted_by", "evidence", "rated", "priors", "starts"}
OF_THE_WORKER = {
    "lease_until", "lease_token", "attempts", "submit_key", "waiting", "learned_at", "learned_verdict", "live_score",
    "live_items", "marks",
}  # fmt: skip
SAID_BY_OTHERS = "used_feedback"  # in an optimization's results

README = """\
Your data in PromptEvolver
==========================

This archive holds what you created in the workspaces that you belong to. What you deleted is in it, too, as long as
it can be brought back; it has a time under "deleted_at". Rows of a dataset belong to whoever created the dataset.

A .jsonl file holds one JSON object in each line, in UTF-8. Times are in UTC. Numbers under "id" are those in the
addresses of the pages; "prompt_id" and the like name the row of another file.

{contents}

manifest.json says how many objects each file has.

What is not in it
-----------------

- What others created: their templates, datasets, optimizations, versions and ratings. Only the result of your own
  optimization shows rows of a dataset of theirs, if it ran on that dataset.
- What others said about results, although your later optimizations may have learned from it.
- The record of every call to a model. It repeats the texts that are here.
- Your password, of which only a hash is kept.
"""


def files_of(user: User, *, now: datetime) -> Iterator[tuple[str, Iterable[bytes]]]:
    """The names and contents of the archive. Each content must be read before the next one is asked for."""
    counts: dict[str, int] = {}
    yield "README.txt", [README.format(contents=_contents()).encode()]
    for name, (_, rows) in LISTS.items():
        yield name, _lines(name, rows(user), counts)
    for dataset in _read(_own(Dataset, user).values("pk")):
        name = f"datasets/{dataset['pk']}.jsonl"
        yield name, _lines(name, _rows_of(dataset["pk"]), counts)
    manifest = {"made_at": now, "made_for": user.email, "objects": counts}
    yield "manifest.json", [_json(manifest, indent=2)]


def _contents() -> str:
    told = {name: about for name, (about, _) in LISTS.items()}
    told["datasets/"] = "The rows of each dataset, in a file with its number."
    return "\n".join(f"{name}\n    {about}" for name, about in told.items())


def _lines(name: str, rows: Rows, counts: dict[str, int]) -> Iterator[bytes]:
    """One JSON object a line; `counts` is told how many."""
    counts[name] = 0
    for row in rows:
        counts[name] += 1
        yield _json(row) + b"\n"


def _json(value: Any, indent: int | None = None) -> bytes:
    return json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False, indent=indent).encode()


def _own(model: type[Model], user: User) -> QuerySet[Any]:
    """What that person created, with what is in the trash, in the workspaces that they still belong to."""
    rows: QuerySet[Any] = model._default_manager.with_trash(user)  # type: ignore[attr-defined]
    return rows.filter(created_by=user).order_by("pk")


def _columns(model: type[Model]) -> list[str]:
    """The columns that are told: not those that name other people or serve the worker alone."""
    left_out = OF_OTHERS | OF_THE_WORKER
    return [field.attname for field in model._meta.concrete_fields if field.name not in left_out]


def _read(rows: QuerySet[Any]) -> Iterator[dict[str, Any]]:
    """By a cursor in the database: few rows are in memory at a time."""
    return rows.iterator(chunk_size=AT_ONCE)


def _all_of(model: type[Model]) -> Callable[[User], Rows]:
    return lambda user: _read(_own(model, user).values(*_columns(model)))


def _optimizations(user: User) -> Rows:
    for row in _read(_own(OptimizationSession, user).values(*_columns(OptimizationSession))):
        kept = {name: value for name, value in row["results"].items() if name != SAID_BY_OTHERS}
        yield row | {"results": kept}


def _candidates(user: User) -> Rows:
    parents = Candidate.parents.through.objects.filter(from_candidate=OuterRef("pk"))
    own = Candidate.objects.filter(session__in=_own(OptimizationSession, user)).order_by("session", "number")
    numbers = ArraySubquery(parents.order_by("to_candidate__number").values("to_candidate__number"))
    return _read(own.values(*_columns(Candidate), parent_numbers=numbers))


def _results(user: User) -> Rows:
    own = Evaluation.objects.filter(candidate__session__in=_own(OptimizationSession, user))
    place = {"session_id": F("candidate__session"), "candidate_number": F("candidate__number")}
    return _read(own.order_by("candidate", "split", "item").values(*_columns(Evaluation), **place))


def _versions(user: User) -> Rows:
    own = Q(template__in=_own(PromptTemplate, user))
    versions = TemplateVersion.objects.filter(own).order_by("template", "number")
    return _read(versions.values(*_columns(TemplateVersion)))


def _rows_of(dataset: int) -> Rows:
    return _read(
        Example.objects.filter(dataset=dataset).order_by("position", "pk").values(*_columns(Example))
    )


def _feedback(user: User) -> Rows:
    return _read(Feedback.objects.filter(user=user).order_by("pk").values(*_columns(Feedback)))


def _verdicts(user: User) -> Rows:
    place = {
        "session_id": F("evaluation__candidate__session"),
        "candidate_number": F("evaluation__candidate__number"),
        "split": F("evaluation__split"),
        "item": F("evaluation__item"),
    }
    own = OutputRating.objects.filter(user=user).order_by("pk")
    return _read(own.values(*_columns(OutputRating), **place))


def _preferences(user: User) -> Rows:
    return _read(Preference.objects.filter(user=user).values())


def _account(user: User) -> Rows:
    related: Any = user  # allauth's tables know people
    yield {
        "id": user.pk,
        "email": user.email,
        "username": user.username,
        "date_joined": user.date_joined,
        "last_login": user.last_login,
        "emails": list(related.emailaddress_set.values("email", "verified", "primary")),
        "providers": list(related.socialaccount_set.values("provider", "uid", "date_joined", "last_login")),
        "workspaces": list(user.memberships.values("workspace_id", "role", name=F("workspace__name"))),
    }


LISTS: dict[str, tuple[str, Callable[[User], Rows]]] = {
    "account.jsonl": ("Your address, how you sign in, and your workspaces.", _account),
    "preferences.jsonl": ("What you chose under Settings.", _preferences),
    "prompts.jsonl": ("What you wrote, and the best text found for it.", _all_of(Prompt)),
    "optimizations.jsonl": ("What you asked for, and what came of it.", _optimizations),
    "candidates.jsonl": ("Every version of a prompt that your optimizations tried.", _candidates),
    "results.jsonl": ("What each candidate answered to each row, and its score.", _results),
    "templates.jsonl": ("Your templates.", _all_of(PromptTemplate)),
    "template_versions.jsonl": ("Their versions.", _versions),
    "datasets.jsonl": ("Your datasets, without their rows.", _all_of(Dataset)),
    "feedback.jsonl": ("Your ratings of results, with your words.", _feedback),
    "output_ratings.jsonl": ("Which outputs you called right or wrong.", _verdicts),
}  # by file: what it holds, and how its rows are read
