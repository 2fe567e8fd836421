"""Fills in DATABASE_URL, REDIS_URL and OLLAMA_HOST where nobody configured them; starts nothing."""

import json
import socket
from collections.abc import Mapping, MutableMapping

from . import model, postgres, valkey
from .home import Home, home_of, locked, write_private
from .model import USUAL_OLLAMA, ollama_answers
from .service import Service, State

SERVICES = (postgres.SERVICE, valkey.SERVICE, model.SERVICE)


def resolve(environ: MutableMapping[str, str], *, find_ollama: bool = True) -> Home:
    """Complete the three addresses in `environ` and return the home that they belong to."""
    home = home_of(environ)
    home.make()
    with locked(home.root / "addresses.lock"):
        state = settle(home, find_ollama=find_ollama and not environ.get("OLLAMA_HOST"))
    for name, address in embedded(home, state).items():
        environ[name] = environ.get(name) or address
    environ["PROMPTEVOLVER_EMBEDDED"] = ",".join(service.name for service in needed(home, environ))
    return home


def needed(home: Home, environ: Mapping[str, str]) -> list[Service]:
    """The servers of ours that these addresses name."""
    ours = embedded(home, read_state(home))
    return [
        service
        for service in SERVICES
        if environ.get(service.variable) == ours[service.variable] != USUAL_OLLAMA
    ]


def embedded(home: Home, state: State) -> dict[str, str]:
    """Each server's address, by its variable."""
    return {service.variable: service.address(home, state) for service in SERVICES}


def settle(home: Home, *, find_ollama: bool) -> State:
    """The remembered ports; while nothing of ours runs, ports in use are replaced."""
    state = read_state(home)
    if state and accepts(home):
        return state
    for name in ("valkey_port", "model_port"):
        state[name] = free_port(int(state.get(name, 0)))
    state["ollama"] = USUAL_OLLAMA if find_ollama and ollama_answers(USUAL_OLLAMA) else ""
    write_private(home.root / "services.json", json.dumps(state))
    return state


def read_state(home: Home) -> State:
    try:
        state: State = json.loads((home.root / "services.json").read_text())
    except (OSError, ValueError):
        return {}
    return state


def accepts(home: Home) -> bool:
    """Whether our process manager listens."""
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(home.control_socket)) == 0


def free_port(wanted: int) -> int:
    """`wanted` if it is free on loopback, else another."""
    with socket.socket() as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            server.bind(("127.0.0.1", wanted))
        except OSError:
            return free_port(0)
        return int(server.getsockname()[1])
