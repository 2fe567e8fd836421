"""HTTP answers that are worked on only as long as their client waits for them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

Pieces = AsyncGenerator[dict[str, Any], None]
Joining = Callable[[list[dict[str, Any]]], dict[str, Any]]


class Attended(Response):
    """JSON pieces, a line each as they come, or joined into one. When the client leaves, their source is closed."""

    def __init__(self, pieces: Pieces, *, whole: Joining | None) -> None:
        super().__init__()
        self._pieces, self._whole = pieces, whole

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        work = asyncio.ensure_future(self._work(scope, receive, send))
        leaving = asyncio.ensure_future(_client_left(receive))
        try:
            await asyncio.wait({work, leaving}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leaving.cancel()
            gone = not work.done() and work.cancel()
        with contextlib.suppress(asyncio.CancelledError) if gone else contextlib.nullcontext():
            await work

    async def _work(self, scope: Scope, receive: Receive, send: Send) -> None:
        async with aclosing(self._pieces) as pieces:
            if self._whole is None:
                await _stream(pieces, send)
            else:
                reply = JSONResponse(self._whole([piece async for piece in pieces]))
                await reply(scope, receive, send)


async def _stream(pieces: Pieces, send: Send) -> None:
    """A failure before the first piece is raised; a later one becomes the last line."""
    await _send_line(send, await anext(pieces), first=True)
    try:
        async for piece in pieces:
            await _send_line(send, piece)
    except Exception as problem:
        await _send_line(send, {"error": str(problem)})
    await send({"type": "http.response.body", "body": b""})


async def _send_line(send: Send, piece: dict[str, Any], *, first: bool = False) -> None:
    if first:
        headers = [(b"content-type", b"application/x-ndjson")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
    line = json.dumps(piece, ensure_ascii=False, separators=(",", ":")) + "\n"
    await send({"type": "http.response.body", "body": line.encode(), "more_body": True})


async def _client_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
