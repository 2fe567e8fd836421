"""Events of a batch while it is under way: only those who asked see them as they are."""

from __future__ import annotations

from collections.abc import Callable, Collection, Generator, Iterable, Sequence
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
    """The same steps, but each thing they tell is replaced by what the function makes of it."""
    with closing(steps):
        while True:
            try:
                told = next(steps)
            except StopIteration as end:
                value: T = end.value
                return value
            yield from function(told)


def arriving(steps: Live[T], function: Callable[[int, Any], Iterable[Event | Written | Arrived]]) -> Live[T]:
    """The same steps, but each arrival is replaced by what the function makes of its place and content."""

    def told(event: Event | Written | Arrived) -> Iterable[Event | Written | Arrived]:
        return function(event.place, event.what) if isinstance(event, Arrived) else (event,)

    return translated(steps, told)


def remade(steps: Live[T], function: Callable[[int, Any], Any]) -> Live[T]:
    """The same steps, where something else arrives at each place."""
    return arriving(steps, lambda place, what: (Arrived(place, function(place, what)),))


def placed(
    steps: Live[T], places: Sequence[int], final: Callable[[Any], bool] = lambda what: True
) -> Live[T]:
    """The same steps, of a batch whose requests have these places in a larger one. What is not final is not told: it
    is asked for again."""

    def moved(told: Event | Written | Arrived) -> Iterable[Event | Written | Arrived]:
        match told:
            case Written(place, text):
                yield Written(places[place], text)
            case Arrived(place, what):
                if final(what):
                    yield Arrived(places[place], what)
            case event:
                yield event

    return translated(steps, moved)


def withheld(steps: Live[T], places: Collection[int]) -> Live[T]:
    """The same steps, but what arrives at these places is not told: more follows there."""
    return arriving(steps, lambda place, what: () if place in places else (Arrived(place, what),))


def unwritten(steps: Live[T]) -> Live[T]:
    """The same steps, but nobody is told what is being written."""
    return translated(steps, lambda told: () if isinstance(told, Written) else (told,))


def public(told: Event | Written | Arrived) -> Iterable[Event]:
    """What the whole run is told: no arrivals, and only the text of what is being written."""
    match told:
        case Written(_, text):
            return (Writing(text),)
        case Arrived():
            return ()
        case event:
            return (event,)
