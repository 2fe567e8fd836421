"""What a reasoning model writes before its answer, and the marks of a chat template that leak into it.

It uses only the standard library: an exported prompt contains this code, so it reads an output as the product does.
"""

from __future__ import annotations

import re

THINKING = re.compile(r"<think>.*?(</think>|\Z)", re.DOTALL)
THOUGHT_ENDS = "</think>"  # also alone: some templates open the thought in the prompt
ANSWER_BEGINS = "<|channel|>final<|message|>"
OTHER_CHANNEL = re.compile(r"(<\|start\|>assistant)?<\|channel\|>.*", re.DOTALL)
END_MARKS = re.compile(r"((<\|(end|return|im_end|eot_id|endoftext|end_of_text)\|>|</s>)\s*)+\Z")


def without_thinking(output: str) -> str:
    """The output without a reasoning model's thoughts, and without marks of a chat template that leaked into it."""
    text = THINKING.sub("", output).rpartition(THOUGHT_ENDS)[2].rpartition(ANSWER_BEGINS)[2]
    return END_MARKS.sub("", OTHER_CHANNEL.sub("", text)).strip()
