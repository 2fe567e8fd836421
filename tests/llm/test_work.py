"""Which call a lane takes next."""

from __future__ import annotations

from optimizer.llm.base import Message, Request
from optimizer.llm.work import Track, Work


def calls(*beginnings: str) -> list[Request]:
    return [
        Request("test", "m", (Message("user", f"{name} {n}"),), max_tokens=5, beginning=name)
        for n, name in enumerate(beginnings)
    ]


def anything(model: str) -> bool:
    return True


def taken(work: Work, tracks: int) -> list[list[int]]:
    """What each lane takes, when they take in turns."""
    lanes = [Track() for _ in range(tracks)]
    found: list[list[int]] = [[] for _ in lanes]
    while any(work.has(lane, anything) for lane in lanes):
        for lane, calls_taken in zip(lanes, found, strict=True):
            if (index := work.take(lane, anything)) is not None:
                calls_taken.append(index)
    return found


def test_one_lane_takes_a_candidates_calls_together() -> None:
    assert taken(Work(calls(*"ababab")), 1) == [[0, 2, 4, 1, 3, 5]]


def test_each_lane_keeps_to_one_candidate() -> None:
    assert taken(Work(calls(*"ababab")), 2) == [[0, 2, 4], [1, 3, 5]]


def test_idle_lanes_join_where_much_is_left() -> None:
    shares = [len(share) for share in taken(Work(calls(*"aaaaaaaabbbbbbbb")), 4)]
    assert sum(shares) == 16
    assert min(shares) >= 2
    assert taken(Work(calls(*"aa")), 2) == [[0, 1], []]


def test_calls_without_a_beginning_go_to_whichever_lane_is_free() -> None:
    assert taken(Work(calls("", "", "", "")), 4) == [[0], [1], [2], [3]]


def test_a_lane_returns_to_the_candidate_that_it_had_in_the_last_batch() -> None:
    lane = Track()
    first = Work(calls("a", "b"))
    assert [first.take(lane, anything), first.take(lane, anything)] == [0, 1]
    assert Work(calls("a", "b")).take(lane, anything) == 1


def test_a_call_that_was_put_back_is_the_next() -> None:
    work, lane = Work(calls("a", "a")), Track()
    index = work.take(lane, anything)
    assert index == 0
    work.put_back(index)
    work.leave(lane)
    assert work.take(Track(), anything) == 0


def test_a_lane_takes_no_call_of_a_model_that_its_server_has_not_got() -> None:
    assert Work(calls("a")).take(Track(), lambda model: model != "m") is None


def test_what_a_lane_leaves_is_begun_by_another_however_little_it_is() -> None:
    work, first, second = Work(calls("a", "a", "a")), Track(), Track()
    assert [work.take(first, anything), work.take(first, anything)] == [0, 1]
    assert not work.has(second, anything)
    work.leave(first)
    assert work.take(second, anything) == 2
