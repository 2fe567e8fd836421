"""The models that this installation's servers have, as a worker last saw them."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

from django.conf import settings
from django.core.cache import cache

from optimizer.llm.facts import ModelFacts, named, offered

KEPT = 3600  # seconds: the task that refreshes the list may have to wait for long runs


def models() -> list[str]:
    """The names of models that can run a prompt, the default first; empty while nothing is known yet."""
    return offered(_facts())


def choices() -> list[ModelFacts]:
    """The same models with what is known about them."""
    known = _facts()
    return [known[name] for name in offered(known)]


def target(chosen: str) -> str:
    """The model that runs a prompt if this one is chosen; "" until a server has listed its models."""
    return chosen or settings.TARGET_MODEL or next(iter(models()), "")


def by_role(target_model: str, optimizer_model: str, judge_model: str) -> tuple[str, str, str]:
    """The models that play these roles in a run for which these are chosen. Each may be left open."""
    runs = target(target_model)
    writes = optimizer_model or settings.OPTIMIZER_MODEL or runs
    return runs, writes, judge_model or writes


def facts(name: str) -> ModelFacts | None:
    """What is known about one of them."""
    return named(_facts(), name)


def tells_turns(name: str) -> bool:
    """Whether the model is known to tell chat turns apart, as nearly all do."""
    known = facts(name)
    return known is None or known.roles.turns


def keep(found: Iterable[ModelFacts]) -> None:
    """Remember what the servers have."""
    cache.set(cache_key("facts"), list(found), KEPT)


def cache_key(*parts: str) -> str:
    """A key for what is true of these servers alone: a terminal may use others than the web process does."""
    where = hashlib.sha256("\n".join(map(str, settings.OLLAMA_HOSTS)).encode()).hexdigest()
    return ":".join([where, *parts])


def _facts() -> dict[str, ModelFacts]:
    return {one.name: one for one in cache.get(cache_key("facts")) or []}
