"""How long a terminal waits for a model server."""

from __future__ import annotations

import time

from django.conf import settings

from optimizer.engine.events import Asked, Beat, Event, Stage, Tried
from optimizer.llm.base import CallFailedError

GIVE_UP = 60.0  # seconds without a server; a worker waits longer, because nobody sits in front of it

AWAY = "does not answer"  # a server that reports its own fault is there: such a run ends by itself, after some tries


class GivingUp:
    """Watches a run. If no server answers for this long, it ends the run and says what to do."""

    def __init__(self, session_id: int) -> None:
        self.session_id = session_id
        self.ended = ""  # why it was ended
        self._since: float | None = None

    def watch(self, event: Event) -> None:
        """Raises CallFailedError once the wait is too long."""
        match event:
            case Beat(waiting, away) if away and AWAY in waiting:
                self._since = self._since or time.monotonic()
                if time.monotonic() - self._since >= GIVE_UP:
                    self.ended = self._advice(waiting)
                    raise CallFailedError("unreachable", self.ended)
            case Stage(_, 0, _) | Asked() | Tried():
                pass  # begun, or tried in vain: no answer yet
            case _:
                self._since = None

    def _advice(self, waiting: str) -> str:
        hosts = ", ".join(map(str, settings.OLLAMA_HOSTS))
        return (
            f"No answer from Ollama at {hosts} for {GIVE_UP:.0f} seconds. {waiting} "
            "Start Ollama there, or set OLLAMA_HOST to where it runs; `./manage.py doctor` says more. "
            f"Then continue: ./manage.py optimize --resume {self.session_id}"
        )
