"""The official client, strict where it is lenient."""

from __future__ import annotations

import json
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from optimizer.llm.address import Address
from optimizer.llm.base import CallFailedError

CONNECT = 5.0  # seconds
HIDDEN = ("OLLAMA_HOST", "ALL_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "http_proxy", "https_proxy")


@contextmanager
def _hidden() -> Iterator[None]:
    """Hides variables from the package while it is imported: it makes a client from them, and fails at a list of
    hosts or an unknown proxy."""
    kept = {name: os.environ.pop(name) for name in HIDDEN if name in os.environ}
    try:
        yield
    finally:
        os.environ.update(kept)


with _hidden():
    import ollama

__all__ = ["StrictClient", "UnreadableError", "client_of", "ollama"]


class StrictClient(ollama.AsyncClient):
    """Never lets a prompt be cut silently: the package has no arguments for `truncate` and `shift`. Only a newline
    ends a line of a stream, not every character that Unicode counts as one."""

    async def version(self) -> dict[str, Any]:
        """The server's version, which the package cannot ask for."""
        found = (await self._request_raw("GET", "/api/version")).json()
        if not isinstance(found, dict) or "version" not in found:
            raise ValueError("no version")
        return found

    async def _request(self, cls: Any, *args: Any, stream: bool = False, **kwargs: Any) -> Any:
        if isinstance(kwargs.get("json"), dict) and "messages" in kwargs["json"]:
            kwargs["json"] |= {"truncate": False, "shift": False}
        if stream:
            return self._stream(cls, *args, **kwargs)
        return await super()._request(cls, *args, stream=False, **kwargs)

    async def _request_raw(self, *args: Any, **kwargs: Any) -> httpx.Response:
        """The package would forget why there is no connection."""
        reply: httpx.Response = await self._client.request(*args, **kwargs)
        if not reply.is_success:
            raise refused(reply)
        return reply

    async def _stream(self, cls: Any, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        async with self._client.stream(*args, **kwargs) as reply:
            if not reply.is_success:
                await reply.aread()
                raise refused(reply)
            async for line in _lines(reply.aiter_bytes()):
                yield _part(cls, line)


class UnreadableError(Exception):
    """A line of a reply that Ollama does not write: cut by a proxy, or part of a web page."""


def refused(reply: httpx.Response) -> ollama.ResponseError:
    """The error for a refusal, with its whole text: the package fails at JSON that is not an object."""
    error = ollama.ResponseError("", reply.status_code)
    error.error = reply.text
    if reply.has_redirect_location:
        error.error = reply.headers["location"]
    return error


def _part(cls: Any, line: bytes) -> Any:
    try:
        part = json.loads(line)
        if fault := part.get("error"):
            error = ollama.ResponseError("", 500)  # the status that it would have had before the stream
            error.error = json.dumps(fault)
            raise error
        return cls(**part)
    except (ValueError, TypeError, AttributeError) as error:
        raise UnreadableError(line.decode(errors="replace")) from error


async def _lines(chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    rest = b""
    async for chunk in chunks:
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            if line.strip():
                yield line
    if rest.strip():
        yield rest


def client_of(address: Address, *, timeout: float) -> StrictClient:
    """A client of the server. What runs on this machine is never asked through a proxy.

    Raises CallFailedError if no client can use the environment's proxy or the key's characters."""
    try:
        return StrictClient(
            host=address.url,
            headers=address.headers,
            timeout=httpx.Timeout(timeout, connect=CONNECT),
            trust_env=not address.on_this_machine,
            follow_redirects=False,  # a redirected call arrives without its body
        )
    except (ImportError, ValueError) as error:
        raise CallFailedError("bad_client", f"{address} cannot be asked: {error}") from error
