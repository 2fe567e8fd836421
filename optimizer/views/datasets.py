"""The library of rows: its list, a dataset's page, what it is called."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.signing import BadSignature
from django.db.models import Count, Q
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from optimizer.counts import counted
from optimizer.files.faults import shortened
from optimizer.forms.dataset_rows import RowForm
from optimizer.forms.datasets import DescriptionForm, ReadingForm, UploadForm, description_of, initial_reading
from optimizer.models import Dataset, DatasetVersion, HandSplit, OptimizationSession, Upload
from optimizer.services.access import may_write
from optimizer.services.datasets import create_dataset, describe_dataset, seen_as
from optimizer.services.meanwhile import ChangedMeanwhileError
from optimizer.services.trash import send_to_trash
from optimizer.views.dataset_pages import Listed, filters_from, listed_datasets, rows_page
from optimizer.views.requests import AppRequest, is_number
from optimizer.views.trash import offer_undo
from optimizer.views.workspaces import workspace_of

TABS = {"rows": "Rows", "versions": "Versions", "file": "File", "uses": "Used by"}
VERSIONS = 50  # on a page
USES = 50


@login_required
@never_cache
@require_safe
def dataset_list(request: AppRequest) -> HttpResponse:
    words = request.GET.get("q", "").replace("\0", "").strip()[:200]
    page = _listed(request, words)
    template = "datasets/_more.html" if request.htmx and request.GET.get("cursor") else "datasets/list.html"
    return render(request, template, {"page": page, "words": words})


def _listed(request: AppRequest, words: str) -> Listed:
    try:
        return listed_datasets(request.user, words=words, cursor=request.GET.get("cursor", ""))
    except BadSignature as error:
        raise Http404("This list has no such page.") from error


@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def dataset_new(request: AppRequest) -> HttpResponse:
    workspace = workspace_of(request)
    if request.method != "POST":
        return render(request, "datasets/new.html", {"form": UploadForm()})
    form = UploadForm(request.POST, request.FILES)
    if not form.is_valid() or form.table is None:
        return render(request, "datasets/new.html", {"form": form}, status=422)
    kept = create_dataset(
        workspace=workspace,
        by=request.user,
        name=form.title,
        table=form.table,
        description=form.cleaned_data["description"],
    )
    if kept.new:
        messages.success(request, f"{counted(len(form.table.rows), 'row')} kept as “{kept.dataset.name}”.")
    else:
        messages.info(request, _here_already(kept.dataset, kept.version))
    tell_faults(request, form)
    return redirect("dataset-detail", kept.dataset.pk)


def _here_already(dataset: Dataset, version: int) -> str:
    since = (
        f" They have been changed since: they were version {version}, and this is version {dataset.version}."
    )
    changed = since if version != dataset.version else ""
    return f"The same rows are here already, as “{dataset.name}”. Nothing was added.{changed}"


def tell_faults(request: AppRequest, form: ReadingForm) -> None:
    """Which rows were left out, and what else there is to say of how they were read."""
    if form.table and form.table.faults:
        told = " ".join(shortened(form.table.faults))
        messages.warning(request, f"{counted(len(form.table.faults), 'row')} left out. {told}")
    for note in form.table.notes if form.table else ():
        messages.info(request, note)


@login_required
@never_cache
@require_safe
def dataset_detail(request: AppRequest, pk: int) -> HttpResponse:
    dataset = get_object_or_404(Dataset.objects.visible_to(request.user), pk=pk)
    return dataset_page(request, dataset)


def dataset_page(
    request: AppRequest, dataset: Dataset, *, tab: str = "", status: int = 200, **told: Any
) -> HttpResponse:
    """A dataset's page with one of its tabs; `told` is what else there is to say."""
    asked = tab or request.GET.get("tab", "")
    tab = asked if asked in TABS else "rows"
    context = {
        "dataset": dataset,
        "tab": tab,
        "tabs": TABS.items(),
        "may_write": may_write(user=request.user, workspace_id=dataset.workspace_id),
        "describing": DescriptionForm(initial=description_of(dataset)),
        "seen": seen_as(dataset),
    }
    context |= SHOWN[tab](request, dataset) | told
    return render(request, "datasets/page.html", context, status=status)


def _rows(request: AppRequest, dataset: Dataset) -> dict[str, Any]:
    filters = filters_from(request.GET, dataset)
    page = rows_page(dataset, filters, request.GET)
    header = dataset.header(filters.version)
    hidden = {header.expected, header.weight}
    marks = dataset.rows(filters.version).order_by().aggregate(
        search=Count("pk", filter=Q(split=HandSplit.SEARCH)),
        held_out=Count("pk", filter=Q(split=HandSplit.HELD_OUT)),
    )  # fmt: skip
    return {
        "filters": filters,
        "page": page,
        "header": header,
        "inputs": [name for name in header.columns if name not in hidden],
        "marks": marks,
        "splits": HandSplit.choices,
        "edited": _edited(request, dataset),
        "adding": "add" in request.GET,
        "row_form": RowForm(header=header) if "add" in request.GET else None,
    }


def _edited(request: AppRequest, dataset: Dataset) -> dict[str, Any] | None:
    """The row that is open for editing, with its form."""
    asked = request.GET.get("edit", "")
    row = dataset.rows_there().filter(pk=asked).first() if is_number(asked) else None
    return {"row": row, "form": RowForm(header=dataset.header(), row=row)} if row else None


def _versions(request: AppRequest, dataset: Dataset) -> dict[str, Any]:
    rows = DatasetVersion.objects.filter(dataset=dataset).select_related("created_by").order_by("-number")
    if is_number(below := request.GET.get("below", "")):
        rows = rows.filter(number__lt=int(below))
    found = list(rows[: VERSIONS + 1])
    shown = found[:VERSIONS]
    used = OptimizationSession.objects.visible_to(request.user).filter(
        dataset=dataset, dataset_version__in=[version.number for version in shown]
    )
    by_version: dict[int, int] = dict(
        used.order_by().values_list("dataset_version").annotate(count=Count("pk"))
    )
    told = [(version, by_version.get(version.number, 0)) for version in shown]
    return {"versions": told, "older": shown[-1].number if len(found) > VERSIONS else None}


def _file(request: AppRequest, dataset: Dataset) -> dict[str, Any]:
    upload = Upload.objects.filter(dataset=dataset).first()
    if upload is None:
        return {"upload": None}
    header = dataset.header()
    form = ReadingForm(initial=initial_reading(upload.source, header), columns=header.columns)
    return {"upload": upload, "reading": form, "size": len(upload.content)}


def _uses(request: AppRequest, dataset: Dataset) -> dict[str, Any]:
    sessions = OptimizationSession.objects.visible_to(request.user).filter(dataset=dataset).newest_first()
    return {"sessions": list(sessions.select_related("prompt__template").defer(None)[:USES])}


SHOWN = {"rows": _rows, "versions": _versions, "file": _file, "uses": _uses}


@login_required
@require_POST
def dataset_describe(request: AppRequest, pk: int) -> HttpResponse:
    dataset = get_object_or_404(Dataset.objects.visible_to(request.user), pk=pk)
    form = DescriptionForm(request.POST, use_required_attribute=False)
    if not form.is_valid():
        return dataset_page(request, dataset, status=422, describing=form)
    try:
        describe_dataset(
            dataset=dataset, by=request.user, seen=request.POST.get("seen", ""), **form.cleaned_data
        )
    except ChangedMeanwhileError:
        for name, mine in list(form.cleaned_data.items()):
            if (theirs := getattr(dataset, name)) != mine:
                form.add_error(name, f"Meanwhile “{theirs}” was saved here. Save again to keep yours.")
        return dataset_page(request, dataset, status=409, describing=form)
    return redirect("dataset-detail", dataset.pk)


@login_required
@require_POST
def dataset_delete(request: AppRequest, pk: int) -> HttpResponse:
    dataset = get_object_or_404(Dataset.objects.visible_to(request.user), pk=pk)
    send_to_trash(by=request.user, row=dataset)
    offer_undo(request, dataset)
    return redirect("dataset-list")
