"""Fills in DATABASE_URL, REDIS_URL and OLLAMA_HOST where nobody configured them; starts nothing."""

import json
import socket
import urllib.request
from collections.abc import Mapping, MutableMapping

from . import postgres, valkey
from .home import Home, home_of, locked

USUAL_OLLAMA = "http://127.0.0.1:11434"
State = dict[str, str | int]


def resolve(environ: MutableMapping[str, str], *, find_ollama: bool = True) -> Home:
    """Complete the three addresses in `environ` and return the home that they belong to."""
    home = home_of(environ)
    home.make()
    with locked(home.root / "addresses.lock"):
        state = settle(home, find_ollama=find_ollama and not environ.get("OLLAMA_HOST"))
    for name, address in embedded(home, state).items():
        environ[name] = environ.get(name) or address
    environ["PROMPTEVOLVER_EMBEDDED"] = ",".join(needed(home, environ))
    return home


def needed(home: Home, environ: Mapping[str, str]) -> list[str]:
    """The programs of ours that these addresses name."""
    ours = embedded(home, read_state(home))
    parts = {"postgres": "DATABASE_URL", "valkey": "REDIS_URL", "model": "OLLAMA_HOST"}
    return [
        part for part, name in parts.items() if environ.get(name) == ours[name] and ours[name] != USUAL_OLLAMA
    ]


def embedded(home: Home, state: State) -> dict[str, str]:
    model = f"http://127.0.0.1:{state['model_port']}"
    return {
        "DATABASE_URL": postgres.url(home),
        "REDIS_URL": valkey.url(home, int(state["valkey_port"])),
        "OLLAMA_HOST": str(state.get("ollama") or model),
    }


def settle(home: Home, *, find_ollama: bool) -> State:
    """The remembered ports; while nothing of ours runs, taken ones are replaced."""
    state = read_state(home)
    if state and accepts(home):
        return state
    for name in ("valkey_port", "model_port"):
        state[name] = free_port(int(state.get(name, 0)))
    state["ollama"] = USUAL_OLLAMA if find_ollama and ollama_answers(USUAL_OLLAMA) else ""
    valkey.write_private(home.root / "services.json", json.dumps(state))
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


def ollama_answers(url: str, timeout: float = 0.5) -> bool:
    """Whether a model server on this machine, which is reached without a proxy, says what it is."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{url}/api/version", timeout=timeout) as reply:
            return bool(json.load(reply)["version"])
    except (OSError, ValueError, LookupError, TypeError):
        return False
