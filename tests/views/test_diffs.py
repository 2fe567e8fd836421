"""What changed between two texts, word by word."""

from optimizer.views.diffs import Change, word_diff


def test_a_variable_is_one_word() -> None:
    assert word_diff("Read {{message}}", "Now read {{ message }}")[-1].text.endswith("{{ message }}")
    assert word_diff("Sort {{mail}}", "Sort this: {{mail}}") == [
        Change("same", "Sort"),
        Change("added", " this:"),
        Change("same", " {{mail}}"),
    ]
