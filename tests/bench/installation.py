"""An installation for measuring: the tests' own services, a database made for the run, a queue that nobody works on."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from typing import IO

import httpx
import psycopg
from psycopg import sql

from promptevolver.embedded import ensure_running, release
from promptevolver.embedded.services import postgres
from promptevolver.embedded.services.home import CHECKOUT
from tests import running

DATABASE = "bench_promptevolver"
QUEUE = 9  # one of the broker's numbered databases; the product uses 0
NO_MODEL = "http://127.0.0.1:9"  # nothing here asks a model
START = 30.0  # seconds that the web server may take


@contextlib.contextmanager
def installation() -> Iterator[None]:
    """Django is set up and its database migrated inside; nothing stays behind."""
    os.environ |= {"OLLAMA_HOST": NO_MODEL, "DJANGO_SETTINGS_MODULE": "tests.bench.settings"}
    ensure_running(running.HOME, os.environ)
    try:
        os.environ["DATABASE_URL"] = postgres.url(running.HOME, DATABASE)
        os.environ["REDIS_URL"] = f"{os.environ['REDIS_URL'].rpartition('/')[0]}/{QUEUE}"
        with _database(), _django(), _queue():
            yield
    finally:
        release(running.HOME)


@contextlib.contextmanager
def _database() -> Iterator[None]:
    _drop()
    _administer("CREATE DATABASE {}")
    try:
        yield
    finally:
        _drop()


def _drop() -> None:
    _administer("DROP DATABASE IF EXISTS {} WITH (FORCE)")


def _administer(statement: str) -> None:
    with psycopg.connect(postgres.url(running.HOME, "postgres"), autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(sql.Identifier(DATABASE)))


@contextlib.contextmanager
def _django() -> Iterator[None]:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection

    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    try:
        yield
    finally:
        connection.close()
        connection.close_pool()  # type: ignore[attr-defined]


@contextlib.contextmanager
def _queue() -> Iterator[None]:
    from redis import Redis

    with Redis.from_url(os.environ["REDIS_URL"]) as queue:
        queue.flushdb()
        try:
            yield
        finally:
            queue.flushdb()


@contextlib.contextmanager
def web_server() -> Iterator[str]:
    """The address of a Daphne process, as `manage.py up` starts it."""
    port = _free_port()
    base = f"http://127.0.0.1:{port}"
    command = [
        sys.executable,
        "-m",
        "daphne",
        "-b",
        "127.0.0.1",
        "-p",
        str(port),
        "promptevolver.asgi:application",
    ]
    with running.HOME.log("bench-web").open("w") as log:
        server = subprocess.Popen(command, stdout=log, stderr=log, cwd=CHECKOUT)
        try:
            _wait(server, base, log)
            yield base
        finally:
            server.terminate()
            server.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait(server: subprocess.Popen[bytes], base: str, log: IO[str]) -> None:
    end = time.monotonic() + START
    while time.monotonic() < end and server.poll() is None:
        with contextlib.suppress(httpx.TransportError):
            httpx.get(f"{base}/baseline/")
            return
        time.sleep(0.1)
    raise RuntimeError(f"The web server does not answer. Its log is {log.name}.")


def versions() -> dict[str, str]:
    """The versions of what is measured."""
    from django.db import connection
    from redis import Redis

    with connection.cursor() as cursor:
        cursor.execute("SHOW server_version")
        database = cursor.fetchone()[0]
    with Redis.from_url(os.environ["REDIS_URL"]) as queue:
        broker = queue.info("server")
    packages = {name.capitalize(): version(name) for name in ("django", "daphne", "channels")}
    return packages | {
        "PostgreSQL": database,
        "Valkey": broker.get("valkey_version", broker["redis_version"]),
    }
