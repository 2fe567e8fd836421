"""Which templates a list shows, in which order: for the page and for its live part."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from optimizer.models.templates import TemplateQuerySet
from optimizer.views.listing import Order

SCOPES = {"workspace": "Workspace", "mine": "Mine", "public": "Public"}
SORTS = {"newest": "Newest first", "used": "Most used", "rated": "Best rated"}
ORDERS = {
    "newest": Order("templates.newest", "{}.created_at", lambda row: row.created_at.isoformat()),
    "used": Order("templates.used", "{}.usage_count", lambda row: row.usage_count),
    "rated": Order(
        "templates.rated", "COALESCE({}.average_rating, 0.0)", lambda row: row.average_rating or 0.0
    ),
}
CATEGORIES = 100
WORDS_MAX = 200


@dataclass(frozen=True)
class Shelf:
    """What a reader chose: scope, order, words, category and tag."""

    scope: str = "workspace"
    sort: str = "newest"
    words: str = ""
    category: str = ""
    tag: str = ""

    @property
    def order(self) -> Order:
        return ORDERS[self.sort]

    @property
    def narrowed(self) -> bool:
        """Whether it shows only some of a scope."""
        return bool(self.words or self.category or self.tag)

    @property
    def chosen(self) -> dict[str, str]:
        """What differs from an untouched list, as an address has it."""
        given = {
            "q": self.words,
            "category": self.category,
            "tag": self.tag,
            "scope": self.scope,
            "sort": self.sort,
        }
        usual = {"scope": "workspace", "sort": "newest"}
        return {name: value for name, value in given.items() if value and usual.get(name) != value}

    def choose(self, rows: TemplateQuerySet) -> TemplateQuerySet:
        """These rows of a scope, in order."""
        rows = rows.sorted_by(self.sort)
        if self.words:
            rows = rows.matching(self.words)
        if self.category:
            rows = rows.filter(category=self.category)
        return rows.filter(tags__contains=[self.tag]) if self.tag else rows


def shelf_of(asked: Mapping[str, str]) -> Shelf:
    """What an address asks for; what it does not know is as usual."""
    words, category, tag = (
        asked.get(name, "").replace("\0", "").strip() for name in ("q", "category", "tag")
    )
    scope, sort = asked.get("scope", ""), asked.get("sort", "")
    return Shelf(
        scope if scope in SCOPES else "workspace",
        sort if sort in SORTS else "newest",
        words[:WORDS_MAX],
        category[:WORDS_MAX],
        tag[:WORDS_MAX],
    )


def categories_of(rows: TemplateQuerySet) -> list[str]:
    """The categories of these templates, by name."""
    named = rows.exclude(category="").order_by("category").values_list("category", flat=True)
    return list(named.distinct()[:CATEGORIES])
