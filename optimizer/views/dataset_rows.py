"""Editing a dataset's rows on its page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from optimizer.counts import counted
from optimizer.files import FileFaultError
from optimizer.forms.dataset_rows import JumpForm, RowForm, SeveralForm
from optimizer.models import Dataset, Example
from optimizer.services.dataset_rows import (
    RowChangedError,
    add_row,
    change_row,
    delete_rows,
    mark_rows,
    move_row,
    number_of,
    tag_rows,
)
from optimizer.views.datasets import dataset_page
from optimizer.views.requests import AppRequest


@login_required
@never_cache
@require_POST
def row_change(request: AppRequest, pk: int, row: int) -> HttpResponse:
    dataset = _even_deleted(request, pk)
    found = _row(dataset, row)
    form = RowForm(request.POST, header=dataset.header(), row=found)
    return _kept(
        request, dataset, form, found, lambda: change_row(row=found, by=request.user, typed=form.typed)
    )


@login_required
@never_cache
@require_POST
def row_add(request: AppRequest, pk: int) -> HttpResponse:
    dataset = _even_deleted(request, pk)
    form = RowForm(request.POST, header=dataset.header())
    return _kept(
        request, dataset, form, None, lambda: add_row(dataset=dataset, by=request.user, typed=form.typed)
    )


def _kept(
    request: AppRequest, dataset: Dataset, form: RowForm, row: Example | None, keep: Callable[[], Example]
) -> HttpResponse:
    """The page at the row that was kept, or with what was typed and why it was not."""
    told: dict[str, Any] = {}
    if form.is_valid():
        try:
            return _at(dataset, keep())
        except FileFaultError as fault:
            form.add_error(None, fault.messages[0])
        except RowChangedError as error:
            told = {"conflict": error, "now": error.now}
    told |= (
        {"edited": {"row": row, "form": form}, "apart": True} if row else {"adding": True, "row_form": form}
    )
    return dataset_page(request, dataset, tab="rows", status=409 if "conflict" in told else 422, **told)


def _even_deleted(request: AppRequest, pk: int) -> Dataset:
    """Who types a row while somebody deletes the dataset must not lose it: the service says that it is gone."""
    dataset: Dataset = get_object_or_404(Dataset.objects.with_trash(request.user), pk=pk)
    return dataset


def _row(dataset: Dataset, row: int) -> Example:
    """Also a row that is no longer there: what was typed for it must not be lost."""
    found: Example | None = dataset.examples.filter(pk=row).first()
    if found is None:
        raise Http404("There is no such row.")
    return found


def _at(dataset: Dataset, row: Example) -> HttpResponse:
    """The page with that row."""
    first = max(1, number_of(row) - 10)
    return redirect(f"{reverse('dataset-detail', args=[dataset.pk])}?row={first}#row-{row.pk}")


@login_required
@require_POST
def row_move(request: AppRequest, pk: int, row: int) -> HttpResponse:
    dataset = get_object_or_404(Dataset.objects.visible_to(request.user), pk=pk)
    found = _row(dataset, row)
    form = JumpForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Write the number of the row where it is to stand.")
        return _at(dataset, found)
    try:
        return _at(dataset, move_row(row=found, by=request.user, to=form.cleaned_data["to"]))
    except RowChangedError:
        messages.warning(
            request, "Somebody else changed that row meanwhile. Look at it again, and then move it."
        )
    except FileFaultError as fault:
        messages.error(request, fault.messages[0])
    return redirect("dataset-detail", dataset.pk)


@login_required
@require_POST
def rows_change(request: AppRequest, pk: int) -> HttpResponse:
    """Something for all rows that are chosen."""
    dataset = get_object_or_404(Dataset.objects.visible_to(request.user), pk=pk)
    form = SeveralForm(request.POST)
    back = f"{reverse('dataset-detail', args=[dataset.pk])}?{request.GET.urlencode()}"
    if not form.is_valid():
        for said in form.errors.values():
            messages.error(request, str(said[0]))
        return redirect(back)
    try:
        count = _done(dataset, request, form.cleaned_data)
    except FileFaultError as fault:
        messages.error(request, fault.messages[0])
        return redirect(back)
    asked = len(form.cleaned_data["rows"])
    unchanged = asked - count
    told = f"{counted(count, 'row')} changed"
    messages.success(
        request, f"{told}; {unchanged} were so already, or are gone." if unchanged else f"{told}."
    )
    return redirect(back)


def _done(dataset: Dataset, request: AppRequest, said: dict[str, Any]) -> int:
    kind, _, split = said["to"].partition(":")
    chosen: dict[str, Any] = {"dataset": dataset, "by": request.user, "rows": said["rows"]}
    if kind == "split":
        return mark_rows(**chosen, split=split)
    if kind == "delete":
        return delete_rows(**chosen)
    return tag_rows(**chosen, tag=said["tag"][0], remove=kind == "untag")
