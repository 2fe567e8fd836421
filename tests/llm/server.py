"""A small server that speaks Ollama's API, with models as real ones list them, for tests of what is read there."""

from __future__ import annotations

import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

CHATML = "{{- range .Messages }}<|im_start|>{{ .Role }}\n{{ .Content }}<|im_end|>\n{{ end }}"


@dataclass
class Served:
    """A model. `listed` is what /api/tags says about it besides its name, `shown` what /api/show says."""

    name: str
    capabilities: tuple[str, ...] = ("completion",)
    template: str = CHATML
    trained: int = 32768
    window: int | None = None  # that it is loaded in
    listed: dict[str, Any] = field(default_factory=dict)
    shown: dict[str, Any] = field(default_factory=dict)

    def tag(self) -> dict[str, Any]:
        digest = hashlib.sha256(f"{self}".encode()).hexdigest()
        return {"name": self.name, "model": self.name, "digest": digest, "details": {}, **self.listed}

    def show(self) -> dict[str, Any]:
        info = {"general.architecture": "x", "x.context_length": self.trained}
        told = {"template": self.template, "capabilities": list(self.capabilities), "model_info": info}
        return {**told, "details": {}, "modelfile": "", **self.shown}


@dataclass
class FakeOllama:
    """Answers chats by `script`, each after `latency` seconds; `asked` is every path with its body.

    `count` tells the tokens of a prompt. Without `renders` the server does not know `_debug_render_only`.
    """

    models: list[Served]
    script: Callable[[dict[str, Any]], str] = lambda body: "yes"
    count: Callable[[str], int] = lambda text: max(1, len(text) // 4)
    version: str = "0.24.0"
    reason: str = "stop"
    latency: float = 0.0
    render: Callable[[list[dict[str, str]]], str] | None = None
    address: str = ""
    pause: float = 0.0  # before /api/show answers
    asked: list[tuple[str, dict[str, Any]]] = field(default_factory=list)

    def bodies(self, path: str) -> list[dict[str, Any]]:
        """What was posted there."""
        return [body for where, body in self.asked if where == path]

    def answer(self, path: str, body: dict[str, Any]) -> tuple[int, dict[str, Any]]:
        self.asked.append((path, body))
        if path == "/api/version":
            return 200, {"version": self.version}
        if path == "/api/tags":
            return 200, {"models": [model.tag() for model in self.models]}
        if path == "/api/ps":
            loaded = [model for model in self.models if model.window is not None]
            return 200, {"models": [model.tag() | {"context_length": model.window} for model in loaded]}
        model = next((one for one in self.models if one.name == body.get("model")), None)
        if model is None:
            return 404, {"error": f"model '{body.get('model')}' not found"}
        if path == "/api/show":
            time.sleep(self.pause)
            return 200, model.show()
        return 200, self.chat(body)

    def chat(self, body: dict[str, Any]) -> dict[str, Any]:
        said = {"model": body["model"], "created_at": "2026-11-27T00:00:00Z"}
        if body.get("_debug_render_only") and self.render:
            return {**said, "_debug_info": {"rendered_template": self.render(body["messages"])}}
        time.sleep(self.latency)
        text = self.script(body)
        counts = {
            "prompt_eval_count": self.count("".join(message["content"] for message in body["messages"])),
            "eval_count": max(1, len(text) // 4),
            "total_duration": 5_000_000,
        }
        message = {"role": "assistant", "content": text}
        return {**said, "message": message, "done": True, "done_reason": self.reason, **counts}


@contextmanager
def serving(fake: FakeOllama) -> Iterator[FakeOllama]:
    """The server on a port of its own, until the end."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._say(*fake.answer(self.path, {}))

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            self._say(*fake.answer(self.path, body))

        def _say(self, status: int, said: dict[str, Any]) -> None:
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            with suppress(ConnectionError):  # nobody waits for it any more
                self.wfile.write(json.dumps(said).encode() + b"\n")

        def log_message(self, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    fake.address = f"http://127.0.0.1:{server.server_port}"
    try:
        yield fake
    finally:
        server.shutdown()
        server.server_close()
