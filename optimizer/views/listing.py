"""Pages of lists, by keyset."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.core import signing

from optimizer.models.base import OwnedQuerySet
from optimizer.models.prompts import PromptQuerySet
from optimizer.models.states import SessionQuerySet

PAGE = 20
AT_MOST = 100
RECENT = 5

Place = tuple[str, int]


@dataclass(frozen=True)
class Order:
    """An order that an index serves, the largest first. `column` is SQL, where {} is the table, and `value` what a row
    has there; the primary key decides between equals. `name` keeps its cursors apart from those of other lists."""

    name: str
    column: str
    value: Callable[[Any], object]

    def cursor_of(self, row: Any) -> str:
        """Where that row stands in the list: opaque and signed."""
        return signing.dumps([str(self.value(row)), row.pk], salt=f"optimizer.{self.name}")

    def place_of(self, cursor: str) -> Place | None:
        """The place that a cursor names. BadSignature when it is not one of this list."""
        if not cursor:
            return None
        value, pk = signing.loads(cursor, salt=f"optimizer.{self.name}")
        return value, pk


HISTORY = Order("history", "{}.created_at", lambda session: session.created_at.isoformat())


@dataclass(frozen=True)
class Page:
    """Rows in their order; `more` is the cursor of the next page, `oldest` that of the last row here if others
    follow."""

    rows: list[Any]
    more: str
    oldest: str


def page_of(rows: OwnedQuerySet, order: Order, cursor: str = "") -> Page:
    """One page after `cursor`, of rows that are in that order."""
    after = order.place_of(cursor)
    found = list((rows.before(*after, column=order.column) if after else rows)[: PAGE + 1])
    shown = found[:PAGE]
    oldest = order.cursor_of(shown[-1]) if len(found) > PAGE else ""
    return Page(shown, more=oldest, oldest=oldest)


def live_page_of(rows: OwnedQuerySet, order: Order, down_to: str = "") -> Page:
    """Everything `down_to` a row, because a live list grows at its top; all rows if nothing followed it."""
    last = order.place_of(down_to)
    found = rows.down_to(*last, column=order.column) if last else rows
    return Page(list(found[:AT_MOST]), more="", oldest=down_to)


def listed_page(
    rows: SessionQuerySet,
    *,
    prompts: PromptQuerySet | None = None,
    status: str = "",
    cursor: str = "",
) -> Page:
    """One page of the history after `cursor`."""
    return page_of(_chosen(rows, prompts, status), HISTORY, cursor)


def live_page(
    rows: SessionQuerySet, *, prompts: PromptQuerySet | None = None, status: str = "", down_to: str = ""
) -> Page:
    """The live history, `down_to` a row."""
    return live_page_of(_chosen(rows, prompts, status), HISTORY, down_to)


def _chosen(rows: SessionQuerySet, prompts: PromptQuerySet | None, status: str) -> SessionQuerySet:
    rows = rows.newest_first()
    if prompts is not None:
        rows = rows.of_prompts(prompts)
    return rows.filter(status=status) if status else rows


def cursor_of(row: Any) -> str:
    """Where that row stands in a list of the newest first."""
    return HISTORY.cursor_of(row)


def page_from(cursor: str) -> Place | None:
    """The place that such a cursor names. BadSignature when it is not one of ours."""
    return HISTORY.place_of(cursor)
