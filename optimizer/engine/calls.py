"""The calls that a run makes: how they are worded, how large they are, and answers that never began."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from typing import Any

from optimizer.engine.task import Config
from optimizer.engine.thinking import without_thinking
from optimizer.llm.base import CallFailedError, Message, Reply, Request

Answer = Reply | CallFailedError
# The kind of a call: its purpose, whether it shows earlier turns, and whether it asks for reasoning.
Kind = tuple[str, bool, bool]

MESSAGE = 8  # tokens that a chat template may add to a message
VERDICT_TOKENS = 64
THINKING_TOKENS = 1024  # for a model that was cut while it thought
THOUGHTS = re.compile(r"</?think>|<\|channel\|>")


def size_of(request: Request) -> int:
    """Bytes of the texts that are sent."""
    return sum(len(message.content.encode()) for message in request.messages)


def kind(request: Request) -> Kind:
    """Its purpose, whether it shows earlier turns (replies are then much shorter), and whether it asks for
    reasoning."""
    return request.purpose, shows_turns(request.messages), request.reasons


def shows_turns(messages: Sequence[Message]) -> bool:
    """Whether earlier turns stand before the question."""
    return any(message.role == "assistant" for message in messages)


def template_tokens(request: Request) -> int:
    """Tokens that the chat template may add."""
    return MESSAGE * (len(request.messages) + 1)


def cut_in_thought(answer: Answer) -> bool:
    """Whether the limit was reached before a word of the answer. A server may leave the thoughts out; nothing but
    white space is no thought."""
    if not isinstance(answer, Reply) or answer.finish_reason != "length":
        return False
    return not answer.text or (bool(THOUGHTS.search(answer.text)) and not without_thinking(answer.text))


def proposal_request(
    purpose: str,
    text: str,
    schema: dict[str, Any],
    *,
    model: str,
    config: Config,
    salt: str,
    room: int = 0,
    thinks: bool = False,
) -> Request:
    """A sampled call of the optimizer model; equal texts with another `salt` get another seed of the sampling. The
    reply may have `config.proposal_tokens`, or `room` where that is more, and more yet for a model that thinks
    first."""
    return Request(
        purpose=purpose,
        model=model,
        messages=(Message("user", text),),
        max_tokens=max(config.proposal_tokens, room) + THINKING_TOKENS * thinks,
        temperature=config.temperature,
        seed=random.Random(f"{salt}:{purpose}").randrange(2**31),
        schema=schema,
    )


def judge_request(purpose: str, text: str, schema: dict[str, Any], *, model: str) -> Request:
    """A call for a verdict: temperature 0, few tokens."""
    return Request(purpose, model, (Message("user", text),), max_tokens=VERDICT_TOKENS, schema=schema)
