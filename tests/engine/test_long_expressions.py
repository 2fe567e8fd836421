"""Regular expressions that repeat themselves: looking for one takes no longer than reading it."""

from __future__ import annotations

import subprocess
import sys

import pytest

GRADES = "from optimizer.engine.graders import graded; print(graded('regex', {text!r}, {text!r}, {{}}).score)"
ENDED_AFTER = 10  # seconds; it takes a tenth of one


@pytest.mark.parametrize(
    "text", ["a" * 10_000, "ab" * 5_000, "^" + "a" * 9_999, "-" * 10_000, "(?i)" + "A" * 9_996]
)
def test_a_long_expression_does_not_freeze_the_process(text: str) -> None:
    asked = [sys.executable, "-c", GRADES.format(text=text)]
    done = subprocess.run(asked, capture_output=True, text=True, timeout=ENDED_AFTER, check=True)
    assert done.stdout.strip() in {"1.0", "0.0"}
