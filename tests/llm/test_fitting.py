"""Whether a server read all that was sent: newer ones refuse what is too long, older ones cut it and say nothing."""

from __future__ import annotations

import asyncio
import re

import pytest

from optimizer.llm.base import CallFailedError, Message, Reply, Request
from optimizer.llm.ollama import OllamaHost
from tests.llm.server import FakeOllama, Served, serving

WINDOW = 2048
OLD, NEW = "0.12.3", "0.13.0"
LAYOUT = "\n".join(f"item{' ' * 80}net{' ' * 60}{n}" for n in range(60))  # 9,000 bytes, 300 tokens
WORDY = "Some plain words of a letter. " * 200  # 6,000 bytes


def blanks_are_cheap(text: str) -> int:
    return len(re.findall(r" {1,80}(?= |$)|\w+|[^\w\s]|\n", text))


def ask(text: str, *earlier: str, limit: int = 20) -> Request:
    turns = [Message("user" if n % 2 == 0 else "assistant", said) for n, said in enumerate(earlier)]
    return Request("test", "m", (*turns, Message("user", text)), max_tokens=limit)


def replies(fake: FakeOllama, *asked: Request) -> list[Reply]:
    async def all_of_them() -> list[Reply]:
        host = OllamaHost(fake.address, context=WINDOW)
        try:
            return [await host.reply(request, lambda text: None) for request in asked]
        finally:
            await host.close()

    with serving(fake):
        return asyncio.run(all_of_them())


@pytest.mark.parametrize("version", [OLD, NEW, ""])
def test_many_blanks_fit(version: str) -> None:
    fake = FakeOllama([Served("m")], count=blanks_are_cheap, version=version)
    (reply,) = replies(fake, ask(LAYOUT))
    assert 0 < reply.prompt_tokens < len(LAYOUT) / 8


def test_a_newer_server_is_believed() -> None:
    (reply,) = replies(FakeOllama([Served("m")], count=lambda text: 20, version=NEW), ask(WORDY))
    assert (reply.text, reply.prompt_tokens) == ("yes", 20)


def test_what_surely_does_not_fit_is_refused_where_the_server_cuts() -> None:
    with pytest.raises(CallFailedError, match="does not fit") as failed:
        replies(FakeOllama([Served("m")], count=lambda text: 700, version=OLD), ask(WORDY * 3))
    assert failed.value.code == "context_window"


@pytest.mark.parametrize("counted", [2048, 3000])
def test_a_full_window_was_cut(counted: int) -> None:
    with pytest.raises(CallFailedError):
        replies(FakeOllama([Served("m")], count=lambda text: counted, version=OLD), ask(WORDY))


def test_what_was_counted_of_other_prompts_tells_that_turns_were_dropped() -> None:
    def dropping(text: str) -> int:
        return min(len(text) // 4, 300)

    fake = FakeOllama([Served("m")], count=dropping, version=OLD)
    assert replies(fake, ask("Some plain words. " * 40))[0].prompt_tokens == 180
    with pytest.raises(CallFailedError):
        replies(fake, ask("Some plain words. " * 40), ask("And now?", WORDY, "yes"))


def test_a_server_that_does_not_count_what_it_remembers_is_asked_for_a_part() -> None:
    """It counts three tokens, whatever was sent."""
    fake = FakeOllama([Served("m")], count=lambda text: 3, version=OLD)
    replies(fake, ask(WORDY), ask(WORDY))
    parts = [body for body in fake.bodies("/api/chat") if not body["stream"]]
    assert [len(body["messages"][0]["content"]) for body in parts] == [WINDOW // 2]
    assert parts[0]["options"] == {"num_predict": 1, "num_ctx": WINDOW}


def test_a_server_that_counts_nothing_is_believed() -> None:
    (reply,) = replies(FakeOllama([Served("m")], count=lambda text: 0, version=OLD), ask(WORDY))
    assert (reply.text, reply.prompt_tokens) == ("yes", 0)


def test_an_answer_that_ends_with_the_window_is_no_reply() -> None:
    fake = FakeOllama([Served("m")], count=lambda text: 2040, script=lambda body: "word" * 10, version=NEW)
    fake.reason = "length"
    with pytest.raises(CallFailedError):
        replies(fake, ask(WORDY, limit=50))
    assert replies(fake, ask("Hi", limit=10))
