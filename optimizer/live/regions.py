"""The live parts of pages: what each watches, and the one way it is rendered, by views and by sockets alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.contrib.auth.models import AnonymousUser
from django.core.signing import BadSignature
from django.template.loader import render_to_string

from optimizer import topics
from optimizer.models import (
    Membership,
    OptimizationSession,
    Prompt,
    PromptTemplate,
    SessionStatus,
    User,
)
from optimizer.services.access import may_write
from optimizer.views.listing import HISTORY, RECENT, live_page, live_page_of
from optimizer.views.opinions import opinion_of
from optimizer.views.panels import SHOWN_WITH, TABS, Context, session_panel
from optimizer.views.requests import is_number
from optimizer.views.shelf import Shelf, shelf_of


@dataclass(frozen=True)
class SessionRegion:
    """An optimization's panel. The same for everyone who watches that tab."""

    pk: int
    tab: str

    @property
    def topics(self) -> tuple[str, ...]:
        return (topics.session(self.pk),)

    def render(self) -> str:
        session = OptimizationSession.objects.select_related(*SHOWN_WITH).get(pk=self.pk)
        return _frame("session/_panel.html", session_panel(session, self.tab))


@dataclass(frozen=True)
class HistoryRegion:
    """The list of optimizations in these workspaces, down to the oldest row that the page first showed, if it did not
    show all."""

    workspaces: tuple[int, ...]
    words: str = ""
    status: str = ""
    oldest: str = ""

    @property
    def topics(self) -> tuple[str, ...]:
        return tuple(map(topics.history, self.workspaces))

    def render(self) -> str:
        rows = OptimizationSession.objects.in_workspaces(self.workspaces)
        prompts = Prompt.objects.in_workspaces(self.workspaces).matching(self.words) if self.words else None
        page = live_page(rows, prompts=prompts, status=self.status, down_to=self.oldest)
        return _frame("history/_list.html", {"page": page, "words": self.words, "status": self.status})


@dataclass(frozen=True)
class RecentRegion:
    """The last few optimizations."""

    workspaces: tuple[int, ...]

    @property
    def topics(self) -> tuple[str, ...]:
        return tuple(map(topics.history, self.workspaces))

    def render(self) -> str:
        rows = OptimizationSession.objects.in_workspaces(self.workspaces)
        return _frame("home/_recent.html", {"recent": rows.newest_first()[:RECENT]})


@dataclass(frozen=True)
class OpinionRegion:
    """What one person said about a result and its outputs. Only they see it, in each of their windows."""

    session: int
    user: int

    @property
    def topics(self) -> tuple[str, ...]:
        return (topics.opinion_of(self.session, self.user),)

    def render(self) -> str:
        session = OptimizationSession.objects.get(pk=self.session)
        user = User.objects.get(pk=self.user)
        return _frame("result/_opinion.html", opinion_of(user, session) | {"session": session})


@dataclass(frozen=True)
class TemplatesRegion:
    """The list of templates that a reader chose, down to the last row that the page first showed, if it did not show
    all. The same for all who share the workspaces; `user` is 0 unless the list is one person's own."""

    shelf: Shelf
    workspaces: tuple[int, ...]
    user: int = 0
    oldest: str = ""

    @property
    def topics(self) -> tuple[str, ...]:
        if self.shelf.scope == "public":
            return (topics.public_templates(),)
        return tuple(map(topics.templates, self.workspaces))

    def render(self) -> str:
        rows = PromptTemplate.objects.in_scope(
            self.shelf.scope, user_id=self.user, workspaces=self.workspaces
        )
        page = live_page_of(self.shelf.choose(rows), self.shelf.order, self.oldest)
        return _frame("templates/_list.html", {"page": page, "shelf": self.shelf})


@dataclass(frozen=True)
class TemplateRegion:
    """How a template stands: its newest version, uses and rating."""

    pk: int

    @property
    def topics(self) -> tuple[str, ...]:
        return (topics.template(self.pk),)

    def render(self) -> str:
        template = PromptTemplate.objects.defer("words").get(pk=self.pk, deleted_at=None)
        return _frame("templates/_facts.html", {"template": template})


Region = SessionRegion | HistoryRegion | RecentRegion | OpinionRegion | TemplatesRegion | TemplateRegion


def _frame(template: str, context: Context) -> str:
    return render_to_string(template, context | {"live": True})


def region_for(user: User | AnonymousUser, topic: str, options: Mapping[str, str]) -> Region | None:
    """What a page may watch under that name, or None. The database decides: the name itself proves nothing."""
    kind, key = topics.kind_and_key(topic)
    if kind == topics.SESSION and is_number(key):
        return _session_region(user, int(key), options.get("tab", ""))
    if kind == topics.OPINION and is_number(key):
        return _opinion_region(user, int(key))
    if kind == topics.TEMPLATE and is_number(key):
        visible = PromptTemplate.objects.visible_to(user).filter(pk=int(key))
        return TemplateRegion(int(key)) if visible.exists() else None
    workspaces = _workspaces(user)
    if kind == topics.TEMPLATES and workspaces:
        return _templates_region(user.pk or 0, workspaces, options)
    if kind == topics.HISTORY and workspaces:
        return _history_region(workspaces, options)
    return RecentRegion(workspaces) if kind == topics.RECENT and workspaces else None


def _session_region(user: User | AnonymousUser, pk: int, tab: str) -> SessionRegion | None:
    visible = OptimizationSession.objects.visible_to(user).filter(pk=pk).exists()
    return SessionRegion(pk, tab if tab in TABS else "") if visible else None


def _opinion_region(user: User | AnonymousUser, pk: int) -> OpinionRegion | None:
    session = OptimizationSession.objects.visible_to(user).filter(pk=pk).first()
    if session is None or not user.is_authenticated:
        return None
    return OpinionRegion(pk, user.pk) if may_write(user=user, workspace_id=session.workspace_id) else None


def _history_region(workspaces: tuple[int, ...], options: Mapping[str, str]) -> HistoryRegion | None:
    status = options.get("status", "")
    oldest = options.get("oldest", "")
    try:
        HISTORY.place_of(oldest)
    except BadSignature:
        return None
    return HistoryRegion(
        workspaces, options.get("q", ""), status if status in SessionStatus.values else "", oldest
    )


def _templates_region(
    user: int, workspaces: tuple[int, ...], options: Mapping[str, str]
) -> TemplatesRegion | None:
    shelf, oldest = shelf_of(options), options.get("oldest", "")
    try:
        shelf.order.place_of(oldest)
    except BadSignature:
        return None
    shared = () if shelf.scope == "public" else workspaces
    return TemplatesRegion(shelf, shared, user if shelf.scope == "mine" else 0, oldest)


def _workspaces(user: User | AnonymousUser) -> tuple[int, ...]:
    if not user.is_authenticated:
        return ()
    return tuple(
        Membership.objects.filter(user=user).order_by("workspace").values_list("workspace", flat=True)
    )
