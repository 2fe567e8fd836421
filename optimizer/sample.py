"""The sample that a newcomer finds already filled in: a vague prompt, and 80 labelled messages to a shop.

Chosen because the embedded model gains much on rows that it has not seen: it answers the vague prompt with a
sentence about the sentence, and after a few examples with the name of the product.
"""

from pathlib import Path

DATA = Path(__file__).with_name("data") / "sample.jsonl"


def sample_form_data() -> dict[str, str]:
    """Values for the optimization form."""
    return {
        "prompt": "What is this customer writing about?",
        "context": "Messages to a shop, to be sorted by the product they are about.",
        "rows": DATA.read_text(encoding="utf-8"),
        "grader": "exact",
        "preset": "quick",
    }
