"""The socket of an open page."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import parse_qs

from channels.auth import get_user
from channels.db import database_sync_to_async
from channels.generic.websocket import AsyncWebsocketConsumer
from django.contrib.auth.signals import user_logged_out
from django.dispatch import receiver
from django.http import HttpRequest

from optimizer import topics
from optimizer.live.broadcast import TRY_AGAIN, Broadcast
from optimizer.live.regions import Region, region_for
from optimizer.models import User

log = logging.getLogger(__name__)

AT_MOST = 10  # regions a page
SIGNED_OUT, NOTHING_HERE = 4401, 4404  # the page does not connect again


class LiveConsumer(AsyncWebsocketConsumer):  # type: ignore[misc]
    """One socket a page. Its address names the topics and options: `/live/?topic=…&topic=…&tab=log`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.broadcasts: list[Broadcast] = []
        self.subscribed: set[str] = set()

    async def __call__(self, scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        """Whatever goes wrong, the page is told to connect again."""
        try:
            await super().__call__(scope, receive, send)
        except Exception:
            log.exception("A live page lost its socket")
            await self._depart()
            await send({"type": "websocket.close", "code": TRY_AGAIN})

    async def connect(self) -> None:
        """Subscribe to the end of rights before asking for them, so that no change is missed in between."""
        await self.accept()
        session = self.scope["session"]
        for topic in (topics.signed_out(session.session_key), topics.rights_of(self.scope["user"].pk)):
            await self._subscribe(topic)
        self.scope["user"] = await get_user({"session": session.__class__(session.session_key)})
        if not self.scope["user"].is_authenticated:
            await self.end(SIGNED_OUT)
            return
        regions = await database_sync_to_async(self._regions, thread_sensitive=False)()
        if not regions:
            await self.end(NOTHING_HERE)
            return
        for topic in {topic for region in regions for topic in region.topics}:
            await self._subscribe(topic)
        self.broadcasts = [Broadcast.join(region, self) for region in regions]

    async def end(self, code: int) -> None:
        """Close it, and send it nothing more."""
        await self._depart()
        await self.close(code)

    def _regions(self) -> list[Region]:
        query = parse_qs(self.scope["query_string"].decode("utf-8", "replace"))
        options = {name: values[0] for name, values in query.items()}
        asked = query.get("topic", [])[:AT_MOST]
        found = [region_for(self.scope["user"], topic, options) for topic in asked]
        return [region for region in found if region is not None]

    async def _subscribe(self, topic: str) -> None:
        await self.channel_layer.group_add(topics.group(topic), self.channel_name)
        self.subscribed.add(topic)

    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        """Writes are HTTP: what a page sends here is not read."""

    async def topic_changed(self, event: dict[str, str]) -> None:
        if event["topic"] == topics.signed_out(self.scope["session"].session_key):
            await self.end(SIGNED_OUT)
            return
        if event["topic"] == topics.rights_of(self.scope["user"].pk):
            await self.end(TRY_AGAIN)
            return
        for broadcast in self.broadcasts:
            if event["topic"] in broadcast.region.topics and broadcast.is_led_by(self):
                broadcast.touch()

    async def disconnect(self, code: int) -> None:
        await self._depart()

    async def _depart(self) -> None:
        for broadcast in self.broadcasts:
            broadcast.leave(self)
        self.broadcasts = []
        for topic in self.subscribed:
            await self.channel_layer.group_discard(topics.group(topic), self.channel_name)
        self.subscribed = set()


@receiver(user_logged_out)
def close_sockets(request: HttpRequest, user: User | None, **_: Any) -> None:
    """The session is deleted first: whoever connects after the message must not find it."""
    if user is not None:
        key = request.session.session_key
        request.session.delete(key)
        topics.publish(topics.signed_out(key))
