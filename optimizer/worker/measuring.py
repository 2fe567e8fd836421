"""What a worker finds out about models when no optimization needs them: which there are, and how fast they are."""

from __future__ import annotations

from contextlib import suppress

from optimizer import installed, speeds
from optimizer.llm.base import CallFailedError, UnavailableError
from optimizer.llm.facts import named
from optimizer.llm.trial import trial
from optimizer.llm.windows import Windowed, window_of_trial
from optimizer.pools import connected


def refresh_models() -> None:
    """Keep the list of models that forms offer; if there is none, a run says what is wrong."""
    with suppress(UnavailableError, CallFailedError), connected() as pool:
        installed.keep(pool.models().values())


def measure_speed(model: str) -> None:
    """Time a few small calls of a model, for estimates."""
    with suppress(UnavailableError, CallFailedError), connected() as pool:
        windowed = Windowed(pool, window_of_trial(named(pool.models(), model)))
        tried = trial(windowed, model)
        speeds.keep(model, speeds.of_trial(tried), calls=tried.calls)
    speeds.answer(model)
