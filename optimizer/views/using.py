"""What a template's variables make of its page: the form to use it, and the form to declare them."""

from __future__ import annotations

from typing import Any

from optimizer.files.declared import Declared, asked_for, read_declared, unused
from optimizer.forms.variables import DeclarationForms, UseForm, initial_declarations
from optimizer.models import Dataset, PromptTemplate, TemplateVersion, User
from optimizer.starters import grader_of
from optimizer.views.requests import AppRequest
from optimizer.views.versions import shown_version, version_of

Context = dict[str, Any]


def use_tab(request: AppRequest, template: PromptTemplate) -> Context:
    """The form that a version makes: of the newest, if the address names no other."""
    version = shown_version(request, template)
    if version is None:
        return {"version": None}
    return {"version": version, "use": UseForm(declared=declared_in(template, version))}


def declared_in(template: PromptTemplate, version: TemplateVersion) -> tuple[Declared, ...]:
    """The variables of this version's texts, as the template declares them."""
    return asked_for(read_declared(template.variables), version.text, version.system_text)


def rows_of(user: User, template: PromptTemplate) -> Context:
    """The rows that a starter brought along, and what grades them; {} if there are none that this person may see."""
    seen = Dataset.objects.visible_to(user)
    copy = template.starters.filter(dataset__in=seen).select_related("dataset").first()
    return {"dataset": copy.dataset, "grader": grader_of(copy.slug)} if copy else {}


def variables_tab(request: AppRequest, template: PromptTemplate) -> Context:
    """A form for each variable of the newest version, and for those that are declared and stand there no more."""
    version, declared = version_of(template, str(template.newest)), read_declared(template.variables)
    texts = (version.text, version.system_text) if version else ()
    gone = set(unused(declared, *texts))
    asked = [*asked_for(declared, *texts), *(one for one in declared if one.name in gone)]
    forms = DeclarationForms(initial=initial_declarations(asked))
    return {"declarations": forms, "gone": gone, "edition": template.edition}
