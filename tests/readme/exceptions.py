"""The parts of the pages that cannot be run as written, and why. Everything else is run."""

from __future__ import annotations

# Commands that begin so are not run.
NOT_RUN = {
    "make test": "these are the tests",
    "make check": "runs the tests and linters, or is this check itself",
    "make bench": "measures for minutes to hours",
    "ollama ": "needs Ollama itself, with a model of some gigabytes",
    "sudo ": "changes the machine",
    "journalctl ": "needs the unit to run",
}
# Files that are not saved: they name servers that are not here. `.env` would be read by all commands.
NOT_SAVED = {".env", "promptevolver.service"}
# Commands that run until they are stopped, and what they print, or where they answer, once they are ready.
SERVERS = {
    "make run": r"ready: (http\S+)",
    "PORT=8001 make run": r"ready: (http\S+)",
    "./manage.py serve_model": "http://127.0.0.1:11434/api/version",
    ".venv/bin/daphne ": "http://127.0.0.1:8000/healthz",
    ".venv/bin/celery -A promptevolver worker": r"celery@\S+ ready",
    ".venv/bin/celery -A promptevolver beat": r"beat: Starting",
}
# These read no `.env`; they get the environment that the running product has.
CONFIGURED = (".venv/bin/daphne ", ".venv/bin/celery ", ".venv/bin/python ask.py")
# Ollama's usual address and one of its models stand for the running server and its model.
OLLAMA, MODEL = "http://localhost:11434", "llama3.2:3b"


def starts(command: str, beginnings: dict[str, str]) -> str:
    """The longest of the beginnings that the command has, or ""."""
    return max((start for start in beginnings if command.startswith(start)), key=len, default="")
