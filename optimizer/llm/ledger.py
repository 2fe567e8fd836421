"""Every reply is written down before anyone sees it, and nothing is paid for twice."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Protocol

from optimizer.llm.base import Arrival, Done, Failed, Model, Piece, Reply, Request


class Store(Protocol):
    """Where replies are kept."""

    def find(self, keys: Iterable[str]) -> Mapping[str, Reply]:
        """The replies known for these keys."""
        ...

    def save(self, request: Request, reply: Reply) -> Reply:
        """Keep a reply for good. Returns it as kept, so that a replay gets the same."""
        ...


class Ledger:
    """A `Model` that answers from the store, and asks the model behind it for the rest."""

    def __init__(self, model: Model, store: Store, *, slots: int | None = None) -> None:
        """`slots` is how many calls are planned at once; by default as many as the model answers."""
        self._model = model
        self._store = store
        self.slots = slots or model.slots

    def replies(self, requests: Sequence[Request]) -> Iterator[Arrival]:
        """See `Model`. Equal requests of one batch make one call."""
        known = self._store.find({request.key for request in requests})
        places: dict[str, list[int]] = {}
        for index, request in enumerate(requests):
            if request.key in known:
                yield Done(index, known[request.key])
            else:
                places.setdefault(request.key, []).append(index)
        if places:
            yield from self._ask([requests[where[0]] for where in places.values()], list(places.values()))

    def _ask(self, requests: Sequence[Request], places: Sequence[list[int]]) -> Iterator[Arrival]:
        for arrival in self._model.replies(requests):
            match arrival:
                case Done(index, reply):
                    kept = self._store.save(requests[index], reply)
                    yield from (Done(place, kept) for place in places[index])
                case Failed(index, error):
                    yield from (Failed(place, error) for place in places[index])
                case Piece(index, text):
                    yield Piece(places[index][0], text)
                case idle:
                    yield idle


class MemoryStore:
    """Keeps replies in memory: for scripts and tests of the engine."""

    def __init__(self) -> None:
        self.kept: dict[str, Reply] = {}

    def find(self, keys: Iterable[str]) -> Mapping[str, Reply]:
        return {key: self.kept[key] for key in keys if key in self.kept}

    def save(self, request: Request, reply: Reply) -> Reply:
        self.kept[request.key] = reply
        return reply


def paid_once(model: Model) -> Model:
    """The model behind a ledger: its own if it has one, else one in memory."""
    return model if isinstance(model, Ledger) else Ledger(model, MemoryStore())
