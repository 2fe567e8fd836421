"""Declaring the variables of a template."""

from __future__ import annotations

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_POST

from optimizer.files.declared import Declared, read_declared
from optimizer.forms.variables import DeclarationForms, kept_of
from optimizer.models import PromptTemplate
from optimizer.services.access import require_writer
from optimizer.services.meanwhile import ChangedMeanwhileError
from optimizer.services.templates import Details, change_details
from optimizer.views.requests import AppRequest, is_number
from optimizer.views.template_editor import even_deleted
from optimizer.views.templates import detail, visible_template


@login_required
@require_POST
def template_variables(request: AppRequest, pk: int) -> HttpResponse:
    template = even_deleted(request, pk)
    require_writer(user=request.user, workspace_id=template.workspace_id)
    forms, edition = DeclarationForms(request.POST), request.POST.get("edition", "")
    if not is_number(edition) or len(edition) > 9 or not forms.is_valid():
        return detail(request, template, tab="variables", status=422, declarations=forms)
    try:
        declare(request, template, int(edition), kept_of(forms))
    except ChangedMeanwhileError:
        return _changed_meanwhile(request, pk, forms)
    except ValidationError as error:
        said = " ".join(error.messages)
        return detail(request, template, tab="variables", status=422, declarations=forms, refused=said)
    messages.success(request, "The variables are saved.")
    return redirect(reverse("template-detail", args=[pk]) + "?tab=use")


def declare(request: AppRequest, template: PromptTemplate, edition: int, declared: list[Declared]) -> None:
    """Keep these, with all other details as they are."""
    details = Details(
        name=template.name,
        category=template.category,
        description=template.description,
        tags=template.tags,
        variables=[one.stored() for one in declared],
    )
    change_details(template=template, by=request.user, edition=edition, details=details)


def _changed_meanwhile(request: AppRequest, pk: int, forms: object) -> HttpResponse:
    """What was typed stays, what the other one saved stands beside it, and saving again decides."""
    template = visible_template(request, pk)
    said = f"{template.updated_by or 'Somebody'} changed this template's details meanwhile. Nothing was saved yet."
    more = {"refused": said, "theirs": read_declared(template.variables), "edition": template.edition}
    return detail(request, template, tab="variables", status=409, declarations=forms, **more)
