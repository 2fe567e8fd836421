"""What the process manager can run, and its configuration file."""

import json
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from . import postgres, valkey
from .home import CHECKOUT, OWNER, Home, ServiceError

APP = ["worker", "beat", "web"]

MANAGER = """\
[supervisord]
logfile={logs}/supervisord.log
logfile_maxbytes=5MB
logfile_backups=2
pidfile={root}/supervisord.pid
childlogdir={logs}
umask=077
{user}
[unix_http_server]
file={socket}
chmod=0600

[rpcinterface:supervisor]
supervisor.rpcinterface_factory=supervisor.rpcinterface:make_main_rpcinterface
"""

PROGRAM = """
[program:{name}]
command={command}
directory={directory}
autostart=false
autorestart=true
startretries=4
stopsignal={stop_signal}
stopwaitsecs={stop_seconds}
killasgroup=true
redirect_stderr=true
stdout_logfile={log}
stdout_logfile_maxbytes=5MB
stdout_logfile_backups=2
priority={priority}
"""


@dataclass(frozen=True)
class Program:
    """One process that is kept running."""

    name: str
    command: list[str]
    priority: int
    directory: Path = field(default=CHECKOUT)
    stop_signal: str = "TERM"
    stop_seconds: int = 10
    user: str | None = None


def service(home: Home, name: str, state: Mapping[str, str | int]) -> Program:
    """One of the embedded servers, its files made ready."""
    if name == "postgres":
        return database(home)
    if name == "valkey":
        valkey.prepare(home, int(state["valkey_port"]))
        return Program(name, valkey.command(home), 20)
    serve = [str(CHECKOUT / "manage.py"), "serve_model", "--port", str(state["model_port"])]
    return Program(name, launched(home, name, serve), 30)


def database(home: Home) -> Program:
    postgres.prepare(home)
    return Program(
        "postgres",
        postgres.command(home),
        10,
        directory=postgres.folder(home),
        stop_signal="INT",  # fast shutdown; TERM would wait for every client to leave
        stop_seconds=20,
        user=postgres.system_user(home),
    )


def app(home: Home, environ: Mapping[str, str]) -> list[Program]:
    """The worker, the scheduler and the web server; their arguments follow the environment of `up`."""
    celery = ["-m", "celery", "-A", "promptevolver"]
    threads = str(whole_number(environ, "WORKER_CONCURRENCY", 4, highest=1000))
    worker = [*celery, "worker", "--pool", "threads", "--concurrency", threads, "--loglevel", "INFO"]
    # Mingle and gossip are for workers that ask each other; ours ask the database.
    worker += ["--without-mingle", "--without-gossip"]
    beat = [*celery, "beat", "--pidfile", "", "--loglevel", "INFO"]
    web = ["-m", "daphne", "-b", host(environ), "-p", str(port(environ)), "promptevolver.asgi:application"]
    commands = {"worker": worker, "beat": beat, "web": web}
    return [Program(name, launched(home, name, commands[name]), 900) for name in APP]


def host(environ: Mapping[str, str]) -> str:
    return environ.get("BIND") or "127.0.0.1"


def port(environ: Mapping[str, str]) -> int:
    return whole_number(environ, "PORT", 8000, highest=65535)


def whole_number(environ: Mapping[str, str], name: str, default: int, highest: int) -> int:
    text = environ.get(name) or str(default)
    if not (text.isdecimal() and 1 <= int(text) <= highest):
        raise ServiceError(f"{name} must be a number from 1 to {highest}, not {text!r}.")
    return int(text)


def launched(home: Home, name: str, arguments: list[str]) -> list[str]:
    """Run Python with the environment that `remember` stored, not that of whoever started the manager."""
    launcher = str(Path(__file__).with_name("launch.py"))
    return [sys.executable, launcher, str(environment_file(home, name)), sys.executable, *arguments]


def environment_file(home: Home, name: str) -> Path:
    return home.root / f"{name}.env.json"


def remember(home: Home, name: str, environ: Mapping[str, str]) -> None:
    variables = {**environ, "PYTHONUNBUFFERED": "1", OWNER: str(home.root)}
    valkey.write_private(environment_file(home, name), json.dumps(variables))


def configuration(home: Home, programs: list[Program]) -> str:
    user = "user=root\n" if os.geteuid() == 0 else ""
    manager = MANAGER.format(
        logs=quoted(home.logs), root=quoted(home.root), socket=quoted(home.control_socket), user=user
    )
    return manager + "".join(section(home, program) for program in programs)


def section(home: Home, program: Program) -> str:
    text = PROGRAM.format(
        name=program.name,
        command=quoted(shlex.join(program.command)),
        directory=quoted(program.directory),
        stop_signal=program.stop_signal,
        stop_seconds=program.stop_seconds,
        log=quoted(home.log(program.name)),
        priority=program.priority,
    )
    return text + (f"user={program.user}\n" if program.user else "")


def quoted(value: str | Path) -> str:
    """The manager expands %(…)s in its file."""
    return str(value).replace("%", "%%")
