"""The embedded model server as a service. An Ollama that runs at its usual address is used instead."""

import json
import urllib.request

from .home import CHECKOUT, Home
from .programs import Program, launched
from .service import Service, State

USUAL_OLLAMA = "http://127.0.0.1:11434"


def address(home: Home, state: State) -> str:
    return str(state.get("ollama") or f"http://127.0.0.1:{state['model_port']}")


def program(home: Home, state: State) -> Program:
    serve = [str(CHECKOUT / "manage.py"), "serve_model", "--port", str(state["model_port"])]
    return Program("model", launched(home, "model", serve), 30)


def ollama_answers(url: str, timeout: float = 0.5) -> bool:
    """Whether a model server on this machine, which is reached without a proxy, says what it is."""
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with direct.open(f"{url}/api/version", timeout=timeout) as reply:
            return bool(json.load(reply)["version"])
    except (OSError, ValueError, LookupError, TypeError):
        return False


SERVICE = Service(
    "model", "OLLAMA_HOST", address, program, answers=lambda home, url: ollama_answers(url, timeout=5)
)
