"""A search for nothing ends early, cheaply, and says why."""

from __future__ import annotations

from optimizer.engine.events import Event, Finished, Spent
from optimizer.llm.base import CallFailedError, Request
from tests.engine.world import events_of, last_input, proposals, task


def right(request: Request) -> str:
    return "even" if int(last_input(request)[4:]) % 2 == 0 else "odd"


def ended(events: list[Event]) -> tuple[Finished, int]:
    """How it ended, and after how many calls."""
    finished = events[-1]
    assert isinstance(finished, Finished)
    return finished, max(event.calls for event in events if isinstance(event, Spent))


def test_an_original_that_is_right_everywhere_ends_it_at_once() -> None:
    finished, calls = ended(events_of(task(), lambda r: right(r) if r.purpose == "answer" else proposals(r)))
    assert finished.headroom.verdict == "none"
    assert "right on all 24 rows" in finished.reason
    assert finished.best == 0
    assert calls <= 42


def test_where_every_lever_does_harm_it_ends_after_the_first_rewrites() -> None:
    def spoilt(request: Request) -> str | CallFailedError:
        """Right nine times of ten with the original, and never with anything else."""
        if request.purpose != "answer":
            return proposals(request)
        sent = "".join(message.content for message in request.messages)
        original = sent == f"Is it even?\n\n{last_input(request)}" and not request.schema
        return right(request) if original and int(last_input(request)[4:]) % 5 else "never"

    finished, calls = ended(events_of(task(), spoilt))
    assert finished.headroom.verdict == "none"
    assert "examples, reasoning" in finished.reason or "examples and" in finished.reason
    assert finished.reason == finished.headroom.reason
    assert len(finished.reason) <= 200
    assert calls < 400


def test_a_lack_of_proof_ends_nothing() -> None:
    def noise(request: Request) -> str | CallFailedError:
        """As often right whatever it is shown."""
        if request.purpose != "answer":
            return proposals(request)
        return right(request) if int(request.key, 16) % 2 else "never"

    finished, _ = ended(events_of(task(), noise, iterations=1))
    assert finished.headroom.verdict == "some"


def test_a_constraint_that_may_help_keeps_the_search_going() -> None:
    """Whatever else is tried does harm; held to its labels, the model is right on one row more in five."""

    def held(request: Request) -> str | CallFailedError:
        if request.purpose != "answer":
            return proposals(request)
        sent = "".join(message.content for message in request.messages)
        original = sent == f"Is it even?\n\n{last_input(request)}"
        easy = int(last_input(request)[4:]) % 5 > 0 or request.schema is not None
        return right(request) if original and easy else "never"

    finished, _ = ended(events_of(task(), held, iterations=1))
    assert finished.headroom.verdict == "some"
    assert finished.components.constraint
