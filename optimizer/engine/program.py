"""A prompt as a Python program that holds its rows and needs only the ollama package."""

from __future__ import annotations

import inspect
from types import ModuleType

from optimizer.engine import nearest, standalone, thinking
from optimizer.engine.components import Components, item_of
from optimizer.engine.reasoning import markers
from optimizer.engine.standalone import FENCE, PLACE
from optimizer.engine.task import Item

HEADING = '''"""Answers an input with a prompt that PromptEvolver found.

Install the client with `pip install ollama`, then run `python prompt.py "an input"`. OLLAMA_HOST names the server;
without it, the program asks the one on this machine.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections import Counter
from collections.abc import Sequence
from typing import Any

'''


def program_of(components: Components, *, model: str, max_tokens: int, window: int = 0) -> str:
    """The source of a program that answers an input as the candidate does, with a model of an Ollama server.

    It contains the engine's own code, so it chooses the same rows. `max_tokens` bounds an answer; `window` is the
    context window to ask for, 0 for the server's own. ValueError for a prompt with several variables, which have no
    single input, and for examples in the text that are chosen for each input.
    """
    if len(components.variables) > 1:
        raise ValueError("A prompt with several variables has no single input.")
    told = {"MODEL": model, "MAX_TOKENS": max_tokens, "WINDOW": window, **_values(components)}
    values = "\n".join(f"{name} = {value!r}" for name, value in told.items())
    code = f"{_body(thinking, 'THINKING')}\n\n{_body(nearest, 'SHORTEST')}"
    return f"{HEADING}{code}\n\n{values}\n\n{_body(standalone, 'NEAREST')}"


def _body(module: ModuleType, first: str) -> str:
    """The module's source from these words on."""
    source = inspect.getsource(module)
    return source[source.index(f"\n{first}") :].strip() + "\n"


def _values(components: Components) -> dict[str, object]:
    """The values that replace the module's own."""
    in_text = components.shots_as == "text" and components.shots
    if in_text and components.nearest:
        raise ValueError("A program chooses examples for each input only if they are chat turns.")
    alone = components if in_text else components.but(shots=(), nearest=0)
    place = _place(alone)
    *before, question = alone.messages(_item(alone, place))
    reasoning = components.reasoning
    return {
        "PLACE": place,
        "BEFORE": [vars(message) for message in before],
        "QUESTION": question.content,
        "EXAMPLES": [] if in_text else _examples(components),
        "SHOWN": components.nearest,
        "MARKERS": markers(reasoning) if reasoning else [],
        "MARKER": reasoning.marker if reasoning else "",
        "ONE_LINE": reasoning.one_line if reasoning else True,
        "FORMAT": components.format,
        "FENCE": FENCE,
    }


def _place(components: Components) -> str:
    """A mark for where the input stands, which occurs nowhere else in what is sent."""
    sent = "\n".join(message.content for message in components.messages(_item(components, "")))
    place = PLACE
    while place in sent:
        place = f"{{{place}}}"
    return place


def _item(components: Components, text: str) -> Item:
    return Item(text, values=tuple((name, text) for name in components.variables))


def _examples(components: Components) -> list[list[str]]:
    alone = components.but(shots=(), nearest=0)
    return [
        [shot.input, alone.messages(item_of(shot))[-1].content, components.said(shot)]
        for shot in components.shots
    ]
