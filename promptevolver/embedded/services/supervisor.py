"""The process manager (supervisord): starting it, talking to it, and leaving nothing behind."""

import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from http.client import HTTPException
from pathlib import Path
from typing import Any
from xmlrpc.client import Fault, ServerProxy

import psutil
from supervisor.xmlrpc import Faults, SupervisorTransport

from . import programs
from .addresses import accepts
from .home import CHECKOUT, OWNER, Home, ServiceError, write_private

STOP_SECONDS = 40
RUNNING = {"STARTING", "RUNNING"}

_launched: dict[Path, subprocess.Popen[bytes]] = {}


def call(home: Home, method: str, *arguments: Any) -> Any:
    """Ask the running manager; ServiceError when there is none."""
    transport = SupervisorTransport(serverurl=f"unix://{home.control_socket}")
    try:
        with ServerProxy("http://127.0.0.1", transport=transport) as proxy:
            return getattr(proxy.supervisor, method)(*arguments)
    except (OSError, HTTPException) as error:
        raise ServiceError(
            f"The process manager does not answer ({error}). See {home.log('supervisord')}"
        ) from error


def alive(home: Home) -> bool:
    if not accepts(home):
        return False
    with contextlib.suppress(ServiceError):
        return bool(call(home, "getState")["statename"] == "RUNNING")
    return False


def ensure_alive(home: Home) -> None:
    if not alive(home):
        launch(home)


def launch(home: Home) -> None:
    """Start the manager in a session of its own, so that Ctrl-C in this terminal does not reach it."""
    end_strays(home)
    collect(home)
    home.control_socket.unlink(missing_ok=True)
    configure(home, [])
    _launched[home.root] = spawn(home)
    trouble = f"The process manager did not start. See {complaints(home)}"
    wait_for(lambda: alive(home) or ended(home, trouble), 20, trouble)


def spawn(home: Home) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "supervisor.supervisord", "--nodaemon", "--silent"]
    command += ["--configuration", str(configuration_path(home))]
    environment = {**os.environ, OWNER: str(home.root)}
    with complaints(home).open("wb") as output:
        return subprocess.Popen(  # noqa: S603
            command,
            cwd=CHECKOUT,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def complaints(home: Home) -> Path:
    """Where the manager writes what goes wrong before it opens its log."""
    return home.logs / "supervisord.out"


def ended(home: Home, trouble: str) -> bool:
    if _launched[home.root].poll() is not None:
        raise ServiceError(trouble)
    return False


def collect(home: Home) -> None:
    """Let the manager's process entry go, if it was our child; init does so for others."""
    child = _launched.pop(home.root, None)
    if child is not None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            child.wait(timeout=10)


def configuration_path(home: Home) -> Path:
    return home.root / "supervisord.conf"


def configure(home: Home, wanted: list[programs.Program]) -> None:
    write_private(configuration_path(home), programs.configuration(home, wanted))


def add(home: Home, wanted: list[programs.Program]) -> None:
    """Make the running manager know these programs too; those it has stay as they are."""
    configure(home, wanted)
    call(home, "reloadConfig")
    for program in wanted:
        with contextlib.suppress(Fault):
            call(home, "addProcessGroup", program.name)


def remove(home: Home, names: list[str]) -> None:
    """Stop these programs, all at once, and forget them."""
    for name in names:
        with contextlib.suppress(Fault):
            call(home, "stopProcess", name, False)
    wait_for(lambda: not running(home, names), STOP_SECONDS, f"Could not stop {', '.join(names)}.")
    forget(home, names)


def forget(home: Home, names: list[str]) -> None:
    """Drop stopped programs from the manager, so that `add` takes their new configuration."""
    for name in names:
        with contextlib.suppress(Fault):
            call(home, "removeProcessGroup", name)


def running(home: Home, names: list[str]) -> list[str]:
    return [name for name in names if state_of(home, name) in RUNNING | {"STOPPING", "BACKOFF"}]


def state_of(home: Home, name: str) -> str:
    try:
        return str(call(home, "getProcessInfo", name)["statename"])
    except Fault as fault:
        if fault.faultCode != Faults.BAD_NAME:
            raise
        return "ABSENT"


def start(home: Home, name: str, environ: Mapping[str, str]) -> None:
    """Start a program unless it runs."""
    if state_of(home, name) in RUNNING:
        return
    programs.remember(home, name, environ)
    with contextlib.suppress(Fault):  # ALREADY_STARTED: it came back by itself; else `wait_for` tells
        call(home, "startProcess", name, False)


def wait_until_answering(home: Home, name: str, answers: Callable[[], bool], seconds: float = 60) -> None:
    """Wait until a program answers; if it does not, say which file tells why."""
    trouble = f"{name} did not start. The reason is in {home.log(name)}"

    def ready() -> bool:
        if state_of(home, name) == "FATAL":
            raise ServiceError(trouble)
        return answers()

    wait_for(ready, seconds, trouble)


def wait_for(ready: Callable[[], bool], seconds: float, trouble: str) -> None:
    deadline = time.monotonic() + seconds
    while not ready():
        if time.monotonic() > deadline:
            raise ServiceError(trouble)
        time.sleep(0.05)


def shut_down(home: Home) -> None:
    """End the manager and all that it started, and wait until they are gone."""
    family = ours(home)
    with contextlib.suppress(ServiceError, Fault):
        call(home, "shutdown")
        wait_gone(family, STOP_SECONDS)
    end_strays(home)
    collect(home)


def end_strays(home: Home) -> None:
    """End what a killed manager left running."""
    for signal in (psutil.Process.terminate, psutil.Process.kill):
        family = ours(home)
        for process in family:
            with contextlib.suppress(psutil.Error):
                signal(process)
        wait_gone(family, 10)


def ours(home: Home) -> list[psutil.Process]:
    """The processes that carry this home's mark, and their children."""
    found = {process for process in psutil.process_iter() if carries_mark(process, home)}
    for process in list(found):
        with contextlib.suppress(psutil.Error):
            found.update(process.children(recursive=True))
    return [process for process in found if not gone(process) and process.pid != os.getpid()]


def carries_mark(process: psutil.Process, home: Home) -> bool:
    try:
        return bool(process.environ().get(OWNER) == str(home.root))
    except (psutil.Error, OSError):
        return False


def wait_gone(family: list[psutil.Process], seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not all(gone(process) for process in family) and time.monotonic() < deadline:
        time.sleep(0.05)


def gone(process: psutil.Process) -> bool:
    """Ended; a zombie that its parent has not collected yet counts as ended."""
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.Error:
        return True
