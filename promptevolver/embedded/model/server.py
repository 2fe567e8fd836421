"""A model server that speaks Ollama's HTTP API, for machines without one."""

from __future__ import annotations

import argparse
import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import FrameType
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from promptevolver.embedded.model import request as asking
from promptevolver.embedded.model.attended import Attended
from promptevolver.embedded.model.llama import Llama, LlamaError
from promptevolver.embedded.model.reply import Reply, Wording, chat_words, generate_words
from promptevolver.embedded.model.request import RequestError
from promptevolver.embedded.model.weights import Model

VERSION = "0.17.1"  # the API that we speak; clients compare it
NOT_HERE = ["create", "pull", "push", "copy", "delete", "embed", "embeddings"]


class ListenError(Exception):
    """The address is taken or not ours; the text says which and what to do."""


class UnknownModelError(Exception):
    """The client asks for a model that is not served."""


def build_app(model: Model, llama: Llama, *, slots: int) -> Starlette:
    """The web application around one loaded model."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        yield
        await llama.close()

    refusals = {RequestError: refuse, UnknownModelError: refuse, LlamaError: refuse, HTTPException: refuse}
    app = Starlette(routes=ROUTES, lifespan=lifespan, exception_handlers=refusals)
    app.state.model, app.state.llama = model, llama
    app.state.slots = asyncio.Semaphore(slots)
    return app


async def running(request: HttpRequest) -> Response:
    return PlainTextResponse("Ollama is running")


async def version(request: HttpRequest) -> Response:
    return JSONResponse({"version": VERSION})


async def tags(request: HttpRequest) -> Response:
    return JSONResponse({"models": [request.app.state.model.tag()]})


async def show(request: HttpRequest) -> Response:
    body = await read_body(request)
    verbose = asking.field(body, "verbose", bool, False)
    return JSONResponse(request.app.state.model.show(verbose=verbose))


async def ps(request: HttpRequest) -> Response:
    """The one model is always loaded."""
    model = request.app.state.model
    return JSONResponse({"models": [model.tag() | {"size_vram": 0, "context_length": model.window}]})


async def chat(request: HttpRequest) -> Response:
    return answer(request, asking.chat_request(await read_body(request)), chat_words)


async def generate(request: HttpRequest) -> Response:
    return answer(request, asking.generate_request(await read_body(request)), generate_words)


async def not_here(request: HttpRequest) -> Response:
    return error(501, f"{request.url.path} is not supported by the embedded model server; use a real Ollama")


async def read_body(request: HttpRequest) -> dict[str, Any]:
    """The request's JSON; the model that it names is the one served."""
    body = asking.parse_body(await request.body())
    name = asking.model_name(body)
    if not request.app.state.model.answers_to(name):
        raise UnknownModelError(f"model '{name}' not found")
    return body


def answer(http: HttpRequest, request: asking.Request, words: Wording) -> Response:
    state = http.app.state
    reply = Reply(request, words, state.model.window)
    if request.is_empty:
        return JSONResponse(reply.idle())
    pieces = reply.pieces(state.llama, state.slots)
    return Attended(pieces, whole=None if request.stream else reply.whole)


async def refuse(request: HttpRequest, problem: Exception) -> Response:
    """Any refusal, in Ollama's error shape."""
    if isinstance(problem, HTTPException):
        return error(
            problem.status_code, f"{problem.status_code} {problem.detail.lower()}: {request.url.path}"
        )
    if isinstance(problem, LlamaError):
        return error(problem.status, str(problem))
    return error(404 if isinstance(problem, UnknownModelError) else 400, str(problem))


def error(status: int, text: str) -> Response:
    return JSONResponse({"error": text}, status_code=status)


ROUTES = [
    Route("/", running),
    Route("/api/version", version),
    Route("/api/tags", tags),
    Route("/api/ps", ps),
    Route("/api/show", show, methods=["POST"]),
    Route("/api/chat", chat, methods=["POST"]),
    Route("/api/generate", generate, methods=["POST"]),
    *(Route(f"/api/{name}", not_here, methods=["POST", "DELETE"]) for name in NOT_HERE),
]


def listen(host: str, port: int) -> socket.socket:
    """The server's socket, so that a taken port is known before the model is loaded."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except (OSError, OverflowError) as problem:
        listener.close()
        reason = getattr(problem, "strerror", problem)
        raise ListenError(
            f"Cannot listen on {host}:{port}: {reason}. Choose another port with --port."
        ) from problem
    return listener


def count(text: str) -> int:
    """A command line's number of slots: at least one."""
    if (number := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{number} is too few: use at least 1")
    return number


def serve(listener: socket.socket, model: Model, *, slots: int) -> None:
    """Serve until SIGINT or SIGTERM, which end the process with status 0."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _leave)
    llama = Llama(model.path, slots=slots, window=model.window)
    app = build_app(model, llama, slots=slots)
    config = uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=1)
    print(f"{model.name} on http://{listener.getsockname()[0]}:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(config).run(sockets=[listener])


def _leave(number: int, frame: FrameType | None) -> None:
    raise SystemExit(0)
