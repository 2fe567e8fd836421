"""Telling open pages that something changed: its topic's name, after commit, and nothing more."""

import re

from asgiref.sync import async_to_sync
from channels.layers import get_channel_layer
from django.db import transaction

SESSION, OPINION = "session", "opinion"
TEMPLATE = "template"
# A page asks for these by name alone: the reader decides which rows.
HISTORY, RECENT, TEMPLATES, DATASETS = "history", "recent", "templates", "datasets"


def kind_and_key(asked: str) -> tuple[str, str]:
    """The two halves of what a page asks to watch: `session:42` gives `session` and `42`."""
    kind, _, key = asked.partition(":")
    return kind, key


def session(pk: int) -> str:
    """The topic of an optimization's panel."""
    return f"{SESSION}:{pk}"


def history(workspace_pk: int) -> str:
    """The topic of the list of a workspace's optimizations."""
    return f"{HISTORY}:{workspace_pk}"


def template(pk: int) -> str:
    """The topic of a template's page."""
    return f"{TEMPLATE}:{pk}"


def templates(workspace_pk: int) -> str:
    """The topic of the list of a workspace's templates."""
    return f"{TEMPLATES}:{workspace_pk}"


def public_templates() -> str:
    """The topic of the templates that everyone sees."""
    return f"{TEMPLATES}:public"


def datasets(workspace_pk: int) -> str:
    """The topic of the list of a workspace's datasets."""
    return f"{DATASETS}:{workspace_pk}"


def lists_with(kind: str, workspace_pk: int) -> tuple[str, ...]:
    """The topics of the lists in which a row of that kind may stand."""
    match kind:
        case "template":
            return templates(workspace_pk), public_templates()
        case "dataset":
            return (datasets(workspace_pk),)
        case _:
            return (history(workspace_pk),)


def signed_out(session_key: str | None) -> str:
    """The topic of a signed-in browser's end."""
    return f"signed-out:{session_key}"


def rights_of(user_pk: int) -> str:
    """The topic of what a person may see."""
    return f"rights:{user_pk}"


def opinion(session_pk: int) -> str:
    """How a page asks for what its reader says about an optimization's result."""
    return f"{OPINION}:{session_pk}"


def opinion_of(session_pk: int, user_pk: int) -> str:
    """The topic of what one person says about an optimization's result."""
    return f"{opinion(session_pk)}:{user_pk}"


def group(topic: str) -> str:
    """The channel layer's name of a topic: `session:42` becomes `session.42`."""
    return re.sub(r"[^a-zA-Z0-9.\-]", ".", topic)


def publish(*topics: str) -> None:
    """Tell the pages that watch these topics, once the current transaction is committed."""
    for topic in topics:
        transaction.on_commit(lambda topic=topic: send(topic), robust=True)  # type: ignore[misc]


def publish_session(pk: int, workspace_pk: int) -> None:
    """Tell all pages that show this optimization."""
    publish(session(pk), history(workspace_pk))


def publish_template(pk: int, workspace_pk: int, *, is_public: bool) -> None:
    """Tell all pages that show this template."""
    publish(template(pk), templates(workspace_pk), *([public_templates()] if is_public else []))


def send(topic: str) -> None:
    """Tell the pages that watch this topic now."""
    async_to_sync(get_channel_layer().group_send)(group(topic), {"type": "topic.changed", "topic": topic})
