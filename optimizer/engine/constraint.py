"""What an answer may be: one of some labels, or JSON of a schema. The model server is sent it as `format`."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from genson import SchemaBuilder

from optimizer.counts import counted
from optimizer.engine.graders import folded
from optimizer.engine.labels import are_labels, usual_forms
from optimizer.engine.schemas import is_schema
from optimizer.engine.task import Item, Task
from optimizer.engine.values import NoValueError, value_of

OF_LABELS = {"exact", "choice"}  # graders of answers that may be labels
FEWEST_LABELS = 2
LONGER = 2  # times the longest string in the rows may be the longest in an answer
SHORTEST_BOUND = 32  # characters
LONGEST_BOUND = 1_000  # characters; grammars of servers count no further
LONGEST_SCHEMA = 10_000  # characters


@dataclass(frozen=True)
class Constraint:
    """Either `labels`, or a JSON `schema`, as text so that the order of its keys is kept wherever it is stored."""

    labels: tuple[str, ...] = ()
    schema: str = ""

    @property
    def format(self) -> dict[str, Any]:
        """The JSON schema that is sent with a call."""
        if self.labels:
            return {"type": "string", "enum": list(self.labels)}
        schema: dict[str, Any] = json.loads(self.schema)
        return schema

    @property
    def words(self) -> str:
        """What an answer has to be, for people."""
        return f"one of {counted(len(self.labels), 'label')}" if self.labels else "a JSON schema"

    def unwrapped(self, answer: str) -> str:
        """A label without the quotes of JSON. Any other answer as it is, also one of a server that ignores `format`."""
        if not self.labels:
            return answer
        try:
            said = json.loads(answer)
        except (ValueError, RecursionError):
            return answer
        return said if isinstance(said, str) else answer


def constraint_of(stored: Mapping[str, Any] | None) -> Constraint | None:
    """A constraint, from how it is stored."""
    return Constraint(tuple(stored["labels"]), stored["schema"]) if stored else None


def constraint_for(task: Task, rows: Sequence[Item]) -> Constraint | None:
    """What answers to such rows may be; None if they share nothing that a server could hold a model to."""
    answers = [answer for row in rows for answer in row.answers]
    if not answers:
        return None
    if task.grader in OF_LABELS:
        return _of_labels(task, answers)
    return _of_schema(answers) if task.grader == "json" else None


def structure_of(answers: Sequence[str]) -> dict[str, Any] | None:
    """The JSON schema of the answers: types, and the keys that all of them have. None unless they all are objects, or
    all arrays."""
    values = _values(answers)
    return _inferred(values) if values else None


def _of_labels(task: Task, answers: Sequence[str]) -> Constraint | None:
    chosen = dict(task.grader_options).get("choices", "") if task.grader == "choice" else ""
    named = [line.strip() for line in chosen.splitlines() if line.strip()]
    if not named and (not all(map(folded, answers)) or not are_labels(answers)):
        return None
    labels = tuple(dict.fromkeys(named)) or tuple(sorted(usual_forms(answers).values()))
    return Constraint(labels) if len(labels) >= FEWEST_LABELS else None


def _of_schema(answers: Sequence[str]) -> Constraint | None:
    try:
        schema = _given(answers)
        if schema is None and (values := _values(answers)):
            schema = _bounded(_inferred(values), values)
        text = json.dumps(schema, ensure_ascii=False) if schema else ""
    except RecursionError:  # answers that are nested too deeply
        return None
    return Constraint(schema=text) if 0 < len(text) <= LONGEST_SCHEMA else None


def _given(answers: Sequence[str]) -> dict[str, Any] | None:
    """The schema that is expected in every row, if that is what the rows hold."""
    if len(set(answers)) > 1:
        return None
    try:
        value = value_of(answers[0])
    except NoValueError:
        return None
    return {key: one for key, one in value.items() if key != "$schema"} if is_schema(value) else None


def _values(answers: Sequence[str]) -> list[Any]:
    """The answers as objects, or as arrays; none if any is something else."""
    try:
        values = list(map(value_of, answers))
    except NoValueError:
        return []
    alike = any(all(isinstance(value, kind) for value in values) for kind in (dict, list))
    return values if alike and not any(map(is_schema, values)) else []


def _inferred(values: Sequence[Any]) -> dict[str, Any]:
    builder = SchemaBuilder(schema_uri=None)
    for value in values:
        builder.add_object(value)
    schema: dict[str, Any] = builder.to_schema()
    return schema


def _bounded(schema: dict[str, Any], values: Sequence[Any]) -> dict[str, Any]:
    """The schema without keys that no row has, and with bounds for strings. Values that are few and repeat are the only
    ones. An object whose rows share no key may have any."""
    match schema:
        case {"type": "object", "properties": dict(properties)}:
            objects = [value for value in values if isinstance(value, dict)]
            inner = {
                key: _bounded(one, [value[key] for value in objects if key in value])
                for key, one in properties.items()
            }
            return {**schema, "properties": inner, "additionalProperties": not schema.get("required")}
        case {"type": "array", "items": dict(items)}:
            inside = [one for value in values if isinstance(value, list) for one in value]
            return {**schema, "items": _bounded(items, inside)}
        case {"type": "string"}:
            return {**schema, **(_repeated(values) or _length(values))}
        case {"type": list(kinds)} if "string" in kinds:
            return {**schema, **_length(values)}
    return schema


def _repeated(texts: Sequence[str]) -> dict[str, Any]:
    counts = Counter(texts)
    few = len(counts) >= FEWEST_LABELS and min(counts.values()) > 1 and are_labels(texts)
    return {"enum": sorted(counts)} if few else {}


def _length(values: Sequence[Any]) -> dict[str, Any]:
    longest = max((len(value) for value in values if isinstance(value, str)), default=0)
    bound = max(SHORTEST_BOUND, LONGER * longest)
    return {"maxLength": bound} if bound <= LONGEST_BOUND else {}
