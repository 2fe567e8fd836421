"""What the process manager can run, and its configuration file."""

import json
import os
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .home import CHECKOUT, OWNER, Home, write_private

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


def launched(home: Home, name: str, arguments: list[str]) -> list[str]:
    """Run Python with the environment that `remember` stored, not that of whoever started the manager."""
    launcher = str(Path(__file__).with_name("launch.py"))
    return [sys.executable, launcher, str(environment_file(home, name)), sys.executable, *arguments]


def environment_file(home: Home, name: str) -> Path:
    return home.root / f"{name}.env.json"


def remember(home: Home, name: str, environ: Mapping[str, str]) -> None:
    variables = {**environ, "PYTHONUNBUFFERED": "1", OWNER: str(home.root)}
    write_private(environment_file(home, name), json.dumps(variables))


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
