"""Shows in a terminal how far an optimization is."""

from __future__ import annotations

import re
from contextlib import suppress
from types import TracebackType
from typing import Any, Self, TextIO

from tqdm import tqdm

from optimizer.counts import counted
from optimizer.engine.events import Answered, Beat, Event, JudgeMeasured, Leading, Scored, Stage, Tried
from optimizer.engine.figures import percent

CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def plain(text: str, to_terminal: bool) -> str:
    """The text; for a terminal without control characters, which a model may have written."""
    return CONTROL.sub("", text) if to_terminal else text


class ProgressBar:
    """A bar for the current stage, with the best score so far and the newest candidate's mean so far beside it. A
    file gets only the faults, and how far a judge can be trusted."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._bar: Any = tqdm(
            disable=not stream.isatty(),
            file=stream,
            bar_format="{desc} {n}/{total} {bar:20} {elapsed}{postfix}",
            total=1,
        )
        self._means: dict[int, float] = {}
        self._best = self._newest = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # the terminal may be gone
            self._bar.close()

    def show(self, event: Event) -> None:
        """Follow what the engine tells, as long as there is a terminal."""
        with suppress(OSError):
            self._show(event)

    def _show(self, event: Event) -> None:
        match event:
            case Stage(name, done, total):
                self._bar.set_description_str(f"{name:38.38}", refresh=False)
                self._bar.total, self._bar.n = max(total, 1), done
                self._bar.refresh()
            case Beat(_, away) if away:
                self._bar.set_description_str("Waiting for Ollama", refresh=True)
            case Tried(fault):
                self._bar.write(plain(fault, to_terminal=True), file=self._stream)
            case JudgeMeasured(_, measure):
                self._bar.write(str(measure), file=self._stream)
            case Scored(number, "validation", _, mean, _):
                self._means[number] = mean
                self._newest = ""
            case Answered(number, "validation", _, mean, rows):
                self._newest = f"candidate {number}: {percent(mean)} on {counted(rows, 'row')}"
            case Leading(number) if number in self._means:
                self._best = f"best so far {percent(self._means[number])}"
            case _:
                return
        told = "; ".join(filter(None, [self._best, self._newest]))
        self._bar.set_postfix_str(told, refresh=isinstance(event, Leading))
