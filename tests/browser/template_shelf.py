"""Believable templates for pictures: a shelf of them, one with a history, and two people who edit it at once."""

from __future__ import annotations

from datetime import timedelta

from django.utils import timezone

from optimizer.models import PromptTemplate, User, VersionSource, Workspace
from optimizer.services.feedback import rate_session
from optimizer.services.templates import (
    Details,
    Written,
    create_template,
    move_label,
    publish_template,
    restore_version,
    save_version,
)
from tests import factories
from tests.browser import showcase

SHELF = [
    ("Meeting minutes to decisions", "Office", "Who does what by when, from notes.", "minutes", 41, 4.4, 9),
    ("Bug report triage", "Engineering", "Severity and component of a report.", "bugs, JSON", 128, 4.8, 31),
    ("Polite refusal", "Support", "Says no, and offers what is possible.", "mail, tone", 12, 3.9, 4),
    ("Product description", "Marketing", "Eighty words, one benefit first.", "copy", 7, None, 0),
    ("Invoice to fields", "Finance", "Number, date, total and IBAN.", "JSON, extraction", 203, 4.6, 40),
    (
        "Translate, keep the terms",
        "Languages",
        "Names in the glossary stay.",
        "German, glossary",
        65,
        4.1,
        12,
    ),
    ("SQL from a question", "Engineering", "One SELECT, or the reason why not.", "SQL", 88, 4.3, 17),
]
FIRST = """Answer this review of our restaurant.

Review: {{review}}"""
SECOND = """Answer this review of our restaurant in the name of {{manager}}.

Thank the guest first. If something went wrong, say what we will change. Use at most four sentences.

Review: {{review}}"""
FOUND = """You answer reviews in the name of {{manager}}, who runs a small restaurant.

Thank the guest first, and name one thing from the review that pleased you. If something went wrong, say plainly
what we will change, and do not offer money. Use at most four short sentences.

Review: {{review}}"""
THEIRS = FOUND.replace(
    "at most four short sentences", "at most three short sentences, in the language of the review"
)
MINE = FOUND.replace(", and do not offer money", "").replace(
    "a small restaurant", "a small restaurant by the sea"
)


def addresses_of(user: User) -> dict[str, str]:
    """Pages of templates by the name of their picture."""
    page = f"/templates/{fill_templates(user).pk}/"
    tabs = {name: f"{page}?tab={name}" for name in ("versions", "optimizations", "details")}
    return {
        "templates": "/templates/",
        "templates-narrowed": "/templates/?category=Support&sort=used",
        "template": page,
        "template-old": f"{page}?version=2",
        "template-diff": f"{page}?tab=versions&a=2&b=3",
        "template-edit": f"{page}edit/",
        "template-new": "/templates/new/",
        **{f"template-{name}": address for name, address in tabs.items()},
    }


def fill_templates(user: User) -> PromptTemplate:
    """The shelf; the template with a history is given back."""
    workspace = user.personal_workspace
    for number, (name, category, about, tags, uses, rating, ratings) in enumerate(SHELF):
        template = create_template(
            workspace=workspace,
            by=user,
            details=Details(name, category, about, tags.split(", ")),
            written=Written("Read {{text}} and answer."),
            is_public=number % 3 == 1,
        )
        PromptTemplate.objects.filter(pk=template.pk).update(
            usage_count=uses,
            average_rating=rating,
            rating_count=ratings,
            created_at=timezone.now() - timedelta(days=3 * number + 2),
        )
    return _with_history(workspace, user)


def _with_history(workspace: Workspace, user: User) -> PromptTemplate:
    mate = factories.make_user("team.mate@example.com", username="Team mate")
    factories.join(workspace, mate)
    details = Details(
        "Answer to a review",
        "Support",
        "A short public answer to what a guest wrote, in the name of the manager.",
        ("mail", "reviews", "tone"),
    )
    template = create_template(workspace=workspace, by=user, details=details, written=Written(FIRST))
    save_version(
        template=template, by=mate, base=1, written=Written(SECOND, note="Names the manager; four sentences")
    )
    session = showcase.done(workspace, user)
    prompt = session.prompt
    prompt.template, prompt.template_version = template, template.versions.get(number=2)
    prompt.save()
    found = Written(FOUND, note="Fewer apologies, same warmth", source=VersionSource.RESULT, session=session)
    save_version(template=template, by=user, base=2, written=found)
    restore_version(template=template, by=mate, base=3, number=2)
    restore_version(template=template, by=user, base=4, number=3)
    for name, number in [("production", 2), ("candidate", 3), ("production", 3), ("candidate", 5)]:
        move_label(template=template, by=(user, mate)[number % 2], name=name, number=number)
    rate_session(session=session, by=user, rating=5)
    publish_template(template=template, by=user, public=True)
    PromptTemplate.objects.filter(pk=template.pk).update(usage_count=23)
    return template
