"""Answers that are sent while they are made."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from asgiref.sync import sync_to_async


async def piecewise(pieces: Iterator[bytes]) -> AsyncIterator[bytes]:
    """The same pieces, each made when the one before is sent. Django would first make all pieces of an iterator that
    is not asynchronous."""
    make = sync_to_async(lambda: next(pieces, None))
    while (piece := await make()) is not None:
        yield piece
