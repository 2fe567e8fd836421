"""Judges of pairs, good and bad, and the world that they judge."""

from __future__ import annotations

import json
import re
from collections.abc import Callable

from optimizer.llm.base import CallFailedError, Request
from tests.engine.world import last_input, proposals

Script = Callable[[Request], "str | CallFailedError"]
INPUTS = tuple(f"word{number}" for number in range(24))


def judged_by(judge: Script) -> Script:
    """Without rows: the original talks about its input, candidates about it at more length."""

    def script(request: Request) -> str | CallFailedError:
        match request.purpose:
            case "compare":
                return judge(request)
            case "answer":
                longer = " at length" if "variant" in request.messages[-1].content else ""
                return f"It is {last_input(request)}{longer}, try {request.seed}."
        return proposals(request)

    return script


def says(winner: str) -> str:
    return json.dumps({"better": winner})


def good(request: Request) -> str:
    """Prefers what speaks of the input, and of that the longer."""
    text = request.messages[-1].content
    asked = re.search(r"word\d+", text)
    assert asked
    first, second = (
        (f"{asked[0]} " in answer or f"{asked[0]}," in answer, len(answer), answer)
        for answer in re.findall(r"<[AB]>\n(.*)\n</[AB]>", text)
    )
    return says("A" if first > second else "B")


def always_a(request: Request) -> str:
    return says("A")


def at_random(request: Request) -> str:
    return says("AB"[int(request.key, 16) % 2])


def one_in_three_unreadable(request: Request) -> str:
    asked = re.search(r"word(\d+)", request.messages[-1].content)
    assert asked
    return "Well." if int(asked[1]) % 3 == 0 else good(request)
