"""What a prompt does when it is a program of its own; `program.py` writes it out, with its values and its rows.

It uses only the standard library and the ollama package.
"""

from __future__ import annotations

import json
import re
import sys
from typing import Any

from optimizer.engine.nearest import Nearest
from optimizer.engine.thinking import without_thinking

PLACE = "{{an input}}"  # where the input stands in BEFORE and QUESTION
MODEL = ""
MAX_TOKENS = 0
WINDOW = 0  # tokens that the prompt and its answer have room for; 0: as the server likes
BEFORE: list[dict[str, str]] = []  # messages before all others
QUESTION = PLACE
EXAMPLES: list[list[str]] = []  # of each its input, what the user says, and what the assistant answers
SHOWN = 0  # examples for each input, those most like it; 0: all of them
MARKERS: list[
    str
] = []  # what the answer stands behind, the usual word first, then other languages'; none: nothing
MARKER = ""  # as it is asked for
ONE_LINE = True  # whether the answer is one line
FORMAT: dict[str, Any] | None = None  # the JSON schema of the answer
FENCE = "```"

NEAREST = Nearest([example[0] for example in EXAMPLES] if SHOWN else [])


def messages(text: str) -> list[dict[str, str]]:
    """The chat that asks for one input."""
    shown = [EXAMPLES[place] for place in NEAREST.to(text, SHOWN)] if SHOWN else EXAMPLES
    turns = [
        {"role": role, "content": said}
        for _, asked, answered in shown
        for role, said in (("user", asked), ("assistant", answered))
    ]
    before = [{**message, "content": message["content"].replace(PLACE, text)} for message in BEFORE]
    return [*before, *turns, {"role": "user", "content": QUESTION.replace(PLACE, text)}]


def read(output: str) -> str:
    """The answer: the text after the last marker (one that begins a line, if any), or else the output."""
    text = without_thinking(output)
    found = marker_in(text)
    return unwrapped(_behind(text[found[1] :]) if found else text)


def unwrapped(text: str) -> str:
    """A label without the quotes of JSON, if the answer has to be one of some labels."""
    if "enum" not in (FORMAT or {}):
        return text
    try:
        said = json.loads(text)
    except ValueError:
        return text
    return said if isinstance(said, str) else text


def _behind(text: str) -> str:
    text = text.strip()
    if text.count(FENCE) % 2:
        text = text.rpartition(FENCE)[0].strip() or text.replace(FENCE, "").strip()
    if ONE_LINE:
        lines = (line.strip() for line in text.splitlines())
        text = next((line for line in lines if line and not line.startswith(FENCE)), "")
        text = text.strip("`")
    return text.strip().strip("*").strip()


def marker_in(text: str) -> tuple[int, int] | None:
    """Where the last marker begins and ends; None without one."""
    at_line, anywhere = r"^[^\S\n]*+(?:[*_`#>\-]{1,6}+[^\S\n]*+)?", r"(?<!\w)"
    for before, words in ((at_line, MARKERS[:1]), (anywhere, MARKERS[:1]), (at_line, MARKERS[1:])):
        named = rf"{before}(?P<marker>(?:{'|'.join(map(re.escape, words))})[*_`]{{0,4}}\s?[:：])[*_`]{{0,4}}"
        each = list(re.finditer(named, text, re.IGNORECASE | re.MULTILINE)) if words else []
        if each:
            last = next((found for found in reversed(each) if text[found.end() :].strip()), each[-1])
            return last.start("marker"), last.end()
    return None


def thought(output: str) -> str:
    """The reasoning: what stands before the last marker; the whole output if nothing does."""
    text = without_thinking(output)
    found = marker_in(text)
    before = text[: found[0]].rstrip().rstrip("*_#>- \n") if found else ""
    if before.count(FENCE) % 2:
        before = before.rpartition(FENCE)[0]
    return before.strip() or text


def answer(text: str) -> str:
    """What the model answers. If it reasons first and its answer has a format, that takes two calls."""
    asked = messages(text)
    if not (MARKERS and FORMAT):
        return read(said(asked, FORMAT))
    reasoned = {"role": "assistant", "content": thought(said(asked, None))}
    reply = said([*asked, reasoned, {"role": "user", "content": MARKER}], FORMAT)
    return read(f"{MARKER} {without_thinking(reply)}")


def said(chat: list[dict[str, str]], schema: dict[str, Any] | None) -> str:
    """What the model says next in a chat."""
    from ollama import Client

    options = {"temperature": 0, "num_predict": MAX_TOKENS, **({"num_ctx": WINDOW} if WINDOW else {})}
    reply = Client().chat(model=MODEL, messages=chat, format=schema, options=options)
    return reply.message.content or ""


if __name__ == "__main__":
    print(answer(" ".join(sys.argv[1:]) or sys.stdin.read()))
