"""Prompts worth using again, in numbered versions."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from optimizer.models.base import Owned, OwnedQuerySet, text_length


class PromptTemplate(Owned):
    """A reusable prompt. Its text is that of its newest version."""

    name = models.CharField(max_length=100)
    category = models.CharField(max_length=50)
    description = models.TextField(blank=True)
    tags = ArrayField(models.CharField(max_length=30), default=list, blank=True)
    is_public = models.BooleanField(default=False)
    usage_count = models.PositiveIntegerField(default=0)
    average_rating = models.FloatField(null=True, blank=True)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(average_rating=None) | models.Q(average_rating__range=(1, 5)),
                name="template_rating_1_to_5",
            )
        ]
        indexes = [
            models.Index(fields=["workspace", "-created_at", "-id"], name="template_newest"),
            models.Index(fields=["category", "-created_at"], name="template_by_category"),
            models.Index(fields=["-usage_count"], name="template_most_used"),
            models.Index(
                fields=["-created_at", "-id"], condition=models.Q(is_public=True), name="template_public"
            ),
            GinIndex(fields=["tags"], name="template_by_tag"),
        ]

    def __str__(self) -> str:
        return self.name


class TemplateVersion(models.Model):
    """One state of a template's text. Never changed: an edit makes the next number."""

    template = models.ForeignKey(PromptTemplate, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    text = models.TextField()
    note = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["template", "number"], name="template_version_once"),
            text_length("text", "template_version_length"),
        ]

    def __str__(self) -> str:
        return f"{self.template} v{self.number}"
