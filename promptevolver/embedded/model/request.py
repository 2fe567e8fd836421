"""What a request to /api/chat or /api/generate asks for, checked."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

NUMBERS = (int, float)
SAMPLING: dict[str, tuple[str, type | tuple[type, ...]]] = {
    "temperature": ("temperature", NUMBERS),
    "top_p": ("top_p", NUMBERS),
    "top_k": ("top_k", int),
    "min_p": ("min_p", NUMBERS),
    "typical_p": ("typical_p", NUMBERS),
    "seed": ("seed", int),
    "repeat_last_n": ("repeat_last_n", int),
    "repeat_penalty": ("repeat_penalty", NUMBERS),
    "presence_penalty": ("presence_penalty", NUMBERS),
    "frequency_penalty": ("frequency_penalty", NUMBERS),
    "num_keep": ("n_keep", int),
    "stop": ("stop", list),
}
# Ollama's own defaults, where llama.cpp has others.
OLLAMA_DEFAULTS: dict[str, Any] = {"temperature": 0.8, "top_k": 40, "top_p": 0.9, "min_p": 0.0, "n_keep": 4}
UNSUPPORTED = {
    "tools": "tools",
    "think": "thinking",
    "images": "images",
    "suffix": "insert",
    "logprobs": "logprobs",
    "raw": "raw prompts",
}
# Spaces as json.dumps writes them, because a small model left free may write them forever. Parts of JSON Schema that
# the grammar does not know are ignored, as in Ollama.
GUIDANCE = {"whitespace_flexible": False, "item_separator": ", ", "key_separator": ": ", "lenient": True}
TYPE_NAMES = {
    str: "string",
    bool: "boolean",
    int: "integer",
    NUMBERS: "number",
    list: "array",
    dict: "object",
}


class RequestError(Exception):
    """The request cannot be served; the text says what is wrong with it."""


@dataclass(frozen=True)
class Request:
    """One checked request, in llama.cpp's terms where it has them."""

    model: str
    messages: list[dict[str, str]]
    stream: bool
    truncate: bool
    shift: bool
    num_ctx: int | None
    num_predict: int
    sampling: dict[str, Any]

    @property
    def is_empty(self) -> bool:
        """Nothing to answer: the client only wants the model loaded."""
        return not self.messages


def parse_body(raw: bytes) -> dict[str, Any]:
    """The JSON object in a request's body."""
    if not raw.strip():
        raise RequestError("missing request body")
    try:
        body = _without_surrogates(json.loads(raw))
    except (ValueError, RecursionError) as error:
        raise RequestError(f"invalid JSON in the request body: {error}") from error
    if not isinstance(body, dict):
        raise RequestError("the request body must be a JSON object")
    return body


def model_name(body: dict[str, Any]) -> str:
    """The model that the request names, by either of the two keys Ollama knows."""
    name: str = field(body, "model", str, "") or field(body, "name", str, "")
    if not name:
        raise RequestError("model is required")
    return name


def chat_request(body: dict[str, Any]) -> Request:
    """What a body sent to /api/chat asks for."""
    messages = [_message(item) for item in field(body, "messages", list, [])]
    return _request(body, messages)


def generate_request(body: dict[str, Any]) -> Request:
    """What a body sent to /api/generate asks for."""
    prompt: str = field(body, "prompt", str, "")
    system: str = field(body, "system", str, "")
    messages = [{"role": "system", "content": system}] if system and prompt else []
    messages += [{"role": "user", "content": prompt}] if prompt else []
    return _request(body, messages)


def field(body: dict[str, Any], name: str, kind: type | tuple[type, ...], default: Any) -> Any:
    """The value of a key, of the right type; absent and null are the default."""
    value = body.get(name)
    if value is None:
        return default
    if (isinstance(value, bool) and kind is not bool) or not isinstance(value, kind):
        raise RequestError(f"{name!r} must be of type {TYPE_NAMES[kind]}")
    return value


def _request(body: dict[str, Any], messages: list[dict[str, str]]) -> Request:
    model = model_name(body)
    _refuse_unsupported(body, model)
    options = field(body, "options", dict, {})
    return Request(
        model=model,
        messages=messages,
        stream=field(body, "stream", bool, True),
        truncate=field(body, "truncate", bool, True),
        shift=field(body, "shift", bool, True),
        num_ctx=_num_ctx(options),
        num_predict=field(options, "num_predict", int, -1),
        sampling=_sampling(options) | _format(body.get("format")),
    )


def _refuse_unsupported(body: dict[str, Any], model: str) -> None:
    messages = [item for item in body.get("messages") or [] if isinstance(item, dict)]
    for name, feature in UNSUPPORTED.items():
        if body.get(name) or any(item.get(name) for item in messages if name == "images"):
            raise RequestError(f'"{model}" does not support {feature}')


def _message(item: Any) -> dict[str, str]:
    if not isinstance(item, dict):
        raise RequestError("each of 'messages' must be an object with role and content")
    role: str = field(item, "role", str, "")
    if not role:
        raise RequestError("each of 'messages' must have a role")
    return {"role": role, "content": field(item, "content", str, "")}


def _num_ctx(options: dict[str, Any]) -> int | None:
    num_ctx: int | None = field(options, "num_ctx", int, None)
    return num_ctx if num_ctx and num_ctx > 0 else None


def _sampling(options: dict[str, Any]) -> dict[str, Any]:
    sampling = dict(OLLAMA_DEFAULTS)
    for name, (llama_name, kind) in SAMPLING.items():
        value = field(options, name, kind, None)
        if value is not None:
            sampling[llama_name] = value
    if not all(isinstance(word, str) for word in sampling.get("stop", [])):
        raise RequestError("'stop' must be an array of strings")
    return sampling


def _format(value: Any) -> dict[str, Any]:
    if value is None or value == "":
        return {}
    if value == "json":
        return {"json_schema": {"type": "object", "x-guidance": GUIDANCE}}
    if isinstance(value, dict):
        return {"json_schema": {"x-guidance": GUIDANCE} | value}
    raise RequestError(f'invalid format: {json.dumps(value)}; expected "json" or a JSON Schema object')


def _without_surrogates(value: Any) -> Any:
    """Half characters, which JSON can spell and UTF-8 cannot, become U+FFFD as in Ollama."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_without_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(item) for key, item in value.items()}
    return value
