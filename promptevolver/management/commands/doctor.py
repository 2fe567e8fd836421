"""`manage.py doctor`: looks at each part and says what to do. Starts nothing, changes nothing."""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import psycopg
from celery.exceptions import CeleryError
from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor
from kombu.exceptions import OperationalError
from redis import Redis
from redis.exceptions import RedisError

from optimizer.llm.address import Address
from optimizer.llm.base import CallFailedError, UnavailableError
from optimizer.llm.facts import ModelFacts, offered
from optimizer.llm.ollama import OllamaHost
from optimizer.llm.versions import numbers
from promptevolver import product
from promptevolver.celery import app
from promptevolver.embedded.services import addresses
from promptevolver.embedded.services.home import home_of
from promptevolver.embedded.services.model import USUAL_OLLAMA
from promptevolver.public import public_url

START = "make run"
WEB = f"{START} (or: .venv/bin/daphne -p 8000 promptevolver.asgi:application), and check the proxy"
OLDEST_POSTGRESQL = 14
SAFE_OLLAMA = (0, 17, 1)  # older ones have CVE-2026-7482
GIGABYTE = 10**9


class TroubleError(Exception):
    """What is wrong, and how to put it right."""

    def __init__(self, what: str, fix: str) -> None:
        super().__init__(f"{what}. Fix: {fix}")


@dataclass(frozen=True)
class Finding:
    part: str
    ok: bool
    detail: str

    def __str__(self) -> str:
        return f"{'ok' if self.ok else 'FAIL':5} {self.part:11} {self.detail}"


class Command(BaseCommand):
    help = "Check each part of this installation and print the exact fix."
    requires_system_checks = []

    def handle(self, *args: Any, **options: Any) -> None:
        findings = []
        for finding in examine():
            findings.append(finding)
            self.stdout.write(str(finding))
        if not all(finding.ok for finding in findings):
            sys.exit(1)


def examine() -> Iterator[Finding]:
    yield finding_of("Python", python)
    yield finding_of("Disk", disk)
    yield finding_of("PostgreSQL", database)
    yield finding_of("Migrations", migrations)
    yield finding_of("Valkey", valkey)
    for host in settings.OLLAMA_HOSTS:
        yield finding_of("Ollama", partial(ollama, host))
    yield finding_of("Worker", worker)
    yield finding_of("Web", web)
    yield finding_of("Chromium", chromium)


def finding_of(part: str, check: Callable[[], str]) -> Finding:
    try:
        return Finding(part, True, check())
    except TroubleError as trouble:
        return Finding(part, False, str(trouble))


def python() -> str:
    version = ".".join(map(str, sys.version_info[:3]))
    if sys.version_info < (3, 11):  # noqa: UP036 (someone may run it outside .venv)
        raise TroubleError(f"{version} is too old", "make clean setup PYTHON=/path/to/python3.11")
    return version


def disk() -> str:
    home = home_of(os.environ).root
    free = shutil.disk_usage(home).free
    if free < GIGABYTE:
        raise TroubleError(f"only {free / GIGABYTE:.1f} GB are free at {home}", f"make room, or move {home}")
    return f"{free / GIGABYTE:.0f} GB free at {home}"


def database() -> str:
    try:
        with connect() as link:
            version = link.info.server_version
    except psycopg.OperationalError as error:
        raise TroubleError(f"no answer ({first_line(error)})", fix_of("DATABASE_URL")) from error
    said = f"{version // 10000}.{version % 10000}, {origin('DATABASE_URL')}"
    if version // 10000 < OLDEST_POSTGRESQL:
        raise TroubleError(f"{said}, is too old", f"use PostgreSQL {OLDEST_POSTGRESQL} or newer")
    return said


def connect() -> psycopg.Connection:
    """One connection past Django's pool, which would try for half a minute."""
    return psycopg.connect(**connection.get_connection_params() | {"connect_timeout": 3})


def migrations() -> str:
    try:
        connect().close()
        executor = MigrationExecutor(connection)
        missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    except (psycopg.OperationalError, DatabaseError) as error:
        raise TroubleError("cannot tell: PostgreSQL does not answer", fix_of("DATABASE_URL")) from error
    finally:
        connection.close()
    if missing:
        raise TroubleError(f"{len(missing)} are not applied", "./manage.py migrate")
    return "all applied"


def valkey() -> str:
    client = Redis.from_url(settings.REDIS_URL, socket_connect_timeout=3, socket_timeout=3)
    try:
        facts = client.info("server")
    except RedisError as error:
        raise TroubleError(f"no answer ({first_line(error)})", fix_of("REDIS_URL")) from error
    finally:
        client.close()
    return f"{facts.get('valkey_version') or facts['redis_version']}, {origin('REDIS_URL')}"


def worker() -> str:
    try:
        answers = app.control.inspect(timeout=2).ping() or {}
    except (CeleryError, OperationalError, RedisError, OSError) as error:
        raise TroubleError("cannot tell: the queue does not answer", fix_of("REDIS_URL")) from error
    if not answers:
        raise TroubleError(
            "no worker answers",
            f"{START} (or: .venv/bin/celery -A promptevolver worker --pool threads --concurrency 4)",
        )
    return ", ".join(sorted(answers))


def web() -> str:
    public = public_url()
    local = [product.base_url(os.environ), product.last_url(home_of(os.environ))]
    answering = next((address for address in [public, *local] if address and healthy(address)), "")
    if not answering:
        raise TroubleError(f"no healthy answer at {public or local[0]}/healthz", WEB if public else START)
    if public and answering != public:
        return f"{answering}; this machine cannot reach it at {public}"
    return answering + (other_servers() if answering in local else "")


def other_servers() -> str:
    """A note that the pages served here ask other model servers than the ones that were checked."""
    asked, looked_at = product.last_servers(home_of(os.environ)), ", ".join(map(str, settings.OLLAMA_HOSTS))
    if not asked or asked == looked_at:
        return ""
    return f"; it asks other model servers: set OLLAMA_HOST to {asked} to check those"


def healthy(address: str) -> bool:
    return product.healthy(address, timeout=3)


def ollama(address: Address) -> str:
    try:
        version, models = asyncio.run(told_by(address))
    except UnavailableError as fault:
        raise TroubleError(str(fault).removesuffix("."), fix_of("OLLAMA_HOST")) from fault
    except CallFailedError as fault:
        raise TroubleError(str(fault).removesuffix("."), "correct OLLAMA_HOST") from fault
    if numbers(version) < SAFE_OLLAMA:
        raise TroubleError(
            f"{version} at {address} has known holes (CVE-2026-7482)", "install Ollama 0.17.1 or newer"
        )
    if not offered(models):
        only = f"only embedding models ({', '.join(models)})" if models else "no model"
        raise TroubleError(f"{address} has {only}", "ollama pull llama3.2")
    return ". ".join([f"{version} at {address}: {', '.join(models)}", *remarks(models)])


async def told_by(address: Address) -> tuple[str, dict[str, ModelFacts]]:
    """The server's version, and its models."""
    host = OllamaHost(address, timeout=10)
    try:
        return await host.version(), await host.models()
    finally:
        await host.close()


def remarks(models: dict[str, ModelFacts]) -> Iterator[str]:
    """What to know about some of the models before they are used."""
    for facts in models.values():
        if not facts.completes:
            yield f"{facts.name} only makes embeddings"
        if facts.remote:
            yield f"{facts.name} runs at {facts.remote}"
        if lost := facts.roles.caution(facts.name):
            yield lost.removesuffix(".")


def chromium() -> str:
    """Only the browser tests need it."""
    found = shutil.which(os.environ.get("CHROMIUM") or "chromium")
    return found or "not installed; only the browser tests need it (apt-get install chromium)"


def origin(variable: str) -> str:
    return "embedded" if is_embedded(variable) else f"by {variable}"


def is_embedded(variable: str) -> bool:
    home = home_of(os.environ)
    ours = addresses.embedded(home, addresses.read_state(home))
    return os.environ.get(variable) == ours[variable] != USUAL_OLLAMA


def fix_of(variable: str) -> str:
    return START if is_embedded(variable) else f"start that server, or correct {variable}"


def first_line(error: Exception) -> str:
    return str(error).strip().split("\n")[0].removesuffix(".") or type(error).__name__
