"""Who needs the services: each such process holds a shared lock, and the last to leave stops them."""

import fcntl
import os
from collections.abc import MutableMapping
from functools import partial
from pathlib import Path

from . import addresses, supervisor
from .home import Home, ServiceError, locked, open_lock

_held: dict[Path, int] = {}  # one lock file handle for each home that this process uses


def ensure_running(home: Home, environ: MutableMapping[str, str]) -> None:
    """Start what `environ` needs of ours, or join what runs; returns when all of it answers."""
    hold(home)
    try:
        with locked(home.root / "start.lock"):
            start(home, environ)
    except BaseException:
        release(home)
        raise


def start(home: Home, environ: MutableMapping[str, str]) -> None:
    services = addresses.needed(home, environ)
    if not services:
        return
    supervisor.ensure_alive(home)
    state = addresses.read_state(home)
    supervisor.add(home, [service.program(home, state) for service in services])
    for service in services:
        supervisor.start(home, service.name, environ)
    for service in services:
        address = environ[service.variable]
        supervisor.wait_until_answering(home, service.name, partial(service.answers, home, address))


def hold(home: Home) -> None:
    """Take a share of the lease; waits while the last holder is still stopping things."""
    if home.root not in _held:
        handle = open_lock(home.root / "lease")
        fcntl.flock(handle, fcntl.LOCK_SH)
        _held[home.root] = handle


def release(home: Home) -> None:
    """Give the share back; whoever is the last stops the services."""
    handle = _held.pop(home.root, None)
    if handle is None:
        return
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        supervisor.shut_down(home)
    except BlockingIOError:
        pass  # others still work here
    finally:
        os.close(handle)


__all__ = ["ServiceError", "ensure_running", "hold", "release"]
