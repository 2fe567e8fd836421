"""The starter library: templates of our own, and rows with answers for some of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from optimizer.files.template_reading import read_templates
from optimizer.files.templates import TemplateText

FOLDER = Path(__file__).with_name("data") / "templates"
# The rows of a template, and what grades them.
ROWS = {
    "check-a-question-against-a-policy": ("Questions about house rules", "choice"),
    "extract-an-appointment": ("Messages with an appointment", "json"),
    "route-a-support-message": ("Messages to an online shop", "choice"),
    "sort-product-reviews": ("Reviews of products", "choice"),
    "work-out-a-price": ("Questions about prices", "numeric"),
}


@dataclass(frozen=True)
class Starter:
    """One of them. `slug` is its name for ever; `rows_name` and `grader` are "" without rows."""

    slug: str
    template: TemplateText
    rows_name: str = ""
    grader: str = ""

    def rows(self) -> bytes:
        """Its rows, as JSONL."""
        return (FOLDER / f"{self.slug}.jsonl").read_bytes()


@cache
def library() -> tuple[Starter, ...]:
    """All of them, by their slugs."""
    return tuple(_starter(path) for path in sorted(FOLDER.glob("*.md")))


def grader_of(slug: str) -> str:
    """What grades the rows of that starter; "" if there are none."""
    return ROWS.get(slug, ("", ""))[1]


def _starter(path: Path) -> Starter:
    (template,) = read_templates(path.read_bytes(), path.name)
    return Starter(path.stem, template, *ROWS.get(path.stem, ("", "")))
