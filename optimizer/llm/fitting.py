"""Whether a prompt fits into a window, as far as its bytes tell, and what the server counted of other prompts."""

from __future__ import annotations

import re
from collections.abc import Sequence

from optimizer.llm.base import Message, Reply, Request

REPEATED = re.compile(
    r"(\s)\s{2,}|([^\w\s])\2{2,}"
)  # blanks, and lines drawn with marks: many of them are one token
LONG = 200  # bytes of a prompt that tells well how dense its tokens are
SURELY = 1.5  # what is to come may be so much thinner than anything that was counted


def solid_size(messages: Sequence[Message]) -> int:
    """Bytes of the messages, where what one token may stand for many times counts little."""
    return sum(len(REPEATED.sub(r"\1\2", message.content).encode()) for message in messages)


class Counted:
    """What servers counted of whole prompts, by model: tokens a solid byte, of the prompt with the fewest."""

    def __init__(self) -> None:
        self._thinnest: dict[str, float] = {}

    def add(self, request: Request, reply: Reply) -> None:
        """Learn from a prompt that was read as a whole."""
        if (size := solid_size(request.messages)) >= LONG:
            thin = reply.prompt_tokens / size
            self._thinnest[request.model] = min(thin, self._thinnest.get(request.model, thin))

    def fewest(self, model: str, messages: Sequence[Message]) -> float:
        """Tokens that the messages surely have for the model; 0 where nothing is known."""
        return solid_size(messages) * self._thinnest.get(model, 0.0) / SURELY
