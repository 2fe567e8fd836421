"""Peers run in an environment and a process of their own."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import asdict
from pathlib import Path

from tests.bench.method.jobs import Job
from tests.bench.method.runs import Line

CHECKOUT = Path(__file__).parents[3]
PYTHON = CHECKOUT / ".venv-bench" / "bin" / "python"
REQUIREMENTS = Path(__file__).parent / "requirements.txt"
OFFLINE = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "HF_HUB_OFFLINE": "1"}  # dspy would fetch lists
PACKAGES = {
    "gepa": "gepa",
    "gepa-reasoning": "gepa",
    "miprov2": "dspy",
    "cot-bootstrap": "dspy",
    "knn-few-shot": "dspy",
}
WITHOUT_SEARCH = ("knn-few-shot",)  # spends nothing before it answers


class PeerFailedError(Exception):
    """The run of a peer ended with an error. Says which."""


def _pinned() -> dict[str, str]:
    pins = [line.split()[0] for line in REQUIREMENTS.read_text().splitlines() if not line.startswith("#")]
    return dict(pin.split("==") for pin in pins)


PEERS = {method: f"{package} {_pinned()[package]}" for method, package in PACKAGES.items()}


def run(job: Job) -> Line:
    """The line of a peer's run. Its output is shown only where it fails."""
    with tempfile.NamedTemporaryFile(suffix=".json") as file:
        command = [str(PYTHON), "-m", "tests.bench.method.peers", json.dumps(asdict(job)), file.name]
        done = subprocess.run(command, cwd=CHECKOUT, env=os.environ | OFFLINE, capture_output=True, text=True)
        if done.returncode:
            raise PeerFailedError(f"{job.method} on {job.task} failed:\n{done.stderr[-4000:]}")
        line: Line = json.loads(Path(file.name).read_text())
        return line
