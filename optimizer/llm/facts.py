"""What servers say about their models: which ones answer, where, and with which window."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from optimizer.llm.base import CallFailedError, UnavailableError
from optimizer.llm.roles import ALL_KEPT, Roles, template_roles
from optimizer.llm.versions import Ask, Version, version_of

AT_ONCE = 4  # models that a server is asked about at the same time
SHOWING = 3.0  # seconds to ask about all of them; the rest is asked next time

_shown: dict[tuple[str, str], dict[str, Any]] = {}  # what /api/show said, by address and digest


@dataclass(frozen=True)
class ModelFacts:
    """One model. `completes` is false for embeddings, `thinks` true for one that may think before it answers.

    `remote` is the host that it runs at, "" for the server itself. `trained` is the largest window it knows, `window`
    the one that it is loaded with, in tokens, 0 if unknown. `size` is in bytes, 0 if unknown. `roles`
    follows from its template alone.
    """

    name: str
    digest: str = ""
    completes: bool = True
    thinks: bool = False
    remote: str = ""
    loaded: bool = False
    trained: int = 0
    window: int = 0
    size: int = 0
    roles: Roles = ALL_KEPT

    def called(self, name: str) -> ModelFacts:
        """The same under another of its names."""
        return replace(self, name=name)


async def facts_of(ask: Ask, address: str) -> dict[str, ModelFacts]:
    """The models of the server at `address`, by name, in its order. ValueError if it does not list them as Ollama
    does."""
    listed = entries(await ask("/api/tags", None))
    loaded, version = await asyncio.gather(_loaded(ask), version_of(ask))
    shown = await _all_shown(ask, f"{address} {version}", listed)  # a newer server may say more
    return {
        name: _facts(name, entry, shown.get(name, {}), loaded.get(name), version)
        for name, entry in listed.items()
    }


def merged(servers: Iterable[Mapping[str, ModelFacts]]) -> dict[str, ModelFacts]:
    """The models of all servers. The first server's word counts, except for where a model runs and is loaded."""
    found: dict[str, ModelFacts] = {}
    for one in (facts for server in servers for facts in server.values()):
        first = found.setdefault(one.name, one)
        found[one.name] = replace(
            first,
            remote=first.remote or one.remote,
            loaded=first.loaded or one.loaded,
            trained=first.trained or one.trained,
            window=first.window or one.window,
        )
    return found


def offered(models: Mapping[str, ModelFacts]) -> list[str]:
    """The names of models that answer prompts, the default first: local before remote, loaded before others."""
    answering = [facts for facts in models.values() if facts.completes]
    return [
        facts.name for facts in sorted(answering, key=lambda facts: (bool(facts.remote), not facts.loaded))
    ]


def named(models: Mapping[str, ModelFacts], name: str) -> ModelFacts | None:
    """The model of that name; `:latest` may be left out, as with Ollama."""
    return models.get(name) or models.get(f"{name}:latest")


def sent_away(model: str, host: str) -> str:
    """What to know before the start about a model that runs elsewhere."""
    return f"{model} does not run here: the prompt, rows and answers are sent to {host}."


def only_embeds(model: str) -> str:
    """Why a model cannot be used."""
    return f"{model} only makes embeddings and cannot answer. Choose another model."


def nothing_answers(models: Mapping[str, ModelFacts]) -> str:
    """Why there is no model to take, and what to do."""
    if not models:
        return "Ollama has no model yet. Get one with `ollama pull`, then run this again."
    return (
        f"Ollama has only embedding models here ({', '.join(models)}), which cannot answer. "
        "Get another with `ollama pull llama3.2`, then run this again."
    )


def entries(listing: Any) -> dict[str, dict[str, Any]]:
    """The entries of a listing, by the model's name."""
    rows = listing.get("models") if isinstance(listing, dict) else None
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise ValueError("this is not a list of models")
    return {str(row.get("model") or row.get("name") or ""): row for row in rows}


async def _loaded(ask: Ask) -> dict[str, int]:
    """The windows of loaded models; empty if the server does not say."""
    try:
        running = entries(await ask("/api/ps", None))
    except (CallFailedError, UnavailableError, ValueError):
        return {}
    return {name: _number(row.get("context_length")) for name, row in running.items()}


async def _all_shown(
    ask: Ask, address: str, listed: Mapping[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """What /api/show says about each model, as far as it comes in time."""
    limit = asyncio.Semaphore(AT_ONCE)
    told: dict[str, dict[str, Any]] = {}

    async def look(name: str, digest: str) -> None:
        async with limit:
            told[name] = await shown(ask, address, name, digest)

    looks = [asyncio.ensure_future(look(name, str(row.get("digest") or ""))) for name, row in listed.items()]
    if looks:
        _, late = await asyncio.wait(looks, timeout=SHOWING)
        for task in late:
            task.cancel()
    return told


async def shown(ask: Ask, address: str, name: str, digest: str) -> dict[str, Any]:
    """What /api/show says, asked once for each content; empty if it says nothing that can be used."""
    key = (address, digest)
    if digest and key in _shown:
        return _shown[key]
    try:
        answer = await ask("/api/show", {"model": name})
    except (CallFailedError, UnavailableError, ValueError):
        return {}
    told = answer if isinstance(answer, dict) else {}
    if digest and told:
        _shown[key] = _kept(told)
    return told


def _kept(told: Mapping[str, Any]) -> dict[str, Any]:
    """What is worth remembering; licences and lists of tensors are too long."""
    names = ("capabilities", "model_info", "remote_host", "template", "renderer", "modelfile")
    return {name: told[name] for name in names if name in told}


def _facts(
    name: str, entry: Mapping[str, Any], told: Mapping[str, Any], window: int | None, version: Version
) -> ModelFacts:
    info = _mapping(told.get("model_info"))
    capabilities = entry.get("capabilities") or told.get("capabilities")
    return ModelFacts(
        name=name,
        digest=str(entry.get("digest") or ""),
        completes=_completes(capabilities, info),
        thinks=isinstance(capabilities, list) and "thinking" in capabilities,
        remote=_host(str(entry.get("remote_host") or told.get("remote_host") or "")),
        loaded=window is not None,
        trained=trained_window(told) or _number(_mapping(entry.get("details")).get("context_length")),
        window=window or 0,
        size=_number(entry.get("size")),
        roles=template_roles(told, version),
    )


def trained_window(told: Any) -> int:
    """The largest window that a model knows, in tokens, according to /api/show; 0 if it does not say."""
    info = _mapping(_mapping(told).get("model_info"))
    return max((_number(value) for key, value in info.items() if key.endswith(".context_length")), default=0)


def _completes(capabilities: Any, info: Mapping[str, Any]) -> bool:
    """As the server says. If it says nothing, a model that pools makes embeddings."""
    if isinstance(capabilities, list) and capabilities:
        return "completion" in capabilities
    return not any(key.endswith(".pooling_type") for key in info)


def _host(address: str) -> str:
    """The host of an address, without what need not be seen: a scheme, a usual port, a password."""
    parts = urlsplit(address if "//" in address else f"//{address}")
    return parts.hostname or ""


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _number(value: Any) -> int:
    return int(value) if isinstance(value, int | float) and value > 0 else 0
