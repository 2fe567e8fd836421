"""Ways to choose a dataset's rows."""

from __future__ import annotations

import json
from typing import Any, Self

from django.db import models
from django.db.models import F, Q, Value

from optimizer.engine import splits


class HandSplit(models.TextChoices):
    """Where a person put a row: among those that the search uses, or those that only the comparison uses."""

    BY_SEED = "", "By the seed"
    SEARCH = splits.SEARCH, "Search"
    HELD_OUT = splits.HELD_OUT, "Held out"


class ExampleQuerySet(models.QuerySet[Any]):
    """Rows of one dataset, in their order."""

    def of_version(self, version: int) -> Self:
        """Those that the version has."""
        return self.filter(Q(until=None) | Q(until__gt=version), since__lte=version).order_by("position")

    def there(self) -> Self:
        """Those that are still there. The index on their places serves it."""
        return self.filter(until=None).order_by("position")

    def matching(self, words: str) -> Self:
        """Rows with a cell that holds these words as they are, ignoring case."""
        if not words:
            return self
        path = f'$.* ? (@ like_regex {json.dumps(words, ensure_ascii=False)} flag "iq")'
        found = models.Func(
            F("cells"),
            Value(path),
            function="jsonb_path_exists",
            template="%(function)s(%(expressions)s::jsonpath)",
            output_field=models.BooleanField(),
        )
        return self.alias(found=found).filter(Q(found=True) | Q(cells={}, input__icontains=words))
