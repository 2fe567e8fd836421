"""Where a session's ledger is kept: a row for each reply."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict

from optimizer.llm.base import Reply, Request
from optimizer.models import LLMCall, OptimizationSession


class LedgerRows:
    """The ledger's store: LLMCall rows of one session."""

    def __init__(self, session: OptimizationSession) -> None:
        self._session = session

    def find(self, keys: Iterable[str]) -> Mapping[str, Reply]:
        """Replies that the session has paid for."""
        rows = LLMCall.objects.filter(session=self._session, key__in=list(keys))
        return {
            row.key: Reply(
                row.response, row.finish_reason, row.prompt_tokens, row.completion_tokens, row.duration_ms
            )
            for row in rows
        }

    def save(self, request: Request, reply: Reply) -> None:
        """Write a reply down before the search sees it. Progress clears the count of failed attempts."""
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
            },
        )
        OptimizationSession.objects.filter(pk=self._session.pk, attempts__gt=1).update(attempts=1)
