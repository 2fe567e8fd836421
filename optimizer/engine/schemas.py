"""JSON schemas as expected answers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import jsonschema
from referencing import Registry

REFUSED = {"$ref", "$dynamicRef", "pattern", "patternProperties"}
BY_NAME = {"properties", "$defs", "definitions", "dependentSchemas"}  # keywords that hold schemas by name
VALUES = {"const", "enum", "default", "examples", "required", "dependentRequired"}  # and those that hold none


def is_schema(value: object) -> bool:
    """Whether an expected value says what the output must fit, and not what it must be."""
    return isinstance(value, dict) and "$schema" in value


def check_schema(schema: dict[str, Any]) -> None:
    """ValueError or SchemaError for one that is not valid, looks elsewhere, or has patterns, which nothing bounds."""
    jsonschema.Draft202012Validator.check_schema(schema)
    for word in _keywords(schema):
        if word in REFUSED:
            raise ValueError(f"{word} is not supported in a schema")


def _keywords(schema: Any) -> Iterator[str]:
    """The keywords of a schema and of those inside it, without names and values that it talks of."""
    if isinstance(schema, list):
        yield from chain.from_iterable(map(_keywords, schema))
    elif isinstance(schema, dict):
        for word, inner in schema.items():
            yield word
            if word in BY_NAME and isinstance(inner, dict):
                yield from _keywords(list(inner.values()))
            elif word not in VALUES:
                yield from _keywords(inner)


def misfit(value: object, schema: dict[str, Any]) -> str:
    """Why the value does not fit the schema, or ""."""
    validator = jsonschema.Draft202012Validator(schema, registry=Registry())
    fault = next(validator.iter_errors(value), None)
    return fault.message[:200] if fault else ""
