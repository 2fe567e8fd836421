"""The versions of a template, and the labels that point at them."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from optimizer.models.base import one_of, text_length
from optimizer.models.templates import PromptTemplate

NOTE_MAX, LABEL_MAX = 200, 30


class VersionSource(models.TextChoices):
    """Where a version's text came from."""

    EDITED = "edited"
    RESULT = "result"
    RESTORED = "restored"
    IMPORTED = "imported"


class TemplateVersion(models.Model):
    """One state of a template's text. Never changed: an edit makes the next number."""

    template = models.ForeignKey(PromptTemplate, on_delete=models.CASCADE, related_name="versions")
    number = models.PositiveIntegerField()
    text = models.TextField()
    system_text = models.TextField(blank=True, default="", db_default="")
    note = models.CharField(max_length=NOTE_MAX, blank=True)
    source = models.CharField(
        max_length=8,
        choices=VersionSource.choices,
        default=VersionSource.EDITED,
        db_default=VersionSource.EDITED,
    )
    # The optimization whose result it is, or the number of the version that it brings back.
    session = models.ForeignKey(
        "optimizer.OptimizationSession",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="saved_versions",
    )
    restored_from = models.PositiveIntegerField(null=True, blank=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )

    class Meta:
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(fields=["template", "number"], name="template_version_once"),
            # What the foreign key of a label refers to.
            models.UniqueConstraint(fields=["template", "id"], name="template_version_of_its_own"),
            text_length("text", "template_version_length"),
            text_length("system_text", "template_version_system_length", low=0),
            one_of("source", VersionSource, "template_version_source_known"),
            models.CheckConstraint(
                condition=Q(source=VersionSource.RESTORED, restored_from__isnull=False)
                | (~Q(source=VersionSource.RESTORED) & Q(restored_from=None)),
                name="template_version_restored_from",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.template} v{self.number}"


class TemplateLabel(models.Model):
    """A word that points at one version of its template: production, candidate, any other. The database makes sure
    that the version is of that template (migration 0021)."""

    template = models.ForeignKey(PromptTemplate, on_delete=models.CASCADE, related_name="labels")
    name = models.CharField(max_length=LABEL_MAX)
    version = models.ForeignKey(TemplateVersion, on_delete=models.CASCADE, related_name="labels")

    class Meta:
        ordering = ["name"]
        constraints = [
            models.UniqueConstraint(fields=["template", "name"], name="template_label_once"),
            models.CheckConstraint(condition=Q(name__regex=r"\S"), name="template_label_has_name"),
        ]

    def __str__(self) -> str:
        return self.name


class LabelMove(models.Model):
    """Who moved a label when, from one version's number to another's. No `before`: it was new. No `after`: it was
    taken off."""

    template = models.ForeignKey(PromptTemplate, on_delete=models.CASCADE, related_name="label_moves")
    name = models.CharField(max_length=LABEL_MAX)
    before = models.PositiveIntegerField(null=True)
    after = models.PositiveIntegerField(null=True)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )

    class Meta:
        ordering = ["-id"]
        indexes = [models.Index(fields=["template", "-id"], name="label_move_newest")]

    def __str__(self) -> str:
        return f"{self.name}: {self.before} → {self.after}"
