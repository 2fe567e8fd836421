"""What a person wrote, and the best text found for it."""

from __future__ import annotations

import re
from typing import Self

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db import models

from optimizer.models.base import Owned, OwnedQuerySet, one_of, text_length


class PromptStatus(models.TextChoices):
    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


class PromptQuerySet(OwnedQuerySet):
    """Ways to choose prompts."""

    def matching(self, words: str) -> Self:
        """Those with all these words, the beginnings of words counting. The search index serves it."""
        terms = [f"'{word}':*" for word in re.findall(r"\w+", words)]
        if not terms:
            return self
        query = SearchQuery(" & ".join(terms), search_type="raw", config="simple")
        return self.alias(words=SearchVector("original", config="simple")).filter(words=query)


class Prompt(Owned):
    """The original as typed, and the optimized text once a session found one."""

    original = models.TextField()
    optimized = models.TextField(blank=True)
    context = models.TextField(blank=True)
    status = models.CharField(max_length=10, choices=PromptStatus.choices, default=PromptStatus.PENDING)

    objects = PromptQuerySet.as_manager()

    class Meta:
        constraints = [
            text_length("original", "prompt_original_length"),
            text_length("context", "prompt_context_length", low=0),
            one_of("status", PromptStatus, "prompt_status_known"),
        ]
        indexes = [
            models.Index(fields=["workspace", "-created_at", "-id"], name="prompt_newest"),
            models.Index(fields=["workspace", "status", "-created_at"], name="prompt_by_status"),
            GinIndex(SearchVector("original", config="simple"), name="prompt_search"),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def title(self) -> str:
        """The first line, short enough for a list."""
        line = self.original.strip().splitlines()[0]
        return line if len(line) <= 80 else f"{line[:79]}…"
