"""The product itself under the process manager: worker, scheduler and web server, on top of the services."""

import json
import os
import socket
import urllib.request
from collections.abc import Mapping, MutableMapping

import psutil

from promptevolver.embedded.services import addresses, lease, programs, supervisor
from promptevolver.embedded.services.home import Home, ServiceError, locked

APP = ["worker", "beat", "web"]
Environ = MutableMapping[str, str]


def app(home: Home, environ: Mapping[str, str]) -> list[programs.Program]:
    """The worker, the scheduler and the web server; their arguments follow the environment of `up`."""
    celery = ["-m", "celery", "-A", "promptevolver"]
    threads = str(whole_number(environ, "WORKER_CONCURRENCY", 4, highest=1000))
    worker = [*celery, "worker", "--pool", "threads", "--concurrency", threads, "--loglevel", "INFO"]
    # Mingle and gossip are for workers that ask each other; ours ask the database.
    worker += ["--without-mingle", "--without-gossip"]
    beat = [*celery, "beat", "--pidfile", "", "--loglevel", "INFO"]
    web = [
        "-m",
        "daphne",
        "-b",
        host_of(environ),
        "-p",
        str(port_of(environ)),
        "promptevolver.asgi:application",
    ]
    commands = {"worker": worker, "beat": beat, "web": web}
    return [programs.Program(name, programs.launched(home, name, commands[name]), 900) for name in APP]


def host_of(environ: Mapping[str, str]) -> str:
    return environ.get("BIND") or "127.0.0.1"


def port_of(environ: Mapping[str, str]) -> int:
    return whole_number(environ, "PORT", 8000, highest=65535)


def whole_number(environ: Mapping[str, str], name: str, default: int, highest: int) -> int:
    text = environ.get(name) or str(default)
    if not (text.isdecimal() and 1 <= int(text) <= highest):
        raise ServiceError(f"{name} must be a number from 1 to {highest}, not {text!r}.")
    return int(text)


def check_port(environ: Environ) -> None:
    """ServiceError, with the way out, when the web server could not listen."""
    host, port = host_of(environ), port_of(environ)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind((host, port))
        except PermissionError as error:
            raise ServiceError(f"Port {port} needs special rights. {another_port(8000)}") from error
        except OSError as error:
            reason = f"Cannot listen on {host}, port {port}: {error.strerror or error}."
            raise ServiceError(f"{reason} {another_port(port + 1)}") from error


def another_port(port: int) -> str:
    return f"Choose another port: PORT={port} make run (or: ./manage.py up --port {port})."


def end_leftovers(home: Home) -> None:
    """Stop what an `up` that was killed left running."""
    with locked(home.root / "start.lock"):
        if not supervisor.alive(home):
            supervisor.end_strays(home)
        elif supervisor.running(home, APP):
            supervisor.remove(home, APP)


def start(home: Home, environ: Environ) -> None:
    """Start worker, scheduler and web server; returns when pages are served."""
    with locked(home.root / "start.lock"):
        wanted = app(home, environ)
        supervisor.ensure_alive(home)
        supervisor.forget(home, APP)
        supervisor.add(home, wanted)
        for program in wanted:
            supervisor.start(home, program.name, environ)
    supervisor.wait_until_answering(home, "web", lambda: healthy(base_url(environ)))


def stop(home: Home) -> None:
    """Stop them, the worker handing its sessions back first."""
    if supervisor.alive(home):
        supervisor.remove(home, APP)


def heal(home: Home, environ: Environ) -> list[str]:
    """Bring back what is gone: the manager itself, or programs that it gave up. Says what it did."""
    if not supervisor.alive(home):
        lease.ensure_running(home, environ)
        start(home, environ)
        return ["The process manager had stopped; everything was started again."]
    names = [*(service.name for service in addresses.needed(home, environ)), *APP]
    given_up = [name for name in names if supervisor.state_of(home, name) in {"FATAL", "EXITED", "STOPPED"}]
    for name in given_up:
        supervisor.start(home, name, environ)
    return [f"{name} keeps failing; trying again. The reason is in {home.log(name)}" for name in given_up]


def base_url(environ: Environ) -> str:
    host = host_of(environ)
    if host in {"0.0.0.0", "::", ""}:  # noqa: S104 (compared, not bound)
        host = "127.0.0.1"
    return f"http://{f'[{host}]' if ':' in host else host}:{port_of(environ)}"


def healthy(base: str, timeout: float = 5) -> bool:
    try:
        with urllib.request.urlopen(f"{base}/healthz", timeout=timeout) as reply:  # noqa: S310
            return bool(reply.status == 200)
    except (OSError, ValueError):
        return False


def remember(home: Home, environ: Environ, servers: list[str]) -> None:
    """Where this `up` serves the pages, its process, and the model servers that it asks, without passwords."""
    told = {"url": base_url(environ), "process": os.getpid(), "servers": ", ".join(servers)}
    (home.root / "up.json").write_text(json.dumps(told))


def last_servers(home: Home) -> str:
    return str(_remembered(home).get("servers", ""))


def served_url(home: Home) -> str:
    """Where the pages are served now; "" where no `up` runs."""
    return last_url(home) if psutil.pid_exists(last_process(home)) else ""


def last_url(home: Home) -> str:
    return str(_remembered(home).get("url", ""))


def last_process(home: Home) -> int:
    return int(_remembered(home).get("process", 0))


def _remembered(home: Home) -> dict[str, str | int]:
    try:
        known: dict[str, str | int] = json.loads((home.root / "up.json").read_text())
    except (OSError, ValueError):
        return {}
    return known
