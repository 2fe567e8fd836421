"""Which version of Ollama a server is, because older ones behave differently."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from typing import Any

from optimizer.llm.base import CallFailedError, UnavailableError

Ask = Callable[[str, dict[str, Any] | None], Awaitable[Any]]  # a path, and a body to post
Version = tuple[int, ...]

REFUSES = (0, 13)  # and newer ones refuse a prompt over the window, where `truncate` is false
RENDERS = (0, 30)  # and newer ones use the chat template within the model's file


async def version_of(ask: Ask) -> Version:
    """The version that the server reports; empty if it does not."""
    try:
        said = await ask("/api/version", None)
    except (CallFailedError, UnavailableError, ValueError):
        return ()
    return numbers(str(said.get("version") or "")) if isinstance(said, dict) else ()


def numbers(version: str) -> Version:
    """Its first three numbers."""
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])
