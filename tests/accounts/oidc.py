"""A small OpenID Connect provider on a loopback port, which signs in whomever the test says."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

CODE, TOKEN = "a-code", "a-token"


class Provider(ThreadingHTTPServer):
    """`person` is what it says about who signs in; `exchanged` what it was sent for the token."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server_port}"
        self.person: dict[str, Any] = {"sub": "1", "email": "ada@example.com", "email_verified": True}
        self.exchanged: dict[str, list[str]] = {}

    def configuration(self) -> dict[str, Any]:
        ends = {"authorization": "authorize", "token": "token", "userinfo": "userinfo"}
        return {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/jwks",
            "token_endpoint_auth_methods_supported": ["client_secret_post"],
        } | {f"{name}_endpoint": f"{self.url}/{path}" for name, path in ends.items()}


class Handler(BaseHTTPRequestHandler):
    server: Provider

    def do_GET(self) -> None:
        if self.path == "/.well-known/openid-configuration":
            self.answer(200, self.server.configuration())
        elif self.path == "/userinfo" and self.headers["Authorization"] == f"Bearer {TOKEN}":
            self.answer(200, self.server.person)
        else:
            self.answer(404, {"error": "not_found"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.exchanged = parse_qs(body.decode())
        good = self.server.exchanged.get("code") == [CODE]
        token = {"access_token": TOKEN, "token_type": "Bearer", "expires_in": 60}
        self.answer(200 if good else 400, token if good else {"error": "invalid_grant"})

    def answer(self, status: int, body: dict[str, Any]) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *args: Any) -> None:
        pass


@contextmanager
def provider() -> Iterator[Provider]:
    server = Provider()
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
