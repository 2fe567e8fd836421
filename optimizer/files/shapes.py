"""What other tools write: chats, test cases with assertions, objects within cells. All become plain columns."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace

from optimizer.files.faults import FileFaultError
from optimizer.files.names import ANSWERS, known
from optimizer.files.records import Record, Sheet

DEEPEST = 4
MOST_COLUMNS = 200
EQUAL = {"equals", "contains", "icontains"}
ASSERTED = "__expected"  # the column of promptfoo's CSV
ASSERTION = re.compile(
    r"\s*(?P<kind>equals|i?contains|contains-\w+|regex|is-json|starts-with|llm-rubric|similar|javascript|python|fn|eval"
    r"|model-graded-\w+|factuality|not-[a-z-]+)(\([^)]*\))?:\s*(?P<value>.*)",
    re.DOTALL,
)


class Unpacked(dict[str, object]):
    """An object that stood in a cell as JSON text; the cell stays as it was typed."""

    text = ""


def plain_columns(sheet: Sheet) -> Sheet:
    """The sheet with one column for each value that a person may want to name."""
    for step in (_chats, _assertions, _unpacked_cells, _flat, _marked_answers):
        sheet = step(sheet)
    if len(sheet.columns) > MOST_COLUMNS:
        raise FileFaultError(f"There are {len(sheet.columns)} columns; at most {MOST_COLUMNS} are allowed.")
    return sheet


# Chats


def _chats(sheet: Sheet) -> Sheet:
    """A list of messages becomes the columns system, input and, where the assistant has the last word, expected."""
    places = [
        name for name in ("messages", "input") if any(_is_chat(r.values.get(name)) for r in sheet.records)
    ]
    if not places:
        return sheet
    records = [Record(r.where, _spoken(r, places[0])) for r in sheet.records]
    told = f"Chats under “{places[0]}” were read: what the user says last is the input."
    return sheet.of(records, told)


def _is_chat(value: object) -> bool:
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(turn, dict) and {"role", "content"} <= turn.keys() for turn in value)
    )


def _spoken(record: Record, place: str) -> dict[str, object]:
    chat = record.values.get(place)
    if not _is_chat(chat):
        raise FileFaultError(
            f"{record.where} has no chat under “{place}”, unlike the other rows. Add it, or remove the row."
        )
    turns = [(str(turn["role"]), _said(turn["content"])) for turn in chat]  # type: ignore[attr-defined]
    others = {name: value for name, value in record.values.items() if name != place}
    system = "\n".join(said for role, said in turns if role in {"system", "developer"})
    talk = [turn for turn in turns if turn[0] not in {"system", "developer"}]
    spoken: dict[str, object] = {"system": system} if system else {}
    if talk and talk[-1][0] == "assistant" and place == "messages":
        spoken["expected"] = talk.pop()[1]
    asked = [said for _, said in talk]
    spoken["input"] = asked[0] if len(talk) == 1 else "\n".join(f"{role}: {said}" for role, said in talk)
    return {**spoken, **others}


def _said(content: object) -> str:
    """The text of a message, whose content may be a list of parts."""
    if isinstance(content, list):
        return "".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return content if isinstance(content, str) else ""


# Test cases with assertions


def _assertions(sheet: Sheet) -> Sheet:
    """A test case with one assertion on the output expects the assertion's value."""
    place = next((name for name in ("assert", ASSERTED) if name in sheet.columns), "")
    if not place:
        return sheet
    faults: list[str] = []
    kinds: set[str] = set()
    read = _asserted if place == "assert" else _asserted_in_cell
    records = []
    for record in sheet.records:
        count, values = len(faults), read(record, kinds, faults)
        if len(faults) == count:
            records.append(Record(record.where, values))
    notes = [] if place == ASSERTED else ["Expected answers were taken from the assertions."]
    if kinds - {"equals"}:
        notes.append("Some assertions ask for an answer that contains the text: choose the contains grader.")
    return replace(sheet.of(records, *notes), faults=(*sheet.faults, *faults))


def _asserted(record: Record, kinds: set[str], faults: list[str]) -> dict[str, object]:
    values = dict(record.values)
    found = values.pop("assert", None)
    checks = [check for check in found if isinstance(check, dict)] if isinstance(found, list) else []
    seen = [str(check.get("type", "")) for check in checks]
    if len(checks) != 1 or seen[0] not in EQUAL:
        faults.append(_no_answer(record, ", ".join(seen) or "none"))
        return values
    kinds.add(seen[0])
    inputs = values.pop("vars", None)
    return {**(inputs if isinstance(inputs, dict) else {}), **values, "expected": checks[0].get("value")}


def _asserted_in_cell(record: Record, kinds: set[str], faults: list[str]) -> dict[str, object]:
    """A cell such as `contains: tea`; one without a type is the answer itself."""
    cell = record.values.get(ASSERTED)
    found = ASSERTION.match(cell) if isinstance(cell, str) else None
    if not found:
        return dict(record.values)
    if found["kind"] not in EQUAL:
        faults.append(_no_answer(record, found["kind"]))
    kinds.add(found["kind"])
    return {**record.values, ASSERTED: found["value"]}


def _no_answer(record: Record, seen: str) -> str:
    return f"{record.where}: it needs one assertion of the type equals or contains, but has: {seen}."


# Objects within objects and cells


def _unpacked_cells(sheet: Sheet) -> Sheet:
    """A text column is read as JSON if every cell is a JSON object or a JSON text in quotes."""
    reads: dict[str, Callable[[str], object]] = {}
    for name in sheet.columns:
        cells = [r.values.get(name) for r in sheet.records]
        texts = [cell for cell in cells if isinstance(cell, str) and cell.strip()]
        if texts and len(texts) == sum(cell not in (None, "") for cell in cells):
            if all(_begins(text, "{") and isinstance(_read(text), dict) for text in texts):
                reads[name] = _unpack
            elif all(_begins(text, '"') and isinstance(_read(text), str) for text in texts):
                reads[name] = _read
    if not reads:
        return sheet
    records = [
        Record(r.where, {n: _opened(v, reads.get(n)) for n, v in r.values.items()}) for r in sheet.records
    ]
    return sheet.but(sheet.columns, records)


def _begins(text: str, mark: str) -> bool:
    return text.lstrip()[:1] == mark


def _read(text: str) -> object:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _unpack(text: str) -> object:
    unpacked = Unpacked(json.loads(text))
    unpacked.text = text
    return unpacked


def _opened(value: object, read: Callable[[str], object] | None) -> object:
    return read(value) if read and isinstance(value, str) and value.strip() else value


def _flat(sheet: Sheet) -> Sheet:
    """An object keeps its column, and gives one to each of its values: `input` has `input.question` beside it."""
    if not any(isinstance(v, dict) for r in sheet.records for v in r.values.values()):
        return sheet
    records = [Record(r.where, dict(_leaves("", r.values, DEEPEST))) for r in sheet.records]
    return sheet.of(records)


def _leaves(path: str, values: Mapping[str, object], depth: int) -> Iterable[tuple[str, object]]:
    for name, value in values.items():
        place = f"{path}.{name}" if path else name
        yield place, value
        if isinstance(value, dict) and depth:
            yield from _leaves(place, value, depth - 1)


# Answers below a mark


def _marked_answers(sheet: Sheet) -> Sheet:
    """If every answer ends like `#### 72`, the answer is what follows the mark."""
    names = known(sheet.columns, ANSWERS)
    if len(names) != 1:
        return sheet
    answers = [r.values.get(names[0]) for r in sheet.records]
    found = [_behind_mark(answer) for answer in answers]
    if not found or not all(found):
        return sheet
    records = [
        Record(r.where, {**r.values, names[0]: answer})
        for r, answer in zip(sheet.records, found, strict=True)
    ]
    return sheet.but(sheet.columns, records, f"In “{names[0]}”, the answer is the text after ###.")


def _behind_mark(answer: object) -> str:
    if not isinstance(answer, str):
        return ""
    _, mark, after = answer.rpartition("###")
    return after.strip() if mark and "\n" not in after.strip() else ""
