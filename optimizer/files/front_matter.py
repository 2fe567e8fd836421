"""Front matter: YAML between two lines of `---` above a text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from optimizer.files.documents import PlainLoader
from optimizer.files.faults import FileFaultError

LINE = "---"
LONGEST = 128 * 1024  # characters of YAML, which is read slowly


class _Dumper(yaml.SafeDumper):
    """Writes texts of several lines as blocks."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _text(dumper: _Dumper, text: str) -> yaml.Node:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Dumper.add_representer(str, _text)


def split(text: str) -> tuple[dict[str, Any], str]:
    """What stands in the front matter, every value as text, and what stands below it; {} without front matter.

    FileFaultError if the front matter is not closed, too long, or not a list of names and values."""
    first, _, rest = text.partition("\n")
    if first.rstrip() != LINE:
        return {}, text
    lines = rest.split("\n")
    end = next((number for number, line in enumerate(lines) if line.rstrip() == LINE), None)
    if end is None:
        raise FileFaultError(
            "The front matter begins with --- and does not end. Add a line with --- below it."
        )
    return _read("".join(f"{line}\n" for line in lines[:end])), "\n".join(lines[end + 1 :])


def _read(text: str) -> dict[str, Any]:
    if len(text) > LONGEST:
        raise FileFaultError(
            f"The front matter has more than {LONGEST // 1024} KB. Keep long texts below it, or use JSON."
        )
    try:
        value = yaml.load(text, PlainLoader)  # noqa: S506 (a safe loader, without aliases)
    except FileFaultError as error:
        raise FileFaultError(
            *(
                said.replace("YAML file", "front matter").replace("the column", "the name")
                for said in error.messages
            )
        ) from error
    except (yaml.YAMLError, ValueError, RecursionError, TypeError) as error:
        raise FileFaultError(f"The front matter is not YAML{_place(error)}.") from error
    if value in (None, ""):
        return {}
    if not isinstance(value, dict):
        raise FileFaultError("The front matter is not a list of names and values, as in “name: Summary”.")
    return {str(name): one for name, one in value.items()}


def _place(error: Exception) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        return f" (line {error.problem_mark.line + 2}: {error.problem})"
    return (
        f": {str(error).splitlines()[0]}"
        if isinstance(error, yaml.YAMLError)
        else ": it is nested too deeply"
    )


def written(fields: Mapping[str, Any], body: str) -> str:
    """A text with front matter that `split` reads as these fields and this body.

    FileFaultError if the front matter would be too long to be read again."""
    front = _dumped(fields, "")
    _check_length(front)
    if _plain(yaml.load(front, PlainLoader)) != _plain(fields):  # noqa: S506
        front = _dumped(fields, '"')  # blocks cannot hold every text
        _check_length(front)
    return f"{LINE}\n{front}{LINE}\n{body}"


def _check_length(front: str) -> None:
    if len(front) > LONGEST:
        raise FileFaultError(
            f"It has more earlier versions than fit above a Markdown text ({LONGEST // 1024} KB). Use JSON."
        )


def _dumped(fields: Mapping[str, Any], style: str) -> str:
    options: dict[str, Any] = {"allow_unicode": True, "sort_keys": False, "width": float("inf")}
    return str(yaml.dump(dict(fields), Dumper=_Dumper, default_style=style or None, **options))


def _plain(value: Any) -> Any:
    """The value as the reader sees it, where everything is text."""
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else str(value)
