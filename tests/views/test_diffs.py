"""What changed between two texts, word by word, whatever the texts are."""

from __future__ import annotations

import pytest

from optimizer.views.diffs import Change, word_diff

MARKS = [chr(0x2200 + number) for number in range(110)]  # each is a word of its own
IN_TURN = "".join(MARKS) * 90
BETWEEN = [chr(0x2200 + number) for number in range(256)] + [chr(0x1F300 + number) for number in range(256)]
TEXTS = {
    "in turn, and backwards": (IN_TURN, IN_TURN[::-1]),
    "something else between": ("!".join(BETWEEN) * 9, "?".join(BETWEEN) * 9),
}


def test_a_variable_is_one_word() -> None:
    assert word_diff("Read {{message}}", "Now read {{ message }}")[-1].text.endswith("{{ message }}")
    assert word_diff("Sort {{mail}}", "Sort this: {{mail}}") == [
        Change("same", "Sort"),
        Change("added", " this:"),
        Change("same", " {{mail}}"),
    ]


@pytest.mark.parametrize("name", TEXTS)
def test_a_comparison_that_is_cut_short_shows_both_texts_whole(name: str) -> None:
    """Without a limit it would take a minute."""
    before, after = TEXTS[name]
    changes = word_diff(before, after)
    assert "".join(change.text for change in changes if change.kind != "added") == before
    assert "".join(change.text for change in changes if change.kind != "removed") == after
