"""Fits a prompt into the model's window, as Ollama does."""

from __future__ import annotations

from promptevolver.embedded.model.llama import Llama
from promptevolver.embedded.model.request import Request, RequestError


async def fit_prompt(llama: Llama, request: Request, window: int) -> list[int]:
    """The prompt's tokens, fewer than `window`; a longer one is cut, or refused with truncate false."""
    tokens = await _tokens(llama, request.messages)
    if len(tokens) < window:
        return tokens
    if not request.truncate:
        raise RequestError(
            f"the input length exceeds the context length: {len(tokens)} tokens do not leave room "
            f"for a reply in the window of {window}"
        )
    room = window - _reserve(request, window)
    return _cut_front(await _drop_oldest(llama, request, tokens, room), request, room)


async def _tokens(llama: Llama, messages: list[dict[str, str]]) -> list[int]:
    return await llama.tokenize(await llama.render(messages))


async def _drop_oldest(llama: Llama, request: Request, tokens: list[int], room: int) -> list[int]:
    """Drop the oldest messages until the rest fits; system messages and the last one stay."""
    messages = list(request.messages)
    while len(tokens) > room and (oldest := _oldest(messages)) is not None:
        del messages[oldest]
        tokens = await _tokens(llama, messages)
    return tokens


def _oldest(messages: list[dict[str, str]]) -> int | None:
    return next((i for i, message in enumerate(messages[:-1]) if message["role"] != "system"), None)


def _cut_front(tokens: list[int], request: Request, room: int) -> list[int]:
    """The first `num_keep` tokens and as many of the last ones as fit."""
    if len(tokens) <= room:
        return tokens
    keep = min(max(int(request.sampling.get("n_keep", 0)), 0), room // 2)
    return tokens[:keep] + tokens[len(tokens) - (room - keep) :]


def _reserve(request: Request, window: int) -> int:
    """Tokens left for the reply when cutting anyway: as many as wanted, up to a quarter of the window."""
    quarter = max(1, window // 4)
    return min(request.num_predict, quarter) if request.num_predict > 0 else quarter
