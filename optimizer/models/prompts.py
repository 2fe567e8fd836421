"""What a person wrote, and the best text found for it."""

from __future__ import annotations

import re
from typing import Self

from django.contrib.postgres.indexes import GinIndex, HashIndex
from django.contrib.postgres.search import SearchQuery, SearchVector
from django.db import models
from django.db.models.functions import MD5, Lower, Trim

from optimizer.engine.variables import whole, without_variables
from optimizer.models.base import Owned, OwnedQuerySet, one_of, text_length
from optimizer.models.templates import PromptTemplate
from optimizer.models.versions import TemplateVersion

LABEL = re.compile(r"\s*(\w+:)?\s*")  # all that is left of lines such as "Text: {{text}}"
WORDED = ("original", "system_text")  # what a search for words reads


def domain_of(context: models.F | models.Value) -> MD5:
    """The key of a field of use: the context, ignoring case and spaces. Short, for an index."""
    spaced = models.Func(
        context, models.Value(r"\s+"), models.Value(" "), models.Value("g"), function="regexp_replace"
    )
    return MD5(Lower(Trim(spaced, output_field=models.TextField())))


class PromptStatus(models.TextChoices):
    PENDING = "pending"
    PROCESSING = "processing"
    COMPLETED = "completed"
    FAILED = "failed"


class PromptQuerySet(OwnedQuerySet):
    """Ways to choose prompts."""

    def matching(self, words: str) -> Self:
        """Prompts with all these words, or with words that begin so. The search index serves it."""
        terms = [f"'{word}':*" for word in re.findall(r"\w+", words)]
        if not terms:
            return self
        query = SearchQuery(" & ".join(terms), search_type="raw", config="simple")
        return self.alias(words=SearchVector(*WORDED, config="simple")).filter(words=query)

    def of_domain(self, context: str) -> Self:
        """Prompts with this context; none for an empty one. The domain's index serves it."""
        if not context.strip():
            return self.none()
        domain = domain_of(models.Value(context, output_field=models.TextField()))
        return self.exclude(context="").alias(domain=domain_of(models.F("context"))).filter(domain=domain)


class Prompt(Owned):
    """The original as typed, and the optimized text once a session found one. Both may have a system text besides:
    the system message of each call."""

    original = models.TextField()
    system_text = models.TextField(blank=True, default="", db_default="")
    optimized = models.TextField(blank=True)
    optimized_system_text = models.TextField(blank=True, default="", db_default="")
    context = models.TextField(blank=True)
    template = models.ForeignKey(
        PromptTemplate, null=True, blank=True, on_delete=models.SET_NULL, related_name="prompts"
    )
    template_version = models.ForeignKey(
        TemplateVersion, null=True, blank=True, on_delete=models.SET_NULL, related_name="prompts"
    )
    status = models.CharField(max_length=10, choices=PromptStatus.choices, default=PromptStatus.PENDING)

    objects = PromptQuerySet.as_manager()

    class Meta:
        constraints = [
            text_length("original", "prompt_original_length"),
            text_length("system_text", "prompt_system_text_length", low=0),
            text_length("context", "prompt_context_length", low=0),
            one_of("status", PromptStatus, "prompt_status_known"),
        ]
        indexes = [
            models.Index(fields=["workspace", "-created_at", "-id"], name="prompt_newest"),
            models.Index(fields=["workspace", "status", "-created_at"], name="prompt_by_status"),
            GinIndex(SearchVector(*WORDED, config="simple"), name="prompt_words"),
            HashIndex(fields=["original"], name="prompt_by_text"),
            models.Index(
                domain_of(models.F("context")), name="prompt_by_domain", condition=~models.Q(context="")
            ),
        ]

    def __str__(self) -> str:
        return self.title

    @property
    def title(self) -> str:
        """The first line that says something, short enough for a list: of the system text if the text has nothing but
        variables."""
        says = without_variables(self.original).strip() or not self.system_text.strip()
        lines = (self.original if says else self.system_text).strip().splitlines()
        line = next((line for line in lines if not LABEL.fullmatch(without_variables(line))), lines[0])
        return line if len(line) <= 80 else f"{line[:79]}…"

    @property
    def whole(self) -> str:
        """The original with its system text, if it has one, before it."""
        return whole(self.system_text, self.original)

    @property
    def shown_template(self) -> PromptTemplate | None:
        """The template that it came from, as far as everybody who sees the prompt may see that, too."""
        template = self.template
        if template is None or template.deleted_at:
            return None
        return template if template.is_public or template.workspace_id == self.workspace_id else None

    def kin(self) -> dict[str, PromptQuerySet]:
        """The workspace's prompts that are like this one, the nearest kind first: the same text and system text, the
        same template, the same domain."""
        prompts = Prompt.objects.filter(workspace=self.workspace_id)
        kin = {"prompt": prompts.filter(original=self.original, system_text=self.system_text)}
        if self.template_id:
            kin["template"] = prompts.filter(template=self.template_id)
        return kin | {"domain": prompts.of_domain(self.context)}
