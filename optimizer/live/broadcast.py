"""A live part of a page, rendered once a change for all who watch it in this process."""

from __future__ import annotations

import asyncio
import logging
from typing import ClassVar, Protocol

from channels.db import database_sync_to_async
from django.core.exceptions import ObjectDoesNotExist

from optimizer.live.regions import Region

log = logging.getLogger(__name__)

PAUSE = 0.25  # seconds between two frames of one region
TRY_AGAIN = 4503  # the page connects again; Daphne sends no code below 3000 except 1000


class Watcher(Protocol):
    """A socket that shows the region."""

    async def send(self, text_data: str) -> None:
        """A frame for its page."""

    async def end(self, code: int) -> None:
        """Close it."""


class Broadcast:
    """One region, watched by some pages of this process: rendered once a change, whoever watches."""

    running: ClassVar[dict[Region, Broadcast]] = {}

    def __init__(self, region: Region) -> None:
        self.region = region
        self.seen: dict[Watcher, str | None] = {}
        self.changed = False
        self.telling: asyncio.Task[None] | None = None

    @classmethod
    def join(cls, region: Region, watcher: Watcher) -> Broadcast:
        """The newcomer is told at once; call it after subscribing to the region's topics."""
        broadcast = cls.running.setdefault(region, cls(region))
        broadcast.seen[watcher] = None
        broadcast.touch()
        return broadcast

    def leave(self, watcher: Watcher) -> None:
        led = self.is_led_by(watcher)
        self.seen.pop(watcher, None)
        if not self.seen:
            self.running.pop(self.region, None)
        elif led:
            self.touch()  # the next leader may have ignored the last change

    def is_led_by(self, watcher: Watcher) -> bool:
        """Every watcher hears of a change; the first one's word is enough."""
        return next(iter(self.seen), None) is watcher

    def touch(self) -> None:
        self.changed = True
        if self.telling is None or self.telling.done():
            self.telling = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        """Render until nothing changes during a pause: a burst becomes few frames, and its last change is never
        lost."""
        while self.changed and self.seen:
            self.changed = False
            try:
                await self._send(await database_sync_to_async(self.region.render, thread_sensitive=False)())
            except ObjectDoesNotExist:  # it was deleted: whoever connects again is told so
                await self._give_up()
                return
            except Exception:
                log.exception("%s could not be rendered", self.region)
                await self._give_up()
                return
            await asyncio.sleep(PAUSE)

    async def _send(self, frame: str) -> None:
        for watcher, last in list(self.seen.items()):
            if frame != last and watcher in self.seen:
                self.seen[watcher] = frame
                await watcher.send(text_data=frame)

    async def _give_up(self) -> None:
        for watcher in list(self.seen):
            await watcher.end(TRY_AGAIN)
