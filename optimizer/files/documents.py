"""Which format a text has, by the file's ending or by how it begins."""

from __future__ import annotations

from collections import Counter
from typing import Any

import yaml

from optimizer.files.delimited import begins_with_header, read_table_text
from optimizer.files.faults import FileFaultError, twice
from optimizer.files.objects import COMMENTS, read_json_text, read_value
from optimizer.files.records import Sheet

TABLES = (".csv", ".tsv", ".md")
LONGEST_YAML = 256 * 1024  # characters: it is read slowly


class PlainLoader(yaml.BaseLoader):
    """YAML whose values stay as they are written (`no`, `12:30`, `010`), without aliases, which can turn a short file
    into a huge one."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise FileFaultError(
                "The YAML file has aliases (*name), which are not read. Write the values out."
            )
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        names = [str(key.value) for key, _ in node.value]
        if len(set(names)) < len(names):
            repeated, _ = Counter(names).most_common(1)[0]
            line = node.start_mark.line + 1
            raise FileFaultError(twice(f"The YAML object on line {line}", repeated))
        return super().construct_mapping(node, deep=deep)


def read_sheet(text: str, name: str = "", *, first_row_is_data: bool = False, delimiter: str = "") -> Sheet:
    """The records of a CSV, Markdown, JSON, JSONL or YAML text. With a `delimiter`, it is a table."""
    text = _unfenced(text)
    if delimiter:
        return read_table_text(text, first_row_is_data=first_row_is_data, delimiter=delimiter)
    ending = name.casefold()
    first = _first_mark(text)
    if ending.endswith((".yaml", ".yml")) or _begins_like_yaml(text):
        return _read_yaml(text)
    if ending.endswith(TABLES) or first not in ("[", "{") or begins_with_header(text):
        return read_table_text(text, first_row_is_data=first_row_is_data)
    return read_json_text(text, first_row_is_data=first_row_is_data)


def _unfenced(text: str) -> str:
    """What stands in a Markdown fence, if the whole text is one."""
    lines = text.strip().split("\n")
    fenced = len(lines) > 2 and lines[0].startswith("```") and lines[-1].strip() == "```"
    return "\n".join(lines[1:-1]) if fenced else text


def _first_mark(text: str) -> str:
    """The first character that is neither a blank nor in a comment line."""
    lines = (line.strip() for line in text.split("\n"))
    return next((line[0] for line in lines if line and not line.startswith(COMMENTS)), "")


def _begins_like_yaml(text: str) -> bool:
    return text.lstrip().startswith(("tests:", "prompts:", "- vars:"))


def _read_yaml(text: str) -> Sheet:
    if len(text) > LONGEST_YAML:
        raise FileFaultError(
            f"The YAML file has more than {LONGEST_YAML // 1024} KB. Save the rows as JSON or CSV."
        )
    try:
        value = yaml.load(text, PlainLoader)  # noqa: S506 (a safe loader, without aliases)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        if isinstance(error, FileFaultError):
            raise
        raise FileFaultError(f"The file is not YAML: {str(error).splitlines()[0]}.") from error
    return read_value(value)
