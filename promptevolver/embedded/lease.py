"""Who needs the services: each such process holds a shared lock, and the last to leave stops them."""

import fcntl
import os
from collections.abc import Callable, MutableMapping
from pathlib import Path

from . import addresses, postgres, programs, supervisor, valkey
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
    names = addresses.needed(home, environ)
    if not names:
        return
    supervisor.ensure_alive(home)
    state = addresses.read_state(home)
    supervisor.add(home, [programs.service(home, name, state) for name in names])
    for name in names:
        supervisor.start(home, name, environ)
    for name in names:
        supervisor.wait_until_answering(home, name, probe(home, name, environ))


def probe(home: Home, name: str, environ: MutableMapping[str, str]) -> Callable[[], bool]:
    return {
        "postgres": lambda: postgres.answers(home),
        "valkey": lambda: valkey.answers(environ["REDIS_URL"]),
        "model": lambda: addresses.ollama_answers(environ["OLLAMA_HOST"], timeout=5),
    }[name]


def hold(home: Home) -> None:
    """Take a share of the lease; waits while the last holder is just stopping things."""
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
