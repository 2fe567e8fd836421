"""Sentences in what a judge is shown that tell it what to say. Small judges obey them, whatever they are told."""

from __future__ import annotations

import re

SENTENCE = re.compile(r"[^.!?\n]*[.!?\n]*\s*|.", re.DOTALL)
SCORE_ORDER = re.compile(
    # A scale is what a prompt may well ask of its own model.
    r"^(?!(?=.*\b(from|between)\W+\d+\W+(to|and)\W+\d+)"
    r"(?!.*\b(this|it|me|prompt|clarity|specificity|engagement|perfect|full|max\w*)\b))"
    r".*\b(scor|rat(e|ing)|grad(e|ing)|judg|points?|stars?|clarity|specificity|engagement).*\b(\d+|ten|perfect|full|max\w*)\b",
    re.IGNORECASE | re.DOTALL,
)
JUDGE_ORDER = re.compile(
    r"^\W*((dear|hey|hi|hello|attention|note|to|for|as|you are|you're)\b\W*)*(the |a |an )?"
    r"(judge|grader|evaluator|rater)s?\s*[,:;!]"
    r"|\b(judge|grader|evaluator|rater)s?\b.{0,20}\b(must|should|please|shall|has to|have to|needs? to)\b"
    r"|\b(you are|you're|as) (the|a|an) (\w+ )?(judge|grader|evaluator|rater)\b"
    r"|\b(ignore|disregard|forget)\b.*\b(instructions?|orders?|criteria|rubric|above|previous)\b"
    r"|\b(this|my) (answer|response|output) is\b.*\b(better|best|perfect)\b"
    r"|\b(prefer|choose|pick|select|vote for)\b.*\b(answer|response|output) [AB]\b"
    r"|\b(give|award|score|rate)\s+(it|this|that|me|the (answer|response|output))\b"
    r".*\b(10|ten|full|perfect|max\w*|highest)\b"
    r"|\bdeserves\b.*\b(score|marks?|points|rating)\b",
    re.IGNORECASE | re.DOTALL,
)


def without_orders_to_judge(text: str, order: re.Pattern[str] = JUDGE_ORDER) -> str:
    """The text without sentences that tell a judge what to say: small judges obey them, whatever they are told."""
    kept = "".join(part for part in SENTENCE.findall(text) if not order.search(part))
    return kept if kept.strip() or not text.strip() else "(nothing but orders to the judge)"
