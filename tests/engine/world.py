"""A small world with known replies: labels that a target model finds only when asked in the right way."""

from __future__ import annotations

import json

from optimizer.engine import Config, Item, Task, run
from optimizer.engine.events import Event, Finished
from optimizer.llm.base import CallFailedError, Request
from optimizer.llm.ledger import Ledger, MemoryStore
from optimizer.llm.scripted import Scripted

WORDS = [f"word{number}" for number in range(40)]
ITEMS = tuple(Item(word, "even" if int(word[4:]) % 2 == 0 else "odd") for word in WORDS)
PROMPT = "Is it even?"


def last_input(request: Request) -> str:
    """The word that the target model was asked about."""
    said = " ".join(message.content for message in request.messages if message.role == "user")
    return next(part for part in reversed(said.split()) if part.startswith("word"))


def answers(request: Request) -> str:
    """Right once the prompt names the labels or shows chat turns; else too talkative to be graded right."""
    asked = request.messages[-1].content
    right = "even" if int(last_input(request)[4:]) % 2 == 0 else "odd"
    taught = len(request.messages) > 1 or "exactly one of" in asked or "GOOD" in asked
    return right if taught else f"I think that it is {right}."


def proposals(request: Request) -> str:
    """What a decent optimizer model says to each kind of request."""
    return json.dumps(
        {
            "understand": {
                "task": "Say odd or even.",
                "expert": "You are a counter.",
                "keywords": ["parity"],
            },
            "mutate": {"prompt": f"Tell whether the number is even, variant {request.seed}."},
            "critique": {"critique": "It does not say what to answer."},
            "synthesize": {"prompt": "GOOD: say odd or even."},
            "inputs": {"inputs": [f"word{number}" for number in range(request.seed % 7, 20)]},
            "compare": {"better": "A"},
            "rate": {"clarity": 7, "specificity": 6, "engagement": 5},
            "reasoning": {"reasoning": "Its last digit tells."},
            "rubric": {"score": 8},
            "contrast": {"rule": "Say GOOD only."},
        }[request.purpose]
    )


def world(request: Request) -> str | CallFailedError:
    """The script of a model that plays both parts."""
    return answers(request) if request.purpose == "answer" else proposals(request)


def task(**changes: object) -> Task:
    """The task of this world."""
    return Task(**{"prompt": PROMPT, "target_model": "t", "optimizer_model": "o", "items": ITEMS, **changes})  # type: ignore[arg-type]


def events_of(the_task: Task, script: object = world, seed: int = 0, **config: object) -> list[Event]:
    """All events of a run."""
    model = Ledger(Scripted(script), MemoryStore())  # type: ignore[arg-type]
    return list(run(the_task, Config(**config), model, seed))  # type: ignore[arg-type]


def result_of(the_task: Task, script: object = world, seed: int = 0, **config: object) -> Finished:
    """How a run ends."""
    last = events_of(the_task, script, seed, **config)[-1]
    assert isinstance(last, Finished)
    return last
