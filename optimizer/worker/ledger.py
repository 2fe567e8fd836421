"""Where a session's ledger is kept: a row for each reply."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import asdict, replace
from datetime import timedelta

from django.db.models import Q
from django.utils import timezone

from optimizer.briefing import paid_for
from optimizer.llm.base import Reply, Request
from optimizer.models import LLMCall, OptimizationSession

REUSED_FOR = timedelta(days=30)


class LedgerRows:
    """The ledger's store: LLMCall rows of one session, and what others of its workspace have paid for."""

    def __init__(self, session: OptimizationSession, clock: Callable[[], int]) -> None:
        """`clock` tells the milliseconds that the run has worked."""
        self._session = session
        self._clock = clock

    def find(self, keys: Iterable[str]) -> Mapping[str, Reply]:
        """Replies that the session has paid for, or need not pay for again."""
        asked = set(keys)
        known = self._known(asked)
        if self._copy(asked - known.keys()):
            known = self._known(asked)
        return known

    def save(self, request: Request, reply: Reply) -> Reply:
        """Write a reply down before the search sees it. Progress clears the count of failed attempts."""
        at_ms = self._clock()
        LLMCall.objects.get_or_create(
            session=self._session,
            key=request.key,
            defaults={
                "purpose": request.purpose,
                "model": request.model,
                "request": asdict(request),
                "response": reply.text,
                "finish_reason": reply.finish_reason,
                "prompt_tokens": reply.prompt_tokens,
                "completion_tokens": reply.completion_tokens,
                "duration_ms": reply.duration_ms,
                "at_ms": at_ms,
                "busy_ms": reply.busy_ms,
                "load_ms": reply.load_ms,
                "host": reply.host[:200],
            },
        )
        OptimizationSession.objects.filter(pk=self._session.pk, attempts__gt=1).update(attempts=1)
        return replace(reply, at_ms=at_ms)

    def _known(self, keys: Collection[str]) -> dict[str, Reply]:
        return paid_for(self._session, keys)

    def _copy(self, keys: Collection[str]) -> bool:
        """Take over what the workspace's other sessions were answered, so that a replay needs nothing but its own
        rows. Only requests at temperature 0 (a rewrite is drawn anew, a score is not), and only of a model that is
        known to be the same: what a name stands for may have been exchanged."""
        same = self._same_model()
        if not keys or not same:
            return False
        rows = LLMCall.objects.filter(
            same,
            key__in=list(keys),
            reused=False,
            created_at__gt=timezone.now() - REUSED_FOR,
            request__temperature=0,
            session__workspace=self._session.workspace_id,
            session__deleted_at=None,
        )
        copies = list(rows.order_by("key", "-id").distinct("key"))
        for row in copies:
            row.pk, row.session_id, row.reused, row.at_ms = None, self._session.pk, True, self._clock()
            row._state.adding = True
        LLMCall.objects.bulk_create(copies, ignore_conflicts=True)
        return bool(copies)

    def _same_model(self) -> Q:
        """Calls of a model with the content that it has here; empty where the server told of none."""
        same = Q()
        for model, digest in (self._session.digests or {}).items():
            if digest:
                same |= Q(model=model, session__digests__contains={model: digest})
        return same
