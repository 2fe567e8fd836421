"""A prompt as a program: it sends what the product sends, and reads what it reads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from optimizer.engine import Config, Item, Task
from optimizer.engine.answering import AnswerCalls, Case, said_by
from optimizer.engine.asking import Asker
from optimizer.engine.components import Components, Shot
from optimizer.engine.constraint import Constraint
from optimizer.engine.program import program_of
from optimizer.engine.reasoning import Reasoning
from optimizer.engine.thinking import without_thinking
from optimizer.llm.base import Request
from optimizer.llm.ledger import paid_once
from optimizer.llm.scripted import Script, Scripted

Sent = tuple[list[dict[str, str]], dict[str, Any] | None]

WORDS = (
    "my card has not come",
    "where is my card",
    "a refund is missing",
    "I want a refund",
    'an odd "payment"\n{x}',
)
SHOTS = tuple(Shot(text, f"label {number}", f"It says {text}.") for number, text in enumerate(WORDS))
NEAREST = Components("Choose a label.", shots=SHOTS, shots_as="turns", head_as="system", nearest=2)
EACH = {
    "nearest": NEAREST,
    "in each turn": NEAREST.but(head_as="user", nearest=0),
    "a variable": NEAREST.but(instruction="Label: {{text}}.", variables=("text",), head_as="user"),
    "reasoning": NEAREST.but(reasoning=Reasoning("Think.", "Answer:")),
    "in the text": NEAREST.but(shots_as="text", head_as="user", nearest=0),
    "no examples": Components("Choose a label."),
    "a mark in the prompt": Components("Label {{an input}}."),
}
LABELS = Constraint(labels=("label 1", "label 2"))
SCHEMA = Constraint(
    schema='{"type": "object", "properties": {"b": {"type": "string"}, "a": {"type": "number"}}}'
)
THINKS = EACH["reasoning"]
CONSTRAINED = {
    "labels": NEAREST.but(constraint=LABELS),
    "a schema": EACH["no examples"].but(constraint=SCHEMA),
    "labels after reasoning": THINKS.but(constraint=LABELS),
    "a schema after reasoning": THINKS.but(
        constraint=SCHEMA, reasoning=Reasoning("Think.", "Answer:", one_line=False)
    ),
    "neither": THINKS,
}
THOUGHTS = (
    "It is.\nAnswer: label 1", "It *is*.\n**Answer:** label 2", "It is", "Answer: label 1", "```\nSo.\nAnswer: a\n```",
    "<think>Hm.</think>So:\nAnswer: b",
)  # fmt: skip


def loaded(source: str) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "prompt"}
    exec(compile(source, "prompt.py", "exec"), names)
    return names


@pytest.mark.parametrize("components", EACH.values(), ids=list(EACH))
def test_it_sends_what_the_product_sends(components: Components) -> None:
    program = loaded(program_of(components, model="small", max_tokens=64))
    for text in ("is my card here", "refund please", "payment", "", "{{an input}} \\ 'quoted'"):
        item = Item(text, values=tuple((name, text) for name in components.variables))
        ours = [{"role": m.role, "content": m.content} for m in components.messages(item)]
        if text or components.head_as == "system":
            assert program["messages"](text) == ours


def test_it_reads_what_the_product_reads() -> None:
    components = EACH["reasoning"]
    program = loaded(program_of(components, model="small", max_tokens=64))
    outputs = (
        "It is.\nAnswer: label 1", "**Answer:** label 2\nas said", "label 3", "Answer: a\nanswer : b",
        "Answer: x\nThe answer: it is clear.", "so the answer: y", "<think>Answer: a</think>Answer: b<|im_end|>",
        "Answer: label 4</s>", "<|channel|>analysis<|message|>hm<|end|><|channel|>final<|message|>Answer: z",
    )  # fmt: skip
    for output in outputs:
        assert program["read"](output) == components.read(without_thinking(output)).answer


def product_says(components: Components, text: str, script: Script) -> tuple[list[Sent], str | None]:
    """What the product sends to a model of this script, with the format, and the answer that it reads."""
    model = Scripted(script)
    the_task = Task("Choose a label.", "small", "small", items=(Item(text, "label 1"), Item("x", "label 2")))
    calls = AnswerCalls(the_task, Asker(paid_once(model), Config()), 64)
    case = Case(components, Item(text))
    steps = calls.ask("Scoring", [case])
    try:
        while True:
            next(steps)
    except StopIteration as end:
        (reply,) = end.value
    sent = [([vars(message) for message in r.messages], r.schema) for r in model.requests]
    return sent, said_by(case, reply).answer


@pytest.mark.parametrize("components", CONSTRAINED.values(), ids=list(CONSTRAINED))
@pytest.mark.parametrize("thought", THOUGHTS)
def test_it_calls_as_the_product_calls(components: Components, thought: str) -> None:
    def script(request: Request) -> str:
        return replies(request.schema)

    def replies(schema: dict[str, Any] | None) -> str:
        return thought if schema is None else '"label 2"' if "enum" in schema else '{"b": "x", "a": 1}'

    def said(chat: list[dict[str, str]], schema: dict[str, Any] | None) -> str:
        sent.append((chat, schema))
        return replies(schema)

    sent: list[Sent] = []
    program = loaded(program_of(components, model="small", max_tokens=64))
    program["said"] = said
    ours = product_says(components, "is my card here", script)
    answer = program["answer"]("is my card here")
    assert (sent, answer) == ours
    assert len(sent) == 1 + components.in_two_calls


def test_a_format_reaches_the_server() -> None:
    """The client takes it as it is written out, with its keys in order."""
    program = loaded(program_of(CONSTRAINED["a schema"], model="small", max_tokens=64))
    assert list(program["FORMAT"]["properties"]) == ["b", "a"]


def test_it_needs_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "prompt.py").write_text(program_of(NEAREST, model="small", max_tokens=64))
    command = [sys.executable, "-I", "-S", "-c", "import runpy; print(runpy.run_path('prompt.py')['SHOWN'])"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout == "2\n"


def test_several_variables_are_refused() -> None:
    with pytest.raises(ValueError, match="several variables"):
        program_of(NEAREST.but(variables=("a", "b")), model="small", max_tokens=64)
