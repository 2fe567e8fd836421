"""Pages of datasets, newest first, and pages of one dataset's rows, by keyset."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.http import QueryDict

from optimizer.models import Dataset, Example, HandSplit, User
from optimizer.models.datasets import MOST_USES
from optimizer.models.examples import ExampleQuerySet
from optimizer.views.listing import Order, page_of
from optimizer.views.requests import is_number

ROWS = 50  # on a page
LONGEST_WORDS = 200
NEWEST = Order("datasets", "{}.created_at", lambda dataset: dataset.created_at.isoformat())


@dataclass(frozen=True)
class Listed:
    """One page of datasets with their uses; `more` is the cursor of the next one."""

    rows: list[tuple[Dataset, Uses]]
    more: str


@dataclass(frozen=True)
class Uses:
    """Which of the newest optimizations used the rows, and what came of the last one that was compared."""

    count: int
    more: bool
    last: dict[str, Any] | None
    templates: tuple[tuple[int, str], ...]


def listed_datasets(user: User, *, words: str = "", cursor: str = "") -> Listed:
    """One page after `cursor`. BadSignature if that is not one of ours."""
    own = list(user.memberships.values_list("workspace_id", flat=True))
    rows = Dataset.objects.visible_to(user).matching(words).with_uses(own)
    page = page_of(rows.order_by("-created_at", "-id"), NEWEST, cursor)
    return Listed([(dataset, uses_of(dataset.uses, own)) for dataset in page.rows], page.more)


def uses_of(told: list[dict[str, Any]], workspaces: Collection[int]) -> Uses:
    """What a list says of these optimizations to somebody of these workspaces, who may not see every template."""
    shown = told[:MOST_USES]
    templates = {
        use["template"]: use["template_name"]
        for use in shown
        if use["template"]
        and not use["hidden"]
        and (use["public"] or use["template_workspace"] in workspaces)
    }
    last = next((use for use in shown if use["verdict"]), None)
    return Uses(len(shown), len(told) > MOST_USES, last, tuple(templates.items()))


@dataclass(frozen=True)
class Filters:
    """Which rows a person wants to see."""

    words: str = ""
    tag: str = ""
    split: str = ""
    version: int | None = None

    @property
    def chosen(self) -> bool:
        """Whether some rows are left out."""
        return bool(self.words or self.tag or self.split)

    @property
    def query(self) -> str:
        """The same as part of an address."""
        told = {"q": self.words, "tag": self.tag, "split": self.split, "version": self.version}
        return urlencode({name: value for name, value in told.items() if value})

    def of(self, rows: ExampleQuerySet) -> ExampleQuerySet:
        """These rows alone."""
        rows = rows.matching(self.words)
        if self.tag:
            rows = rows.filter(tags__contains=[self.tag])
        return rows.filter(split="" if self.split == "seed" else self.split) if self.split else rows


def filters_from(asked: QueryDict, dataset: Dataset) -> Filters:
    """What the address asks for; what makes no sense is left out."""
    version, split = asked.get("version", ""), asked.get("split", "")
    older = is_number(version) and 0 < int(version) < dataset.version
    return Filters(
        words=_line(asked.get("q", ""))[:LONGEST_WORDS],
        tag=_line(asked.get("tag", ""))[:LONGEST_WORDS],
        split=split if split in (*HandSplit.values, "seed") else "",
        version=int(version) if older else None,
    )


def _line(text: str) -> str:
    """Without what no database takes."""
    return text.replace("\0", "").encode(errors="ignore").decode().strip()


class Numbered(NamedTuple):
    """A row, and which one of its version it is, counted from 1."""

    number: int
    row: Example


@dataclass(frozen=True)
class RowsPage:
    """Rows with their numbers. `before` and `after` are positions where other pages begin, None if there is none."""

    rows: list[Numbered]
    before: int | None = None
    after: int | None = None


def rows_page(dataset: Dataset, filters: Filters, asked: QueryDict) -> RowsPage:
    """The page that the address asks for: after a position, before one, or with a row's number; else the first."""
    everything = dataset.rows(filters.version)
    rows = filters.of(everything)
    if is_number(text := asked.get("before", "")):
        found = list(rows.filter(position__lt=int(text)).reverse()[: ROWS + 1])
        shown = found[:ROWS][::-1]
        earlier, later = len(found) > ROWS, True
    else:
        start = _start(everything, asked)
        found = list(rows.filter(position__gte=start)[: ROWS + 1])
        shown, later = found[:ROWS], len(found) > ROWS
        earlier = bool(start) and rows.filter(position__lt=start).exists()
    return RowsPage(
        list(_numbered(shown, everything, filters)),
        before=shown[0].position if shown and earlier else None,
        after=shown[-1].position if shown and later else None,
    )


def _numbered(shown: list[Example], everything: ExampleQuerySet, filters: Filters) -> Iterator[Numbered]:
    """Rows with their numbers among all of the version."""
    if filters.chosen:
        places = list(everything.values_list("position", flat=True))
        yield from (Numbered(bisect_left(places, row.position) + 1, row) for row in shown)
    elif shown:
        first = everything.filter(position__lt=shown[0].position).count() + 1
        yield from (Numbered(number, row) for number, row in enumerate(shown, first))


def _start(everything: ExampleQuerySet, asked: QueryDict) -> int:
    """The position where the page begins."""
    if is_number(text := asked.get("after", "")):
        return int(text) + 1
    if is_number(text := asked.get("row", "")) and int(text) > 0:
        number = min(int(text), 2**31)
        place = everything.values_list("position", flat=True)
        found = place[number - 1 : number].first()
        return found if found is not None else max(0, (place.last() or 0) - 1)
    return 0
