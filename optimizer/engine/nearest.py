"""The texts most like another: TF-IDF over character 2- to 4-grams.

It uses only the standard library: an exported prompt contains this code, so it chooses the same rows.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

SHORTEST, LONGEST = 2, 4  # characters
LONGEST_TEXT = 200  # characters of a text that count


class Nearest:
    """Finds, among some texts, those most like another one."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = [_plain(text) for text in texts]
        counts = [_grams(text) for text in self._texts]
        seen = Counter(gram for count in counts for gram in count)
        self._rarity = {gram: math.log((1 + len(texts)) / (1 + number)) + 1 for gram, number in seen.items()}
        self._having: dict[
            str, list[tuple[int, float]]
        ] = {}  # by gram, the texts that have it, and its weight there
        for place, count in enumerate(counts):
            for gram, weight in self._weights(count).items():
                self._having.setdefault(gram, []).append((place, weight))

    def to(self, text: str, count: int) -> list[int]:
        """The places of the `count` nearest texts, the most similar last. A text that is the same is left out."""
        plain = _plain(text)
        likeness = [0.0] * len(self._texts)
        for gram, weight in self._weights(_grams(plain)).items():
            for place, other in self._having.get(gram, ()):
                likeness[place] += weight * other
        others = [place for place, known in enumerate(self._texts) if known != plain]
        others.sort(key=lambda place: (-round(likeness[place], 9), place))
        return others[:count][::-1]

    def _weights(self, count: Counter[str]) -> dict[str, float]:
        """A text's vector, of length 1."""
        weights = {gram: number * self._rarity.get(gram, 0.0) for gram, number in sorted(count.items())}
        length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
        return {gram: weight / length for gram, weight in weights.items() if weight}


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _grams(text: str) -> Counter[str]:
    text = text[:LONGEST_TEXT]
    return Counter(
        text[start : start + size]
        for size in range(SHORTEST, LONGEST + 1)
        for start in range(len(text) - size + 1)
    )
