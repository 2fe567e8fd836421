"""Services start for whoever needs them, are shared, recover from kills, and leave nothing behind."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import psutil
import psycopg
import pytest
from redis import Redis

import manage
from promptevolver import embedded, product
from promptevolver.embedded.services import addresses, postgres, supervisor
from promptevolver.embedded.services.home import CHECKOUT, Home, short

ELSEWHERE = "http://127.0.0.1:9"  # so that no model server is started here
HOLDER = """
import os, sys
from promptevolver import embedded
home = embedded.resolve(os.environ)
embedded.ensure_running(home, os.environ)
print("ready", flush=True)
sys.stdin.read()
embedded.release(home)
"""
Holder = subprocess.Popen[str]
Using = Callable[[], AbstractContextManager[None]]


@pytest.fixture(scope="module")
def root() -> Iterator[Path]:
    """A home of its own, on a path short enough for sockets."""
    path = Path(tempfile.mkdtemp(prefix="pe-", dir="/tmp"))
    yield path
    supervisor.end_strays(Home(path))
    shutil.rmtree(path)


@pytest.fixture
def environ(root: Path) -> dict[str, str]:
    names = {"DATABASE_URL", "REDIS_URL", "OLLAMA_HOST", "PORT", "BIND"}
    inherited = {name: value for name, value in os.environ.items() if name not in names}
    return {**inherited, "PROMPTEVOLVER_HOME": str(root), "OLLAMA_HOST": ELSEWHERE}


@pytest.fixture
def home(environ: dict[str, str]) -> Iterator[Home]:
    home = embedded.resolve(environ)
    yield home
    embedded.release(home)
    assert supervisor.ours(home) == []


@pytest.fixture
def using(home: Home, environ: dict[str, str]) -> Using:
    """`with using():` the services run, held by this process."""

    @contextlib.contextmanager
    def held() -> Iterator[None]:
        embedded.ensure_running(home, environ)
        yield
        embedded.release(home)

    return held


@contextlib.contextmanager
def another_process(environ: dict[str, str]) -> Iterator[Holder]:
    command = [sys.executable, "-c", HOLDER]
    with subprocess.Popen(
        command, env=environ, cwd=CHECKOUT, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as holder:
        yield holder


def wait_ready(holder: Holder) -> None:
    assert holder.stdout
    assert holder.stdout.readline() == "ready\n"


def manager_of(home: Home) -> psutil.Process:
    return psutil.Process(supervisor.call(home, "getPID"))


def process_of(home: Home, name: str) -> psutil.Process:
    return psutil.Process(supervisor.call(home, "getProcessInfo", name)["pid"])


def query(environ: dict[str, str], statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(environ["DATABASE_URL"], autocommit=True) as connection:
        cursor = connection.execute(statement)
        return cursor.fetchall() if cursor.description else []


def test_data_outlives_a_stop(using: Using, home: Home, environ: dict[str, str]) -> None:
    with using(), Redis.from_url(environ["REDIS_URL"]) as client:
        query(environ, "CREATE TABLE kept AS SELECT 42 AS answer")
        client.rpush("queue", "message")
    assert supervisor.ours(home) == []
    with using(), Redis.from_url(environ["REDIS_URL"]) as client:
        assert query(environ, "SELECT answer FROM kept") == [(42,)]
        assert client.lpop("queue") == b"message"


def test_two_that_start_at_once_share_and_the_last_one_stops(home: Home, environ: dict[str, str]) -> None:
    with another_process(environ) as first, another_process(environ) as second:
        wait_ready(first)
        wait_ready(second)
        first.communicate("", timeout=30)
        assert query(environ, "SELECT 1") == [(1,)]
        second.communicate("", timeout=30)
    assert supervisor.ours(home) == []


def test_a_killed_holder_does_not_keep_the_services(
    using: Using, home: Home, environ: dict[str, str]
) -> None:
    with another_process(environ) as holder:
        wait_ready(holder)
        holder.kill()
    assert supervisor.ours(home) != []
    with using():
        assert query(environ, "SELECT 1") == [(1,)]
    assert supervisor.ours(home) == []


def test_a_start_after_the_manager_was_killed_ends_what_it_left(
    using: Using, home: Home, environ: dict[str, str]
) -> None:
    with another_process(environ) as holder:
        wait_ready(holder)
        holder.kill()
    orphan = process_of(home, "postgres")
    manager_of(home).kill()
    with using():
        assert supervisor.gone(orphan)
        assert query(environ, "SELECT 1") == [(1,)]


@pytest.mark.parametrize("name", ["postgres", "valkey"])
def test_a_killed_service_comes_back(using: Using, home: Home, environ: dict[str, str], name: str) -> None:
    with using():
        process_of(home, name).kill()
        time.sleep(0.2)
        embedded.ensure_running(home, environ)
        assert query(environ, "SELECT 1") == [(1,)]
        with Redis.from_url(environ["REDIS_URL"]) as client:
            assert client.ping()


def test_a_service_that_cannot_start_names_its_log(home: Home, environ: dict[str, str]) -> None:
    settings = postgres.data(home) / "postgresql.conf"
    if not settings.exists():
        postgres.prepare(home)
    text = settings.read_text()
    settings.write_text(text + "nonsense = on\n")
    try:
        with pytest.raises(embedded.ServiceError, match=r"postgres did not start.*logs/postgres\.log"):
            embedded.ensure_running(home, environ)
    finally:
        settings.write_text(text)


def names(home: Home, environ: dict[str, str]) -> list[str]:
    return [service.name for service in addresses.needed(home, environ)]


def test_what_is_configured_is_not_started(home: Home, environ: dict[str, str]) -> None:
    assert names(home, environ) == ["postgres", "valkey"]
    assert names(home, {**environ, "DATABASE_URL": "postgresql://db.example/x"}) == ["valkey"]
    assert names(home, {**environ, "OLLAMA_HOST": ""}) == ["postgres", "valkey"]


def test_addresses_stay_the_same_until_a_port_is_taken(root: Path, environ: dict[str, str]) -> None:
    blank = {"PROMPTEVOLVER_HOME": str(root)}
    first, second, third = dict(blank), dict(blank), dict(blank)
    embedded.resolve(first, find_ollama=False)
    embedded.resolve(second, find_ollama=False)
    assert first == second
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", int(first["REDIS_URL"].split(":")[-1].split("/")[0])))
        squatter.listen()
        embedded.resolve(third, find_ollama=False)
    assert third["REDIS_URL"] != first["REDIS_URL"]
    assert third["DATABASE_URL"] == first["DATABASE_URL"]


def test_a_long_path_gets_a_short_one_for_its_sockets() -> None:
    assert short(Path("/home/me/run"), "s.sock") == Path("/home/me/run")
    assert str(short(Path("/home") / ("x" * 100), "s.sock")).startswith("/tmp/promptevolver-")


def test_a_taken_port_is_named_with_the_way_to_choose_another(environ: dict[str, str]) -> None:
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        port = squatter.getsockname()[1]
        with pytest.raises(embedded.ServiceError, match=f"port {port}.*PORT={port + 1} make run"):
            product.check_port({**environ, "PORT": str(port)})


@pytest.mark.parametrize(
    ("words", "needs"),
    [("", False), ("help", False), ("check --deploy", False), ("optimize --help", False), ("migrate", True)],
)
def test_only_commands_that_need_services_start_them(words: str, needs: bool) -> None:
    assert manage.needs_services(["manage.py", *words.split()]) is needs
