"""Many calls over one or several servers, servers that fail, and calls that nobody wants any more."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from optimizer.llm.base import CallFailedError, Done, Failed, Idle, InVain, Message, Request, UnavailableError
from optimizer.llm.facts import ModelFacts
from optimizer.llm.pool import Pool
from optimizer.llm.scripted import ScriptedHost
from optimizer.llm.servers import MOST_FAULTS, Server

MakePool = Callable[..., Pool]


@pytest.fixture
def make_pool() -> Iterator[MakePool]:
    pools: list[Pool] = []

    def make(*hosts: ScriptedHost) -> Pool:
        pools.append(Pool(lambda: hosts))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


def ask(number: int) -> Request:
    return Request("test", "m", (Message("user", str(number)),), max_tokens=5)


def echo(request: Request) -> str:
    return request.messages[0].content


def failing_first(times: int, *, answered: bool) -> Callable[[Request], str]:
    left = iter(range(times))

    def script(request: Request) -> str:
        if next(left, None) is not None:
            raise UnavailableError("not now", answered=answered)
        return echo(request)

    return script


def test_every_request_is_answered_over_all_slots(make_pool: MakePool) -> None:
    host = ScriptedHost(echo, slots=3, latency=0.02)
    done = {
        a.index: a.reply.text
        for a in make_pool(host).replies([ask(n) for n in range(9)])
        if isinstance(a, Done)
    }
    assert done == {n: str(n) for n in range(9)}
    assert host.at_once == 3


def test_two_servers_share_the_work(make_pool: MakePool) -> None:
    hosts = [ScriptedHost(echo, slots=2, latency=0.02) for _ in range(2)]
    pool = make_pool(*hosts)
    assert pool.slots == 4
    list(pool.replies([ask(n) for n in range(8)]))
    assert [len(host.requests) for host in hosts] == [4, 4]


def test_a_server_that_is_away_is_left_out(make_pool: MakePool) -> None:
    away = ScriptedHost(failing_first(99, answered=False), slots=2)
    here = ScriptedHost(echo, slots=2, latency=0.01)
    done = [a for a in make_pool(away, here).replies([ask(n) for n in range(8)]) if isinstance(a, Done)]
    assert len(done) == 8
    assert len(here.requests) >= 8


def test_503_twice_then_success_takes_three_tries(make_pool: MakePool) -> None:
    host = ScriptedHost(failing_first(2, answered=True))
    arrivals = list(make_pool(host).replies([ask(1)]))
    assert isinstance(arrivals[-1], Done)
    assert len(host.requests) == 3


def test_a_refused_call_fails_at_once(make_pool: MakePool) -> None:
    def refuse(request: Request) -> str:
        raise CallFailedError("refused", "no")

    host = ScriptedHost(refuse)
    (arrival,) = make_pool(host).replies([ask(1)])
    assert isinstance(arrival, Failed)
    assert len(host.requests) == 1


def test_a_server_that_always_reports_a_fault_is_given_up(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("optimizer.llm.servers.FAULTY_PAUSE", 0.01)
    host = ScriptedHost(failing_first(99, answered=True))
    *_, last = make_pool(host).replies([ask(1)])
    assert isinstance(last, Failed)
    assert last.error.code == "server_fault"
    assert len(host.requests) == MOST_FAULTS


def test_while_no_server_answers_it_says_so_and_goes_on_by_itself(make_pool: MakePool) -> None:
    host = ScriptedHost(failing_first(2, answered=False))
    arrivals = list(make_pool(host).replies([ask(1)]))
    waiting = [arrival.waiting for arrival in arrivals if isinstance(arrival, Idle) and arrival.waiting]
    assert waiting
    assert waiting[0] == "not now"
    assert isinstance(arrivals[-1], Done)


def test_closing_aborts_what_is_in_flight(make_pool: MakePool) -> None:
    host = ScriptedHost(echo, slots=2, latency=30)
    replies = make_pool(host).replies([ask(n) for n in range(6)])
    next(replies)
    replies.close()  # type: ignore[attr-defined]
    deadline = time.monotonic() + 1
    while host.aborted < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    assert host.aborted == 2
    assert len(host.requests) == 2


class Without(ScriptedHost):
    """A server that has not got one of the models."""

    async def models(self) -> dict[str, ModelFacts]:
        return {"other": ModelFacts("other", "2")}


def lacking(request: Request) -> str:
    raise CallFailedError("unknown_model", "model 'm' not found")


def test_a_model_that_one_server_lacks_is_asked_of_the_other(make_pool: MakePool) -> None:
    without, here = Without(lacking, slots=1), ScriptedHost(echo, slots=1, latency=0.01)
    pool = make_pool(without, here)
    done = [a for a in pool.replies([ask(n) for n in range(6)]) if isinstance(a, Done)]
    assert len(done) == len(here.requests) == 6
    assert len(without.requests) == 1
    told = [(facts.name, facts.digest) for facts in pool.models().values()]
    assert told == [("other", "2"), ("scripted", "1")]  # the first server's come first


def test_a_model_that_no_server_has_fails_the_call(make_pool: MakePool) -> None:
    hosts = [Without(lacking), Without(lacking)]
    (arrival,) = make_pool(*hosts).replies([ask(1)])
    assert isinstance(arrival, Failed)
    assert arrival.error.code == "unknown_model"
    assert [len(host.requests) for host in hosts] == [1, 1]


def test_a_server_that_stays_away_is_tried_ever_less(make_pool: MakePool) -> None:
    away = ScriptedHost(failing_first(99, answered=False), slots=2)
    here = ScriptedHost(echo, slots=2, latency=0.05)
    pool = make_pool(away, here)
    for batch in range(10):
        list(pool.replies([ask(10 * batch + n) for n in range(8)]))
    assert len(here.requests) == 80
    assert len(away.requests) <= 8  # 2 s at pauses of 0.25, 0.5 and 1 s, two slots each


def test_a_call_after_no_server_had_the_model_is_tried_again(make_pool: MakePool) -> None:
    def script(request: Request) -> str:
        if len(host.requests) == 1:
            raise CallFailedError("unknown_model", "not yet pulled")
        if len(host.requests) == 2:
            raise UnavailableError("starts again")
        return "here"

    host = ScriptedHost(script)
    pool = make_pool(host)
    assert isinstance(next(a for a in pool.replies([ask(1)]) if not isinstance(a, Idle)), Failed)
    *_, last = pool.replies([ask(1)])
    assert isinstance(last, Done)


def test_the_same_error_five_times_in_five_minutes_is_the_servers_last_word() -> None:
    server = Server(ScriptedHost(echo))
    fault = UnavailableError("requires more system memory", answered=True, status=500)
    now = 1000.0
    for tries in range(1, MOST_FAULTS + 1):
        assert server.serves("m")
        assert server.failed("m", fault, now), tries
        assert not server.failed("m", fault, now), "calls that fail together count once"
        now = server.away_until
    assert not server.serves("m")
    assert server.serves("another")
    assert "requires more system memory" in str(server.broken["m"])
    assert server.broken["m"].code == "server_fault"
    assert now - 1000 < 300


def test_errors_that_are_long_ago_or_others_count_for_nothing() -> None:
    server, now = Server(ScriptedHost(echo)), 1000.0
    for number in range(12):
        server.failed("m", UnavailableError("busy", answered=True, status=503), now)
        now = max(server.away_until, now + 80)
        if number % 4 == 3:
            server.answered("m")
    for number in range(12):
        server.failed("m", UnavailableError(f"error {number}", answered=True, status=500), now)
        now = server.away_until
    for _ in range(12):
        server.failed("m", UnavailableError("no connection"), now)
        now = server.away_until
    assert server.serves("m")


def test_a_server_that_refuses_for_now_is_given_longer_than_one_that_fails() -> None:
    pauses = {}
    for status in (500, 429):
        server = Server(ScriptedHost(echo))
        server.failed("m", UnavailableError("no", answered=True, status=status), 0.0)
        pauses[status] = server.pause
    assert pauses[429] > pauses[500]


def test_each_try_is_told(make_pool: MakePool) -> None:
    arrivals = list(make_pool(ScriptedHost(failing_first(2, answered=True))).replies([ask(1)]))
    assert [arrival.fault for arrival in arrivals if isinstance(arrival, InVain)] == ["not now", "not now"]


def test_another_pool_continues_to_count(make_pool: MakePool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("optimizer.llm.servers.FAULTY_PAUSE", 0.01)
    first = make_pool(ScriptedHost(failing_first(3, answered=True)))
    replies = first.replies([ask(1)])
    seen = 0
    for arrival in replies:
        seen += isinstance(arrival, InVain)
        if seen == 3:
            break
    replies.close()  # type: ignore[attr-defined]
    host = ScriptedHost(failing_first(99, answered=True))
    second = make_pool(host)
    second.recall(first.faults())
    *_, last = second.replies([ask(1)])
    assert isinstance(last, Failed)
    assert len(host.requests) == MOST_FAULTS - 3


def test_a_broken_server_leaves_the_work_to_the_other(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("optimizer.llm.servers.FAULTY_PAUSE", 0.01)
    broken, here = ScriptedHost(failing_first(99, answered=True), slots=1), ScriptedHost(echo, latency=0.05)
    done = [a for a in make_pool(broken, here).replies([ask(n) for n in range(40)]) if isinstance(a, Done)]
    assert len(done) == 40
    assert len(broken.requests) <= MOST_FAULTS


def test_one_of_two_servers_dies_in_the_middle(make_pool: MakePool) -> None:
    def dying(request: Request) -> str:
        if len(dies.requests) > 3:
            raise UnavailableError("no connection")
        return echo(request)

    dies, lives = ScriptedHost(dying, slots=2, latency=0.01), ScriptedHost(echo, slots=2, latency=0.01)
    arrivals = list(make_pool(dies, lives).replies([ask(n) for n in range(60)]))
    assert sorted(a.index for a in arrivals if isinstance(a, Done)) == list(range(60))
    assert not [a for a in arrivals if isinstance(a, Idle) and a.away]


def test_a_model_that_is_loaded_first_is_told(make_pool: MakePool) -> None:
    host = ScriptedHost(echo, latency=0.6)
    host.facts = [ModelFacts("m")]
    pool = make_pool(host)
    assert Idle("Loading m") in list(pool.replies([ask(1)]))
    assert Idle("Loading m") not in list(pool.replies([ask(2)])), "it is loaded now"
    for facts in (ModelFacts("m", loaded=True), ModelFacts("m", remote="example.org")):
        host.facts = [facts]
        assert Idle("Loading m") not in list(make_pool(host).replies([ask(1)]))


def broken(request: Request) -> str:
    raise UnavailableError("llama runner process has terminated", answered=True, status=500)


def alike(count: int) -> list[Request]:
    """Calls of few candidates."""
    return [
        Request("test", "m", (Message("user", str(n)),), max_tokens=5, beginning=str(n % 2))
        for n in range(count)
    ]


def test_a_call_that_one_server_never_answers_is_answered_by_the_other(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("optimizer.llm.servers.FAULTY_PAUSE", 0.02)
    bad, good = ScriptedHost(broken, slots=1), ScriptedHost(echo, slots=1, latency=0.3)
    done = [arrival for arrival in make_pool(bad, good).replies(alike(8)) if isinstance(arrival, Done)]
    assert len(done) == 8


@pytest.mark.parametrize("code", ["unauthorized", "not_ollama", "no_https", "bad_certificate", "redirected"])
def test_a_server_that_cannot_be_used_leaves_its_calls_to_the_other(make_pool: MakePool, code: str) -> None:
    def unusable(request: Request) -> str:
        raise CallFailedError(code, "no")

    bad, good = ScriptedHost(unusable), ScriptedHost(echo)
    done = [arrival for arrival in make_pool(bad, good).replies(alike(6)) if isinstance(arrival, Done)]
    assert len(done) == 6
    (arrival,) = make_pool(ScriptedHost(unusable)).replies([ask(1)])
    assert isinstance(arrival, Failed)
    assert arrival.error.code == code


def test_it_is_away_though_a_server_without_its_model_is_there(make_pool: MakePool) -> None:
    away, without = ScriptedHost(failing_first(2, answered=False)), Without(lacking)
    arrivals = list(make_pool(away, without).replies([ask(1)]))
    assert [arrival for arrival in arrivals if isinstance(arrival, Idle) and arrival.away]
    assert isinstance(arrivals[-1], Done)


def test_a_server_that_is_tried_again_after_an_error_is_not_away(make_pool: MakePool) -> None:
    host = ScriptedHost(failing_first(1, answered=True), latency=0.8)
    told = [arrival for arrival in make_pool(host).replies([ask(1)]) if isinstance(arrival, Idle)]
    last_away = max(index for index, idle in enumerate(told) if idle.away)
    assert len(told) - last_away > 2, "the second try takes 0.8 seconds"


def test_a_list_of_models_that_always_fails_is_given_up(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("optimizer.llm.servers.FAULTY_PAUSE", 0.001)

    class Unlisted(ScriptedHost):
        async def models(self) -> dict[str, ModelFacts]:
            raise UnavailableError("bad gateway", answered=True, status=502)

    pool = make_pool(Unlisted(echo))
    for _ in range(MOST_FAULTS - 1):
        with pytest.raises(UnavailableError):
            pool.models()
        time.sleep(0.1)
    with pytest.raises(CallFailedError, match="bad gateway"):
        pool.models()


def test_a_pool_that_cannot_be_made_leaves_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    def connect() -> list[ScriptedHost]:
        raise CallFailedError("bad_client", "no")

    before = threading.active_count()
    with pytest.raises(CallFailedError):
        Pool(connect)
    assert threading.active_count() == before
