"""The context window that calls ask for: large enough, but no larger, because layers need that memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from optimizer.llm.base import Arrival, Model, Request
from optimizer.llm.facts import ModelFacts

ROOM = 4  # multiplies the longest call known before the start: candidates are longer
STEP = 1_024  # tokens
LEAST = 2_048  # tokens


def window_for(longest: int, *, largest: int, facts: ModelFacts, thoughts: int = 0) -> int:
    """Tokens of a window for calls of up to `longest` tokens, and `thoughts` besides where a model thinks first.

    At most `largest`, and what the model was trained for. If the loaded window is enough, it stays: another one would
    load the model again.
    """
    wanted = max(LEAST, -(-(ROOM * longest + thoughts) // STEP) * STEP)
    wanted = _trained(min(wanted, largest), facts)
    loaded = _trained(facts.window, facts)
    return loaded if loaded >= wanted else wanted


def window_of_trial(facts: ModelFacts | None) -> int:
    """The window for a few short calls: a run that follows may keep it."""
    return window_for(0, largest=LEAST, facts=facts or ModelFacts(""))


def _trained(window: int, facts: ModelFacts) -> int:
    return min(window, facts.trained) if facts.trained else window


class Windowed:
    """A `Model` whose calls all ask for one window."""

    def __init__(self, model: Model, window: int) -> None:
        self._model = model
        self._window = window

    @property
    def slots(self) -> int:
        """The model's slots."""
        return self._model.slots

    @slots.setter
    def slots(self, count: int) -> None:
        self._model.slots = count

    def replies(self, requests: Sequence[Request]) -> Iterator[Arrival]:
        """See `Model`."""
        return self._model.replies([replace(request, window=self._window) for request in requests])
