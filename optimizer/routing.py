"""WebSocket addresses."""

from typing import Any

from channels.security.websocket import WebsocketDenier
from django.urls import path, re_path

from optimizer.live.consumer import LiveConsumer

websocket_urlpatterns: list[Any] = [
    path("live/", LiveConsumer.as_asgi()),
    re_path("", WebsocketDenier.as_asgi()),  # an unknown path is refused; the router would raise an error
]
