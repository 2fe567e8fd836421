"""Test inputs for a prompt that comes without rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import zip_longest

from optimizer.engine import meta, replies
from optimizer.engine.asking import Asker, Steps
from optimizer.engine.budget import BudgetSpentError
from optimizer.engine.calls import THINKING_TOKENS, Answer, cut_in_thought, proposal_request
from optimizer.engine.components import original_of
from optimizer.engine.events import Event, Invented, Noted
from optimizer.engine.task import Config, Item, Task, TaskRefusedError
from optimizer.engine.variables import read_values, shown
from optimizer.llm.base import CallFailedError, Model, Request
from optimizer.llm.ledger import paid_once

INVENTED = 24  # half of them are held out: as many as a verdict takes
FEWEST = 16  # fewer are asked for once more
LONGEST = 500  # characters of an input
KINDS = (
    "ordinary ones",
    "edge cases: unusual, ambiguous, incomplete or difficult ones",
    "very short and very long ones",
    "ones of different people and subjects",
)
STAGE = "Writing test inputs"
FEWEST_TOKENS = 512  # for a list of inputs


def invent(task: Task, config: Config, model: Model, seed: int = 0) -> Iterator[Event]:
    """Only write test inputs, for a person to see and change. The last event is Invented; give them as
    `Task.inputs`."""
    inputs = yield from invented(task, Asker(paid_once(model), config, seed))
    yield Invented(inputs)


def invented(task: Task, asker: Asker) -> Steps[tuple[str, ...]]:
    """Varied inputs: each kind is asked for on its own, and like ones are left out. () where that gives nothing."""
    requests = [_request(task, asker, kind) for kind in KINDS]
    answers = yield from asker.ask(STAGE, requests)
    if all(map(cut_in_thought, answers)):
        requests = [replace(r, max_tokens=r.max_tokens + THINKING_TOKENS) for r in requests]
        answers = yield from asker.ask(STAGE, requests)
    texts = _usable(task, answers)
    if 0 < len(texts) < FEWEST:
        more = [replace(request, seed=request.seed + 1) for request in requests]
        with suppress(BudgetSpentError):
            texts = _usable(task, [*answers, *(yield from asker.ask(STAGE, more))])
    if not texts:
        yield Noted("The optimizer model wrote no usable test inputs: the prompt is run as it is.")
    return texts[:INVENTED]


def _usable(task: Task, answers: Sequence[Answer]) -> tuple[str, ...]:
    """The inputs in these answers, in turn from each, so that every kind is among the first."""
    lists = [replies.read_texts(a.text, "inputs") for a in answers if not isinstance(a, CallFailedError)]
    written = [text for some in zip_longest(*lists) for text in some if text is not None]
    names = names_of(task)
    if len(names) > 1:
        written = [text for text in written if read_values(text, names) and len(text) <= LONGEST]
    return varied([text[:LONGEST] for text in written], meta_texts=(task.whole_prompt, *KINDS))


def items_of(task: Task, inputs: Sequence[str]) -> tuple[Item, ...]:
    """The inputs as rows without answers. TaskRefusedError for one that does not fill the prompt's variables."""
    names = names_of(task)
    items = []
    for number, text in enumerate(inputs, 1):
        values = read_values(text, names)
        if values is None:
            raise TaskRefusedError(f"Test input {number}: {lacking(names)}")
        items.append(Item(shown(values) if len(names) > 1 else text, values=tuple(values.items())))
    return tuple(items)


def names_of(task: Task) -> tuple[str, ...]:
    """The prompt's variables."""
    return original_of(task.whole_prompt, task.literals).variables


def lacking(names: Sequence[str]) -> str:
    """What to say of an input that does not fill these variables."""
    wanted = ", ".join(f'"{name}": "…"' for name in names)
    return f"it needs a value for each variable. Write {{{wanted}}}."


def varied(texts: list[str], meta_texts: tuple[str, ...] = ()) -> tuple[str, ...]:
    """The texts without those that say the same in the same words, whatever their order, and without `meta_texts`."""
    told = {_words(text) for text in meta_texts}
    kept: dict[frozenset[str], str] = {}
    for text in texts:
        words = _words(text)
        if words and words not in told:
            kept.setdefault(words, text)
    return tuple(kept.values())


def _words(text: str) -> frozenset[str]:
    return frozenset(text.casefold().split())


def _request(task: Task, asker: Asker, kind: str) -> Request:
    names = names_of(task)
    about = f", each with a value for {' and '.join(names)}" if names else ""
    config = replace(asker.config, proposal_tokens=max(FEWEST_TOKENS, asker.config.proposal_tokens))
    return proposal_request(
        "inputs",
        meta.invent_inputs(task.whole_prompt, task.context, INVENTED // len(KINDS), kind + about, names),
        meta.inputs_schema(names),
        model=task.optimizer_model,
        config=config,
        salt=f"{asker.seed}:{kind}",
    )
