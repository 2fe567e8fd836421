"""What columns are usually called."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import lru_cache

INPUTS = (
    "input", "question", "text", "prompt", "query", "instruction", "message", "sentence", "user",
)  # fmt: skip
ANSWERS = (
    "expected", "expected_output", "expectedOutput", "__expected", "final_answer", "correct_answer", "ideal",
    "answer", "answers.text", "answers", "label", "completion", "output", "target", "reference", "ground_truth",
    "gold", "response",
)  # fmt: skip
WEIGHTS = ("weight",)
LEADING = ("system", "instruction")  # stand before the input if they differ from row to row
# A variable without a column of its name never stands for one of these.
BOOKKEEPING = (
    "id", "idx", "index", "row", "row_idx", "row_id", "uuid", "metadata", "meta", "split", "source", "tags",
    "created_at", "updated_at", "feature_idx", "truncated_cells", "input_keys", "dspy_uuid", "dspy_split",
)  # fmt: skip


@lru_cache(4096)  # each variable is compared with each column
def plain(name: str) -> str:
    """A name without case, spaces and marks: `Expected output` is `expectedoutput`."""
    return "".join(character for character in name.casefold() if character.isalnum())


def last_part(name: str) -> str:
    """`vars.question` is `question`."""
    return name.rpartition(".")[2]


def outermost(columns: Sequence[str]) -> list[str]:
    """Without columns that lie within another, as `input.question` does within `input`."""
    names = set(columns)
    return [column for column in columns if not _parents(column) & names]


def beside(columns: Sequence[str], taken: Sequence[str]) -> list[str]:
    """The columns that reveal nothing about those taken: they are not the same, not around them, not within them."""
    kin = {name for column in taken if column for name in (column, *_parents(column))}
    answers = [name for name in kin if plain(last_part(name)) in _ANSWERS or name in taken]
    return [
        column
        for column in columns
        if column not in kin and not any(column.startswith(f"{name}.") for name in answers)
    ]


def innermost(columns: Sequence[str], name: str, whole: Collection[str]) -> str:
    """The column of the only value in a column's objects, if every row has that value: `whole` are such columns."""
    inner = [column for column in columns if column.startswith(f"{name}.")]
    return inner[0] if len(inner) == 1 and inner[0] in whole else name


def _parents(column: str) -> set[str]:
    parts = column.split(".")
    return {".".join(parts[:count]) for count in range(1, len(parts))}


def known(columns: Sequence[str], wanted: Sequence[str]) -> list[str]:
    """The columns that have the first wanted name that occurs: as written, or without marks, or at the end of a
    path."""
    for form in (_as_written, plain, _plain_end):
        names = {column: form(column) for column in columns}
        for want in wanted:
            if found := [column for column, name in names.items() if name == form(want)]:
                return found
    return []


def _as_written(name: str) -> str:
    return name.strip().casefold()


def _plain_end(name: str) -> str:
    return plain(last_part(name))


def has_inputs(columns: Sequence[str]) -> bool:
    """Whether one of the columns is called like an input."""
    return bool(known(columns, INPUTS))


def has_answers(columns: Sequence[str]) -> bool:
    """Whether one of the columns is called like an expected answer."""
    return bool(known(columns, ANSWERS))


def unnamed(number: int) -> str:
    """The name of a column whose header is empty, such as a spreadsheet's row numbers."""
    return f"(column {number})"


def is_bookkeeping(column: str) -> bool:
    """Whether the column only tells one row from another."""
    return plain(last_part(column)) in _BOOKKEEPING or column.startswith("(column ")


_ANSWERS = frozenset(map(plain, ANSWERS))
_BOOKKEEPING = frozenset(map(plain, BOOKKEEPING))
