"""The context window that calls ask for."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from optimizer.llm.base import Message, Reply, Request
from optimizer.llm.facts import ModelFacts
from optimizer.llm.fitting import Counted, solid_size
from optimizer.llm.ollama import OllamaHost
from optimizer.llm.scripted import Scripted
from optimizer.llm.windows import Windowed, window_for, window_of_trial
from tests.llm.server import FakeOllama, Served, serving


@pytest.mark.parametrize(
    ("longest", "largest", "trained", "loaded", "window"),
    [
        (10, 8192, 0, 0, 2048),
        (512, 8192, 0, 0, 2048),
        (513, 8192, 0, 0, 3072),
        (1000, 8192, 0, 0, 4096),
        (5000, 8192, 0, 0, 8192),
        (5000, 8192, 4096, 0, 4096),
        (10, 1024, 0, 0, 1024),
        (10, 8192, 0, 8192, 8192),  # loaded already, and enough
        (10, 8192, 0, 65536, 65536),
        (1000, 8192, 0, 2048, 4096),  # not enough
        (10, 8192, 4096, 8192, 4096),  # more than it was trained for
    ],
)
def test_the_window_is_four_times_the_longest_call(
    longest: int, largest: int, trained: int, loaded: int, window: int
) -> None:
    facts = ModelFacts("m", trained=trained, window=loaded)
    assert window_for(longest, largest=largest, facts=facts) == window


def test_a_trial_keeps_the_window_of_a_loaded_model() -> None:
    assert window_of_trial(None) == 2048
    assert window_of_trial(ModelFacts("m", window=4096)) == 4096
    assert window_of_trial(ModelFacts("m", window=1024)) == 2048


def ask(window: int = 0, text: str = "Hi") -> Request:
    return Request("test", "m", (Message("user", text),), max_tokens=5, window=window)


def test_a_window_does_not_make_another_request() -> None:
    """What was paid for in another window is known, and so is what was paid for before there were windows."""
    assert ask(2048).key == ask().key
    assert ask().key == "3651e685352c7b3cbfb935083a934571558a56befd13963ab056777c0b8d1fa9"


def test_each_call_asks_for_the_window() -> None:
    model = Scripted(lambda request: "yes", slots=3)
    windowed = Windowed(model, 2048)
    assert windowed.slots == 3
    list(windowed.replies([ask(), ask()]))
    assert [request.window for request in model.requests] == [2048, 2048]


@pytest.mark.parametrize(("window", "sent"), [(2048, 2048), (0, 8192), (65536, 32768)])
def test_the_window_reaches_the_server(window: int, sent: int) -> None:
    async def reply(address: str) -> Reply:
        host = OllamaHost(address)
        try:
            return await host.reply(ask(window), lambda text: None)
        finally:
            await host.close()

    with serving(FakeOllama([Served("m")])) as fake:
        asyncio.run(reply(fake.address))
    assert fake.bodies("/api/chat")[-1]["options"]["num_ctx"] == sent


def test_runs_of_blanks_and_marks_count_little() -> None:
    assert solid_size([Message("user", "a" + " " * 80 + "b")]) == 3
    assert solid_size([Message("user", "=" * 80 + "\n\n\n\nb")]) == 3
    assert solid_size([Message("user", "aaaa 1000000")]) == 12


def test_how_many_tokens_a_prompt_surely_has_is_learnt() -> None:
    counted = Counted()
    text = "some words " * 40
    assert counted.fewest("m", ask(text=text).messages) == 0
    counted.add(ask(text="short"), Reply("", prompt_tokens=1))
    assert counted.fewest("m", ask(text=text).messages) == 0
    counted.add(ask(text=text), Reply("", prompt_tokens=90))
    counted.add(ask(text=text), Reply("", prompt_tokens=120))
    assert counted.fewest("m", ask(text=text).messages) == pytest.approx(60)
    assert counted.fewest("other", ask(text=text).messages) == 0
    assert counted.fewest("m", [*ask(text=text).messages] * 2) == pytest.approx(120)
    assert replace(ask(), window=1).window == 1


def test_a_model_that_thinks_gets_room_for_it() -> None:
    assert window_for(512, largest=8192, facts=ModelFacts("m"), thoughts=1024) == 3072
