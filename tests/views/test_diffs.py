"""What changed between two texts: shown soon, whatever the texts are."""

from __future__ import annotations

import time

import pytest

from optimizer.views.diffs import word_diff

MARKS = [chr(0x2200 + number) for number in range(110)]  # each is a word of its own
IN_TURN = "".join(MARKS) * 90
BETWEEN = [chr(0x2200 + number) for number in range(256)] + [chr(0x1F300 + number) for number in range(256)]
TEXTS = {
    "in turn, and backwards": (IN_TURN, IN_TURN[::-1]),
    "something else between": ("!".join(BETWEEN) * 9, "?".join(BETWEEN) * 9),
}


@pytest.mark.parametrize("name", TEXTS)
def test_no_two_texts_take_long(name: str) -> None:
    before, after = TEXTS[name]
    begun = time.process_time()
    changes = word_diff(before, after)
    assert time.process_time() - begun < 3
    assert "".join(change.text for change in changes if change.kind != "added") == before
    assert "".join(change.text for change in changes if change.kind != "removed") == after
