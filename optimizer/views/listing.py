"""Pages of the list of optimizations, by keyset."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from django.core import signing

from optimizer.models import OptimizationSession
from optimizer.models.base import Owned
from optimizer.models.prompts import PromptQuerySet
from optimizer.models.states import SessionQuerySet

PAGE = 20
AT_MOST = 100
RECENT = 5
SALT = "optimizer.history"

Cursor = tuple[datetime, int]


@dataclass(frozen=True)
class Page:
    """Rows, newest first; `more` is the cursor of the next page, `oldest` that of the last row here if others
    follow."""

    rows: list[OptimizationSession]
    more: str
    oldest: str


def listed_page(
    rows: SessionQuerySet,
    *,
    prompts: PromptQuerySet | None = None,
    status: str = "",
    cursor: str = "",
) -> Page:
    """One page after `cursor`."""
    rows = _chosen(rows, prompts, status)
    after = page_from(cursor)
    found = list((rows.before(*after) if after else rows)[: PAGE + 1])
    shown = found[:PAGE]
    oldest = cursor_of(shown[-1]) if len(found) > PAGE else ""
    return Page(shown, more=oldest, oldest=oldest)


def live_page(
    rows: SessionQuerySet, *, prompts: PromptQuerySet | None = None, status: str = "", down_to: str = ""
) -> Page:
    """Everything `down_to` a row, because a live list grows at its top; all rows if nothing followed it."""
    rows = _chosen(rows, prompts, status)
    last = page_from(down_to)
    return Page(list((rows.down_to(*last) if last else rows)[:AT_MOST]), more="", oldest=down_to)


def _chosen(rows: SessionQuerySet, prompts: PromptQuerySet | None, status: str) -> SessionQuerySet:
    rows = rows.newest_first()
    if prompts is not None:
        rows = rows.of_prompts(prompts)
    return rows.filter(status=status) if status else rows


def cursor_of(session: Owned) -> str:
    """Where that row stands in the list: opaque and signed."""
    return signing.dumps([session.created_at.isoformat(), session.pk], salt=SALT)


def page_from(cursor: str) -> Cursor | None:
    """The place that a cursor names. BadSignature when it is not one of ours."""
    if not cursor:
        return None
    created_at, pk = signing.loads(cursor, salt=SALT)
    return datetime.fromisoformat(created_at), pk
