"""What replies of the optimizer model and the judge hold.

Small models are the normal case: schemas where they hold, lenient reading where they do not.
"""

from __future__ import annotations

import json
import re
from typing import Any

from optimizer.engine.thinking import without_thinking
from optimizer.llm.base import storable


def read_object(text: str) -> dict[str, Any]:
    """The JSON object in a reply, read leniently; {} where there is none."""
    text = without_thinking(text)
    for candidate in (text, *re.findall(r"\{.*\}", text, re.DOTALL)):
        try:
            parsed = json.loads(candidate, strict=False)
        except (ValueError, RecursionError):
            continue
        if isinstance(parsed, dict):
            return parsed
    return {}


def read_text(text: str, key: str) -> str:
    """The text under a key; also from delimiters."""
    value = read_object(text).get(key)
    if isinstance(value, str):
        return storable(value).strip()
    cleaned = without_thinking(text)
    tagged = re.search(rf"<{key}>(.*?)</{key}>", cleaned, re.DOTALL)
    return tagged[1].strip() if tagged else ""


def read_texts(text: str, key: str) -> list[str]:
    """The list of texts under a key, without empty ones and repeats."""
    value = read_object(text).get(key)
    texts = [_as_text(entry) for entry in value] if isinstance(value, list) else []
    found = [storable(text).strip() for text in texts]
    return list(dict.fromkeys(entry for entry in found if entry))


def _as_text(entry: object) -> str:
    return entry if isinstance(entry, str) else json.dumps(entry, ensure_ascii=False)


def read_score(text: str, key: str) -> float | None:
    """A whole number from 0 to 10, strictly: nothing else counts as a score."""
    value = read_object(text).get(key)
    return (
        float(value) if isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= 10 else None
    )
