"""A prompt as a program: it sends what the product sends, and reads what it reads."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from optimizer.engine import Item
from optimizer.engine.components import Components, Shot
from optimizer.engine.program import program_of
from optimizer.engine.reasoning import Reasoning
from optimizer.engine.thinking import without_thinking

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


def test_it_needs_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "prompt.py").write_text(program_of(NEAREST, model="small", max_tokens=64))
    command = [sys.executable, "-I", "-S", "-c", "import runpy; print(runpy.run_path('prompt.py')['SHOWN'])"]
    ran = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True, timeout=60)
    assert ran.stdout == "2\n"


def test_several_variables_are_refused() -> None:
    with pytest.raises(ValueError, match="several variables"):
        program_of(NEAREST.but(variables=("a", "b")), model="small", max_tokens=64)
