"""The words of a text, as a search keeps and asks for them. Plain Python."""

from __future__ import annotations

import re
import unicodedata

WORD = re.compile(r"\w+")
LONGEST = 100  # characters of a word


def words_of(*texts: str) -> list[str]:
    """Each word once, without case, in the order of the texts. Letters, digits and `_` only: safe in a tsquery."""
    found = (
        word[:LONGEST]
        for text in texts
        for word in WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    )
    return list(dict.fromkeys(found))
