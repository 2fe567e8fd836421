"""JSON schemas as expected answers."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
from referencing import Registry


def is_schema(value: object) -> bool:
    """Whether an expected value says what the output must fit, and not what it must be."""
    return isinstance(value, dict) and "$schema" in value


def check_schema(schema: dict[str, Any]) -> None:
    """ValueError or SchemaError for one that is not valid, looks elsewhere, or has patterns, which nothing bounds."""
    jsonschema.Draft202012Validator.check_schema(schema)
    text = json.dumps(schema)
    for word in ("$ref", "$dynamicRef", "pattern", "patternProperties"):
        if f'"{word}":' in text:
            raise ValueError(f"{word} is not supported in a schema")


def misfit(value: object, schema: dict[str, Any]) -> str:
    """Why the value does not fit the schema, or ""."""
    validator = jsonschema.Draft202012Validator(schema, registry=Registry())
    fault = next(validator.iter_errors(value), None)
    return fault.message[:200] if fault else ""
