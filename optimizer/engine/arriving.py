"""What comes of a batch while it is under way: seen by those who asked, and told to nobody else as it is."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from contextlib import closing
from dataclasses import dataclass
from typing import Any, TypeVar

from optimizer.engine.events import Event, Writing

T = TypeVar("T")
Told = TypeVar("Told")
Retold = TypeVar("Retold")


@dataclass(frozen=True)
class Written:
    """The text of the answer at that place of the batch, as far as it is."""

    place: int
    text: str


@dataclass(frozen=True)
class Arrived:
    """What came at that place of the batch: an answer, or what was made of it."""

    place: int
    what: Any


Live = Generator[Event | Written | Arrived, None, T]  # tells events and arrivals, and ends with a value


def translated(
    steps: Generator[Told, None, T], function: Callable[[Told], Iterable[Retold]]
) -> Generator[Retold, None, T]:
    """The same steps, with what the function makes of each thing that they tell."""
    with closing(steps):
        while True:
            try:
                told = next(steps)
            except StopIteration as end:
                value: T = end.value
                return value
            yield from function(told)


def public(told: Event | Written | Arrived) -> Iterable[Event]:
    """What everybody is told: no arrivals, and of what is written the text."""
    match told:
        case Written(_, text):
            return (Writing(text),)
        case Arrived():
            return ()
        case event:
            return (event,)
