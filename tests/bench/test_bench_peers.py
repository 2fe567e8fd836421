"""The peers of `make bench-method`, in their own environment, on a server whose replies are known.

`make test-peers` runs these tests.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.bench.method import apart
from tests.bench.method.jobs import Job
from tests.bench.method.tasks import HELD_OUT, LONGEST_ANSWER, SEARCHED
from tests.llm.server import FakeOllama, Served, serving

MODEL = "known:latest"
LABELS = {"apple": "k1", "bridge": "k2", "cloud": "k3", "donkey": "k4"}
ANSWER = "[[ ## answer ## ]]\n"
Body = dict[str, Any]


@pytest.fixture(autouse=True)
def installed() -> None:
    """Peers have packages of their own."""
    assert apart.PYTHON.exists(), "Run these tests by `make test-peers`, which installs the peers."


def write_rows(folder: Path) -> None:
    """Each word has a label that only the rows tell."""
    words = list(LABELS)
    rows = [(f"{words[n % 4]} {words[n % 4]} {n}", LABELS[words[n % 4]]) for n in range(SEARCHED + HELD_OUT)]
    told = "\n".join(json.dumps({"input": text, "expected": label}) for text, label in rows)
    (folder / "labels.jsonl").write_text(told)
    (folder / "manifest.json").write_text('{"labels": {"prompt": "Name the label.", "grader": "exact"}}')


@contextmanager
def asking(folder: Path, script: Callable[[Body], str]) -> Iterator[Callable[[str, int], dict[str, Any]]]:
    """Runs a peer with a budget, on rows in the folder and a model that answers by the script."""
    write_rows(folder)
    with serving(FakeOllama([Served(MODEL)], script)) as fake:
        yield lambda method, budget: apart.run(
            Job(method, str(folder), "labels", 0, fake.address, MODEL, budget)
        )


def texts(body: Body, role: str) -> list[str]:
    return [message["content"] for message in body["messages"] if message["role"] == role]


def right(body: Body) -> str:
    """The label for the input that is asked for last."""
    asked = texts(body, "user")[-1]
    return next(label for word, label in LABELS.items() if f"{word} {word}" in asked)


def in_fields(answer: str, reasoning: str = "") -> str:
    """As dspy wants it written."""
    thought = f"[[ ## reasoning ## ]]\n{reasoning}\n\n" if reasoning else ""
    return f"{thought}{ANSWER}{answer}\n\n[[ ## completed ## ]]"


@pytest.mark.parametrize("method", ["gepa", "miprov2", "cot-bootstrap"])
def test_a_peer_whose_tokens_are_spent_ends_with_what_it_has(tmp_path: Path, method: str) -> None:
    with asking(tmp_path, lambda body: in_fields("k1", "It is so.")) as run:
        line = run(method, 1_500)
    assert len(line["scores"]) == HELD_OUT
    assert 1_500 <= line["search_tokens"] < 6_000
    assert line["version"] == apart.PEERS[method]


def test_rows_are_chosen_anew_for_each_held_out_input(tmp_path: Path) -> None:
    def most_shown(body: Body) -> str:
        shown = [re.findall(rf"{re.escape(ANSWER)}(\w+)", text) for text in texts(body, "assistant")]
        [[label, count]] = Counter(label for labels in shown for label in labels).most_common(1)
        assert count == len(shown) == 8
        return in_fields(label)

    with asking(tmp_path, most_shown) as run:
        line = run("knn-few-shot", 0)
    assert (line["accuracy"], line["search_calls"]) == (1.0, 0)
    assert json.dumps(line["prompt"]).count("a similar input") == 8


def test_a_chain_of_thought_is_shown_its_own_right_reasonings(tmp_path: Path) -> None:
    limits = set()

    def better_when_shown(body: Body) -> str:
        limits.add(body["options"]["num_predict"])
        number = int(re.findall(r"(\d+)", texts(body, "user")[-1])[0])
        taught = any("Because of the word." in text for text in texts(body, "assistant"))
        return in_fields(right(body) if taught or number % 3 else "k9", "Because of the word.")

    with asking(tmp_path, better_when_shown) as run:
        line = run("cot-bootstrap", 30_000)
    assert line["accuracy"] == 1
    assert line["best_at_tokens"] > 0
    assert "Because of the word." in json.dumps(line["prompt"])
    assert limits == {LONGEST_ANSWER + 64}


def test_gepa_reads_the_answer_behind_the_marker_and_reflects_on_the_reasoning(tmp_path: Path) -> None:
    reflected: list[str] = []
    limits = set()

    def better_when_careful(body: Body) -> str:
        [text] = texts(body, "user")
        if "I provided an assistant" in text:
            reflected.append(text)
            return "```\nBe careful. End with a line “Answer: …”.\n```"
        limits.add(body["options"]["num_predict"])
        return f"k7 is tempting.\nAnswer: {right(body) if 'careful' in text else 'k9'}"

    with asking(tmp_path, better_when_careful) as run:
        line = run("gepa-reasoning", 12_000)
    assert line["accuracy"] == 1
    assert "Be careful." in line["prompt"][0]["content"]
    assert limits == {LONGEST_ANSWER}
    assert "Think step by step" in reflected[0]
    assert "k7 is tempting.\nAnswer: k9" in reflected[0]
    assert "what follows the last “Answer:” is exactly the correct answer" in reflected[0]
