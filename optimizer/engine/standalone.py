"""What a prompt does when it is a program of its own; `program.py` writes it out, with its values and its rows.

It uses only the standard library and the ollama package.
"""

from __future__ import annotations

import re
import sys

from optimizer.engine.nearest import Nearest
from optimizer.engine.thinking import without_thinking

PLACE = "{{an input}}"  # where the input stands in QUESTION
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
ONE_LINE = True  # whether the answer is one line
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
    return [*BEFORE, *turns, {"role": "user", "content": QUESTION.replace(PLACE, text)}]


def read(output: str) -> str:
    """The answer: the text after the last marker (one that begins a line, if any), or else the output."""
    text = without_thinking(output)
    begin = _behind_marker(text)
    if begin is None:
        return text
    text = text[begin:].strip()
    if text.count(FENCE) % 2:
        text = text.rpartition(FENCE)[0].strip() or text.replace(FENCE, "").strip()
    if ONE_LINE:
        lines = (line.strip() for line in text.splitlines())
        text = next((line for line in lines if line and not line.startswith(FENCE)), "")
        text = text.strip("`")
    return text.strip().strip("*").strip()


def _behind_marker(text: str) -> int | None:
    """Where the answer begins; None without a marker."""
    at_line, anywhere = r"^[^\S\n]*+(?:[*_`#>\-]{1,6}+[^\S\n]*+)?", r"(?<!\w)"
    for before, words in ((at_line, MARKERS[:1]), (anywhere, MARKERS[:1]), (at_line, MARKERS[1:])):
        named = rf"{before}(?:{'|'.join(map(re.escape, words))})[*_`]{{0,4}}\s?[:：][*_`]{{0,4}}"
        ends = (
            [found.end() for found in re.finditer(named, text, re.IGNORECASE | re.MULTILINE)] if words else []
        )
        if ends:
            return next((end for end in reversed(ends) if text[end:].strip()), ends[-1])
    return None


def answer(text: str) -> str:
    """What the model answers."""
    from ollama import Client

    options = {"temperature": 0, "num_predict": MAX_TOKENS, **({"num_ctx": WINDOW} if WINDOW else {})}
    reply = Client().chat(model=MODEL, messages=messages(text), options=options)
    return read(reply.message.content or "")


if __name__ == "__main__":
    print(answer(" ".join(sys.argv[1:]) or sys.stdin.read()))
