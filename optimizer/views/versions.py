"""A template's versions: one in full, all in a list, two compared, and the optimizations that tie them together."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from django.db.models import F, Prefetch

from optimizer.models import OptimizationSession, PromptTemplate, TemplateVersion
from optimizer.views.diffs import Change, word_diff
from optimizer.views.requests import AppRequest, is_number

VERSIONS = 50
OPTIMIZATIONS = 50
LONGEST_NUMBER = 9  # digits of a version's

Context = dict[str, Any]


def shown_version(request: AppRequest, template: PromptTemplate) -> TemplateVersion | None:
    """The one that the address names, else the newest; None if there is none at all."""
    return version_of(template, request.GET.get("version", "")) or version_of(template, str(template.newest))


def version_of(template: PromptTemplate, number: str) -> TemplateVersion | None:
    """The version with that number."""
    if not is_number(number) or len(number) > LONGEST_NUMBER:
        return None
    versions = template.versions.select_related("created_by", "session")
    return versions.defer("session__results").filter(number=number).first()


def versions_page(request: AppRequest, template: PromptTemplate) -> Context:
    """Some versions, the newest first, without their texts; `more` is where the next ones begin."""
    before = request.GET.get("before", "")
    rows = template.versions.select_related("created_by").defer("text", "system_text")
    if is_number(before) and len(before) <= LONGEST_NUMBER:
        rows = rows.filter(number__lt=before)
    found = list(rows.prefetch_related("labels")[: VERSIONS + 1])
    more = found[VERSIONS - 1].number if len(found) > VERSIONS else None
    return {"versions": found[:VERSIONS], "more": more}


@dataclass(frozen=True)
class Comparison:
    """Two versions, and how each part of their text differs."""

    before: TemplateVersion
    after: TemplateVersion
    changes: list[Change]
    system_changes: list[Change]


def compared(request: AppRequest, template: PromptTemplate) -> Context:
    """The two that the address names; nothing if it names none. `compare_fault` says if there is no such version."""
    numbers = [request.GET.get(name, "").strip() for name in ("a", "b")]
    if not any(numbers):
        return {}
    before, after = (version_of(template, number) for number in numbers)
    if before is None or after is None:
        missing = numbers[0] if before is None else numbers[1]
        told = f"There is no version {missing[:20]}." if missing else "Name two versions."
        return {"compare_fault": f"{told} Write numbers from 1 to {template.newest}.", "asked": numbers}
    return {"comparison": comparison_of(before, after), "asked": numbers}


def comparison_of(before: TemplateVersion, after: TemplateVersion) -> Comparison:
    """How two texts differ, word by word."""
    return Comparison(
        before, after, word_diff(before.text, after.text), word_diff(before.system_text, after.system_text)
    )


def lineage(request: AppRequest, template: PromptTemplate) -> Context:
    """The optimizations that came from it, the newest first, and the versions that they became."""
    saved = template.versions.defer("text", "system_text")
    sessions = (
        OptimizationSession.objects.visible_to(request.user)
        .filter(prompt__template=template)
        .newest_first()
        .annotate(began_at=F("prompt__template_version__number"))
        .prefetch_related(Prefetch("saved_versions", saved, to_attr="became"))
    )
    return {"sessions": sessions[:OPTIMIZATIONS]}
