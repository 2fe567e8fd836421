"""WebSocket addresses."""

from typing import Any

from django.urls import path

from optimizer.live.consumer import LiveConsumer

websocket_urlpatterns: list[Any] = [path("live/", LiveConsumer.as_asgi())]
