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
        """Copy replies from the workspace's other sessions, so that a replay needs only its own rows. Only replies at
        temperature 0 are copied: a rewrite is drawn again, a score is not. The model must be known to be the same,
        because a name may have come to mean another."""
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
        """Calls to a model with the same content as here; empty if the server did not report any."""
        same = Q()
        for model, digest in (self._session.digests or {}).items():
            if digest:
                same |= Q(model=model, session__digests__contains={model: digest})
        return same
