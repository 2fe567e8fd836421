"""A dataset's file: read again in another way; and its rows as a file."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.text import slugify
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from optimizer.counts import counted
from optimizer.files import FileFaultError
from optimizer.files.faults import shortened
from optimizer.files.writing import csv_of, jsonl_of
from optimizer.forms.datasets import ReadingForm
from optimizer.models import Dataset, Example, Upload
from optimizer.services.datasets import read_again
from optimizer.views.dataset_pages import filters_from
from optimizer.views.datasets import dataset_page, tell_faults
from optimizer.views.requests import AppRequest

PREVIEWED = 8  # rows
FORMATS = {"csv": "text/csv", "jsonl": "application/jsonl"}


@login_required
@never_cache
@require_POST
def dataset_read(request: AppRequest, pk: int) -> HttpResponse:
    """A preview first; a new version once that is approved."""
    dataset = get_object_or_404(Dataset.objects.visible_to(request.user), pk=pk)
    upload = get_object_or_404(Upload, dataset=dataset)
    form = ReadingForm(request.POST, source=upload.source)
    told: dict[str, Any] = {"upload": upload, "reading": form, "size": len(upload.content)}
    if not form.is_valid() or form.table is None:
        return dataset_page(request, dataset, tab="file", status=422, **told)
    if "approve" not in request.POST:
        told |= {"preview": form.table, "previewed": form.table.rows[:PREVIEWED]}
        told |= {"left_out": shortened(form.table.faults), "edits": dataset.version > 1}
        return dataset_page(request, dataset, tab="file", **told)
    try:
        read_again(dataset=dataset, by=request.user, table=form.table)
    except FileFaultError as fault:
        messages.error(request, fault.messages[0])
        return redirect("dataset-list")
    messages.success(request, f"Read again: {counted(len(form.table.rows), 'row')} in a new version.")
    tell_faults(request, form)
    return redirect("dataset-detail", dataset.pk)


@login_required
@never_cache
@require_safe
def dataset_export(request: AppRequest, pk: int, ending: str) -> HttpResponse:
    """A version's rows with all columns, and what people said of them."""
    dataset = get_object_or_404(Dataset.objects.visible_to(request.user), pk=pk)
    version = filters_from(request.GET, dataset).version
    rows = list(dataset.rows(version))
    columns = _columns(dataset, version, rows)
    told = _told(rows, columns)
    text = csv_of(columns, told) if ending == "csv" else jsonl_of(told)
    name = f"{slugify(dataset.name) or 'rows'}-v{version or dataset.version}.{ending}"
    answer = HttpResponse(text, content_type=f"{FORMATS[ending]}; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="{name}"'
    return answer


def _columns(dataset: Dataset, version: int | None, rows: list[Example]) -> list[str]:
    """Those of the rows, and weight, split and tags where people used them and no column is called so."""
    header = dataset.header(version)
    more = {
        "weight": not header.weight and any(row.weight != 1 for row in rows),
        "split": any(row.split for row in rows),
        "tags": any(row.tags for row in rows),
    }
    return [*header.columns, *(name for name, used in more.items() if used and name not in header.columns)]


def _told(rows: list[Example], columns: list[str]) -> Iterator[dict[str, object]]:
    for row in rows:
        said = {"weight": row.weight, "split": row.split, "tags": row.tags}
        yield {name: row.texts[name] if name in row.texts else said.get(name, "") for name in columns}
