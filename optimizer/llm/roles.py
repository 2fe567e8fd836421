"""Whether a model is told who said what: its chat template may drop system messages, or join turns without a mark."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from optimizer.llm.base import CallFailedError, UnavailableError
from optimizer.llm.versions import RENDERS, Ask, Version

SYSTEM, FIRST, ANSWER, SECOND = "Sandpiper", "Nightjar", "Kingfisher", "Goldcrest"  # in no template
CHAT = [
    {"role": "system", "content": SYSTEM},
    {"role": "user", "content": FIRST},
    {"role": "assistant", "content": ANSWER},
    {"role": "user", "content": SECOND},
]
ACTION = re.compile(r"\{\{.*?\}\}", re.DOTALL)
OF_MESSAGES = re.compile(r"\bmessages\b", re.IGNORECASE)  # in Go's templates and in Jinja
OWN_RENDERER = re.compile(r"^RENDERER ", re.MULTILINE)


@dataclass(frozen=True)
class Roles:
    """What reaches the model: system messages, and who said each turn."""

    system: bool = True
    turns: bool = True

    def caution(self, model: str) -> str:
        """What to know before the start; "" if nothing gets lost."""
        if self.turns:
            return "" if self.system else f"{model} never sees a system message: its chat template drops it."
        lost = (
            "does not mark chat turns"
            if self.system
            else "drops system messages and does not mark chat turns"
        )
        return f"The chat template of {model} {lost}: few-shot examples are tried only inside the text."


ALL_KEPT = Roles()


async def rendered_roles(ask: Ask, model: str, window: int) -> Roles | None:
    """Judged by a prompt as the model gets it; None if the server shows none. It loads the model with that window."""
    options = {"num_predict": 1, **({"num_ctx": window} if window else {})}
    body = {"model": model, "messages": CHAT, "stream": False, "options": options, "_debug_render_only": True}
    try:
        answer = await ask("/api/chat", body)
    except (CallFailedError, UnavailableError, ValueError):
        return None
    shown = answer.get("_debug_info") if isinstance(answer, dict) else None
    text = shown.get("rendered_template") if isinstance(shown, dict) else None
    return roles_in(text) if isinstance(text, str) and SECOND in text else None


def roles_in(text: str) -> Roles:
    """What is left of the roles in a prompt made of `CHAT`."""
    marked = re.search(rf"{FIRST}(.*?){ANSWER}(.*?){SECOND}", text, re.DOTALL)
    return Roles(SYSTEM in text, bool(marked and marked[1].strip() and marked[2].strip()))


def template_roles(shown: Mapping[str, Any], version: Version = ()) -> Roles:
    """Judged by the template in /api/show. All is well if there is none, or if the server renders by itself.

    A template without a list of messages is filled in once for each pair of turns, so that any text around the prompt
    marks them.
    """
    template = str(shown.get("template") or "")
    own = shown.get("renderer") or OWN_RENDERER.search(str(shown.get("modelfile") or ""))
    in_file = version >= RENDERS and "tokenizer.chat_template" in (shown.get("model_info") or {})
    if own or in_file or not template.strip() or OF_MESSAGES.search(template):
        return ALL_KEPT
    return Roles(".System" in template, bool(ACTION.sub("", template).strip()))
