"""Which of the answers that are written side by side the open pages show."""

from __future__ import annotations

import time
from dataclasses import replace

from optimizer.engine.events import Answered, Writing
from optimizer.newest import Newest

SILENT = 2.0  # seconds after which another answer is followed


class Follower:
    """Follows one answer until it is scored or nothing more comes of it, then the next that is written."""

    def __init__(self) -> None:
        self.newest = Newest()
        self._heard = 0.0

    def begin(self) -> None:
        """A new stage: what was written before does not belong to it."""
        self.newest = Newest()

    def writing(self, event: Writing) -> None:
        """More of an answer, if it is the one to follow."""
        newest, now = self.newest, time.monotonic()
        same = (event.number, event.input) == (newest.number, newest.input)
        if same or not newest.text or newest.score is not None or now - self._heard > SILENT:
            self.newest, self._heard = Newest(event.text, event.number, event.input), now

    def answered(self, event: Answered) -> None:
        """The score of an answer, if it is the one that is followed."""
        outcome = event.outcome
        if (event.number, outcome.input) == (self.newest.number, self.newest.input):
            self.newest = replace(
                self.newest, text=outcome.output, expected=outcome.expected, score=outcome.score
            )
