"""Ctrl-C, and the signals by which timeout, systemd or a CI end a command."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Self

from optimizer.engine.events import Event

ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruption:
    """Lets a signal wait for the next event: raised within a query, it would cost the database connection. A second
    Ctrl-C is raised at once."""

    def __init__(self) -> None:
        self._number = 0
        self._raised = False

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._note) for number in ENDING}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Restore the handlers. After a first signal, others are ignored, except Ctrl-C."""
        for number, before in self._before.items():
            ignored = self._number and number != signal.SIGINT
            signal.signal(number, signal.SIG_IGN if ignored else before)

    def watch(self, event: Event) -> None:
        """Raises KeyboardInterrupt once there was a signal; with its number, unless it was Ctrl-C."""
        if self._number:
            self._raise()

    def _note(self, number: int, frame: FrameType | None) -> None:
        again = self._number and number == signal.SIGINT
        self._number = self._number or number
        if again and not self._raised:
            self._raise()

    def _raise(self) -> None:
        self._raised = True
        raise KeyboardInterrupt(*([] if self._number == signal.SIGINT else [self._number]))
