"""The documentation's code runs, and says what it says it says."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"
BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:)([^)#]+)")


@pytest.mark.parametrize("page", sorted(p.name for p in DOCS.glob("*.md") if BLOCK.search(p.read_text())))
def test_the_code_of_a_page_runs_in_order(page: str) -> None:
    names: dict[str, object] = {"__name__": __name__}
    claims = 0
    for number, block in enumerate(BLOCK.findall((DOCS / page).read_text()), 1):
        tree = ast.parse(block, f"{page}, block {number}")
        claims += sum(isinstance(statement, ast.Assert) for statement in ast.walk(tree))
        exec(compile(tree, f"{page}, block {number}", "exec"), names)
    assert claims, f"{page} claims nothing that could be wrong"


@pytest.mark.parametrize("page", [*sorted(p.name for p in DOCS.glob("*.md")), "../README.md"])
def test_links_to_files_lead_somewhere(page: str) -> None:
    path = DOCS / page
    for target in LINK.findall(path.read_text()):
        assert (path.parent / target).exists(), f"{page}: {target}"
