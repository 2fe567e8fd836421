"""What a prompt does when it is a program of its own; `program.py` writes it out, with its values and its rows.

Nothing but the standard library and the ollama package.
"""

from __future__ import annotations

import re
import sys

from optimizer.engine.nearest import Nearest

PLACE = "{{an input}}"  # where the input stands in QUESTION
MODEL = ""
MAX_TOKENS = 0
BEFORE: list[dict[str, str]] = []  # messages before all others
QUESTION = PLACE
EXAMPLES: list[list[str]] = []  # of each its input, what the user says, and what the assistant answers
SHOWN = 0  # examples for each input, those most like it; 0: all of them
MARKER = ""  # what the answer stands behind; "": nothing
ONE_LINE = True  # whether the answer is one line


def messages(text: str) -> list[dict[str, str]]:
    """The chat that asks for one input."""
    nearest = Nearest([example[0] for example in EXAMPLES])
    shown = [EXAMPLES[place] for place in nearest.to(text, SHOWN)] if SHOWN else EXAMPLES
    turns = [
        {"role": role, "content": said}
        for _, asked, answered in shown
        for role, said in (("user", asked), ("assistant", answered))
    ]
    return [*BEFORE, *turns, {"role": "user", "content": QUESTION.replace(PLACE, text)}]


def read(output: str) -> str:
    """The answer: what stands behind the last marker, at the beginning of a line if one does; else the output."""
    if not MARKER:
        return output.strip()
    named = re.escape(MARKER) + r"[*_`]{0,4}\s?[:：][*_`]{0,4}"
    at_line = re.compile(rf"^[^\S\n]*(?:[*_`#>\-]{{1,6}}[^\S\n]*)?{named}", re.IGNORECASE | re.MULTILINE)
    anywhere = re.compile(rf"(?<!\w){named}", re.IGNORECASE)
    found = [*at_line.finditer(output)] or [*anywhere.finditer(output)]
    if not found:
        return output.strip()
    behind = output[found[-1].end() :].strip()
    if ONE_LINE:
        behind = next((line for line in behind.splitlines() if line.strip()), "")
    return behind.strip().strip("*").strip()


def answer(text: str) -> str:
    """What the model answers."""
    from ollama import Client

    options = {"temperature": 0, "num_predict": MAX_TOKENS}
    reply = Client().chat(model=MODEL, messages=messages(text), options=options)
    return read(reply.message.content or "")


if __name__ == "__main__":
    print(answer(" ".join(sys.argv[1:]) or sys.stdin.read()))
